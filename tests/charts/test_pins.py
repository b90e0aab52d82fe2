"""charts.yaml: what it may say, how a version is chosen, and how one is added."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from charts import edit, pins
from charts.__main__ import app
from settings import load
from settings.problem import SettingsError
from tests.charts.publisher import DIGEST, OTHER, PACKAGE, TEXT, mirrored, published, root, served

URL = "https://charts.example.com"
PINNED = TEXT.format(repository=URL, field="sha256", digest=DIGEST)


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        pins.parse(text)
    return str(caught.value)


def test_the_shipped_file_is_accepted() -> None:
    known = pins.load(load.ROOT)
    assert known.charts.keys() >= {"kube-prometheus-stack", "loki", "tempo-distributed", "opentelemetry-operator"}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "default: 1.2.3",
            "default: 1.2.4",
            "charts.loki.default is '1.2.4', which has no entry under versions; allowed: 1.2.3; fix: choose one of "
            "these, or run: python -m charts pin loki 1.2.4",
        ),
        (
            DIGEST,
            DIGEST[:-1],
            f"charts.loki.versions.1.2.3.sha256 is '{DIGEST[:-1]}'; allowed: 64 hexadecimal digits; fix: correct it: "
            "Digest of the public repository's package; None while nobody has recorded it",
        ),
        (
            "sha256",
            "sha265",
            "charts.loki.versions.1.2.3.sha265 is not a known key; allowed: sha256, mirror_sha256; fix: did you mean "
            "sha256?",
        ),
        (
            "default: 1.2.3",
            "default: 1.2",
            "charts.loki.default is 1.2; allowed: text; fix: write it in quotes",
        ),
    ],
    ids=["a default that is not pinned", "a short digest", "a wrong key", "a version that YAML reads as a number"],
)
def test_a_mistake_is_refused(old: str, new: str, sentence: str) -> None:
    assert refused(PINNED.replace(old, new)) == f"charts.yaml: {sentence}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        pins.load(tmp_path)
    assert str(caught.value) == (
        "charts.yaml: file is missing; allowed: the pins of every chart; fix: restore charts.yaml"
    )


def test_a_region_chooses_among_the_pinned_versions() -> None:
    text = PINNED + f"      1.2.4:\n        sha256: {OTHER}\n"
    assert pins.choose(pins.parse(text), {}, "regions.a.charts") == {"loki": "1.2.3"}
    assert pins.choose(pins.parse(text), {"loki": "1.2.4"}, "regions.a.charts") == {"loki": "1.2.4"}


def test_unknown_charts_and_versions_are_refused_together() -> None:
    with pytest.raises(SettingsError) as caught:
        pins.choose(pins.parse(PINNED), {"lokki": "1.2.3", "loki": "9.9.9"}, "regions.a.charts")
    assert str(caught.value).splitlines() == [
        "settings: regions.a.charts.lokki is no chart of charts.yaml; allowed: loki; fix: correct the name",
        "settings: regions.a.charts.loki is '9.9.9', which is not in charts.yaml; allowed: 1.2.3; fix: choose one of "
        "these, or run: python -m charts pin loki 9.9.9",
    ]


def test_a_digest_is_written_and_every_other_line_stays() -> None:
    added = edit.written(PINNED, "loki", "1.2.3", "mirror_sha256", OTHER)
    assert added == PINNED.replace(
        "1.2.3: # held since 2026-07\n", f"1.2.3: # held since 2026-07\n        mirror_sha256: {OTHER}\n"
    )
    assert edit.written(PINNED, "loki", "1.2.3", "sha256", OTHER) == PINNED.replace(DIGEST, OTHER)
    assert edit.written(PINNED, "loki", "1.3.0", "sha256", OTHER) == PINNED.replace(
        "    versions:\n", f"    versions:\n      1.3.0:\n        sha256: {OTHER}\n"
    )


@pytest.mark.parametrize("chart", ["loki", "tempo", "opentelemetry-operator"])
def test_the_shipped_file_can_be_edited(chart: str) -> None:
    text = (load.ROOT / pins.FILE).read_text(encoding="utf-8")
    result = edit.written(text, chart, "99.0.0", "sha256", DIGEST)
    assert [line for line in result.splitlines() if line not in text.splitlines()] == [
        "      99.0.0:",
        f"        sha256: {DIGEST}",
    ]
    before, after = pins.parse(text), pins.parse(result)
    assert after.charts[chart].versions.pop("99.0.0").sha256 == DIGEST
    assert after == before


@pytest.mark.parametrize(
    "text",
    [
        f"mirror: m\ncharts: {{loki: {{repository: '{URL}', default: a, versions: {{a: {{}}}}}}}}\n",
        f"mirror: m\ncharts:\n  loki:\n    repository: {URL}\n    default: a\n    versions:\n      a: {{}}\n",
    ],
    ids=["in one line", "a version in one line"],
)
def test_a_file_in_another_layout_is_left_alone(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        edit.written(text, "loki", "a", "sha256", DIGEST)
    assert str(caught.value) == (
        "charts.yaml: charts.loki cannot be edited, for charts.yaml is not laid out as expected; allowed: two spaces "
        f"per level and one key per line; fix: write sha256: {DIGEST} under charts.loki.versions.a by hand"
    )


def test_the_command_pins_from_the_public_repository(tmp_path: Path) -> None:
    with served(published(tmp_path / "public")) as url:
        folder = root(tmp_path / "root", url, "mirror_sha256", OTHER)
        done = CliRunner().invoke(app, ["pin", "loki", "1.2.3", "--root", str(folder)])
        again = CliRunner().invoke(app, ["pin", "loki", "1.2.3", "--root", str(folder), "--json"])
    assert (done.exit_code, done.output) == (
        0,
        "loki 1.2.3: fetching (public)\n"
        f"loki 1.2.3: sha256 is now {DIGEST}\n"
        "Next: compare it with the publisher's, choose the version (default: 1.2.3 in charts.yaml, or charts: {loki: "
        "1.2.3} in one region), and review the preview.\n",
    )
    assert json.loads(again.output) == {
        "chart": "loki", "version": "1.2.3", "field": "sha256", "digest": DIGEST, "changed": False,
    }  # fmt: skip
    version = pins.load(folder).charts["loki"].versions["1.2.3"]
    assert (version.sha256, version.mirror_sha256) == (DIGEST, OTHER)
    assert (folder / "charts.yaml").stat().st_mode & 0o777 == 0o644


def test_the_command_replaces_a_digest_only_when_told(tmp_path: Path) -> None:
    folder = root(tmp_path / "root", URL, "mirror_sha256", OTHER)
    mirrored(folder)
    command = ["pin", "loki", "1.2.3", "--root", str(folder)]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, done.output) == (
        1,
        "loki 1.2.3: fetching (mirror)\n"
        f"charts.yaml: charts.loki has the mirror_sha256 {OTHER} pinned for 1.2.3, but the package has {DIGEST}; "
        "allowed: a published package never changes; fix: find out who changed it, and only then run the command "
        "again with --replace\n",
    )
    assert CliRunner().invoke(app, [*command, "--replace"]).exit_code == 0
    assert pins.load(folder).charts["loki"].versions["1.2.3"].mirror_sha256 == DIGEST


def test_the_command_refuses_an_unknown_chart(tmp_path: Path) -> None:
    folder = root(tmp_path / "root", URL)
    done = CliRunner().invoke(app, ["pin", "tempo", "1.0.0", "--from", "public", "--root", str(folder), "--json"])
    assert (done.exit_code, json.loads(done.output)) == (
        1,
        {
            "problems": [
                {
                    "path": "charts.tempo",
                    "what": "is not in charts.yaml",
                    "allowed": "loki",
                    "fix": "correct the name, or add the chart",
                }
            ]
        },
    )


def test_the_command_warms_the_cache(tmp_path: Path) -> None:
    folder = root(tmp_path / "root", URL, "mirror_sha256")
    mirrored(folder)
    done = CliRunner().invoke(app, ["pull", "--root", str(folder)])
    assert (done.exit_code, done.output) == (
        0, "loki 1.2.3: checked\n1 charts in .cache/charts. Next: make preview\n",
    )  # fmt: skip
    listed = json.loads(CliRunner().invoke(app, ["pull", "--root", str(folder), "--json"]).output)
    assert Path(listed["packages"][0]["path"]).read_bytes() == PACKAGE


def test_the_command_lists_pins(tmp_path: Path) -> None:
    folder = root(tmp_path / "root", URL)
    assert CliRunner().invoke(app, ["list", "--root", str(folder)]).output == (
        "loki 1.2.3 (default): public\nNext: python -m charts pull\n"
    )
    listed = json.loads(CliRunner().invoke(app, ["list", "--root", str(folder), "--json"]).output)
    assert listed["charts"]["loki"]["versions"] == {"1.2.3": {"sha256": DIGEST, "mirror_sha256": None}}
