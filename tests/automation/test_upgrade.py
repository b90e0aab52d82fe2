"""What another version of a chart brings, rendered by the real helm with the values that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tools
from automation import cli, rendering, upgrade
from automation.problem import AutomationError
from charts import crds as repackaged
from charts import pins
from charts.repository import digest
from lab.instance import ROOT
from settings import load, names

REFUSED = {
    "Chart.yaml": b"apiVersion: v2\nname: loki\nversion: 18.13.0\n",
    "templates/a.yaml": b'{{ fail "no bucket" }}',
}
CRDS = "prometheus-operator-crds"
OTHERS = "kube-prometheus-stack, prometheus-operator-crds, loki, tempo, tempo-distributed, opentelemetry-operator"


@pytest.fixture(autouse=True)
def _helm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_BIN", str(tools.ensure("helm")["helm"]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the pins and settings that ship, and in its mirror versions that are not pinned yet."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    known = pins.load(ROOT)
    for file in (ROOT / known.mirror).glob("*.tgz"):
        (mirror / file.name).symlink_to(file.resolve())
    for new, old in (("loki-18.12.0", "loki-18.10.1"), ("tempo-distributed-2.27.0", "tempo-distributed-2.26.1")):
        (mirror / f"{new}.tgz").symlink_to(f"{old}.tgz")
    (mirror / "loki-18.13.0.tgz").write_bytes(repackaged._archive("loki", REFUSED))
    text = (ROOT / "charts.yaml").read_text().replace(f"mirror: {known.mirror}\n", "mirror: mirror\n")
    (tmp_path / "charts.yaml").write_text(text)
    for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def run(root: Path, asked: str) -> int:
    return cli.run(["upgrade", *asked.split(), "--root", str(root)])


def test_another_patch_of_loki_changes_labels_alone_and_is_no_risk() -> None:
    found = upgrade.compare(upgrade.propose("loki", "18.10.1"), load.environment_from_file("dev"))
    assert (found.before, found.after, found.kept) == ("18.11.0", "18.10.1", {})
    assert (found.report.risks, found.new_crds, found.lost_fields) == ((), (), ())
    assert (found.lost_targets, found.lost_series, found.lost_labels) == ((), {}, {})
    assert len(found.report.groups) > 5
    changed = {leaf.path for group in found.report.groups for leaf in group.leaves}
    assert changed == {'metadata.labels["helm.sh/chart"]', 'spec.template.metadata.labels["helm.sh/chart"]'}


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("loki 18.12.0 --no-write", 0, "charts.yaml: as it was"),
        ("loki 18.11.0", 0, "charts.yaml: as it was"),
        (
            "loki 18.13.0",
            1,
            "loki 18.13.0: helm refuses its values (execution error at (loki/templates/a.yaml:1:3): no bucket); "
            "fix: migrate them in components/values/",
        ),
        (
            "tempo-distributed 2.27.0",
            1,
            "tempo-distributed: no region of dev installs it; allowed: kube-prometheus-stack, loki, "
            "opentelemetry-operator, prometheus-operator-crds, tempo; fix: choose another --env",
        ),
        (
            "nope 1.0.0",
            1,
            f"charts.yaml: charts.nope is not in charts.yaml; allowed: {OTHERS}; "
            "fix: correct the name, or add the chart",
        ),
        (
            "tempo 9.0.0",
            1,
            "charts.yaml: charts.tempo has no version 9.0.0 in the mirror mirror; allowed: tempo-2.2.4; "
            "fix: put tempo-9.0.0.tgz into the mirror, or remove the mirror directory to use the public repository",
        ),
    ],
    ids=["only shown", "the same", "refused by helm", "installed nowhere", "no chart", "no version"],
)
def test_charts_yaml_stays_as_it_was(
    root: Path, asked: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "charts.yaml").read_bytes()
    assert run(root, f"{asked} --env dev") == code
    captured = capsys.readouterr()
    assert (captured.err if code else captured.out).splitlines()[-1] == said
    assert (root / "charts.yaml").read_bytes() == before


def test_an_interrupt_and_a_network_that_is_down_leave_charts_yaml_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = (root / "charts.yaml").read_text()
    monkeypatch.setattr(rendering, "template", interrupted)
    assert run(root, "loki 18.12.0 --env dev") != 0
    assert (root / "charts.yaml").read_text() == before
    public = "https://grafana-community.github.io/helm-charts"
    unreachable = before.replace("mirror: mirror\n", "mirror: none\n").replace(public, "http://127.0.0.1:9")
    (root / "charts.yaml").write_text(unreachable)
    assert run(root, "loki 18.12.0 --env dev") == 1
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith("charts.yaml: charts.loki cannot be fetched from http://127.0.0.1:9/: no connection; allowed: ")
    )
    assert (root / "charts.yaml").read_text() == unreachable


def test_a_new_version_is_written_with_its_digest_and_every_other_line_stays(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "charts.yaml").read_text()
    assert run(root, "loki 18.12.0 --env dev --json") == 0
    assert json.loads(capsys.readouterr().out)["written"] is True
    pinned = digest((root / "mirror" / "loki-18.12.0.tgz").read_bytes())
    head = "    default: 18.11.0\n    versions:\n"
    new = f"    default: 18.12.0\n    versions:\n      18.12.0:\n        mirror_sha256: {pinned}\n"
    assert (root / "charts.yaml").read_text() == before.replace(head, new)


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(root: Path) -> None:
    proposal, file = upgrade.propose("loki", "18.12.0", root), root / "charts.yaml"
    file.write_text(f"{proposal.was}# a word\n")
    with pytest.raises(AutomationError, match="changed while it was compared; fix: run the same command again"):
        proposal.write()
    assert file.read_text() == f"{proposal.was}# a word\n"
    file.unlink()
    with pytest.raises(
        AutomationError, match=r"charts\.yaml: cannot be written \(No such file or directory\); allowed"
    ):
        proposal.write()


def test_a_region_with_its_own_version_is_named_and_not_among_what_changes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = root / "Pulumi.prod.yaml"
    settings.write_text(
        settings.read_text().replace("      us-east:\n", "      us-east:\n        charts: {loki: 18.10.1}\n", 1)
    )
    assert run(root, "loki 18.12.0") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == [
        "loki 18.11.0 -> 18.12.0",
        "prod.us-east: stays at 18.10.1, its own in Pulumi.prod.yaml (regions.us-east.charts.loki)",
        "prod.ap-southeast: update 42",
        "prod.eu-west: update 42",
    ]
    assert [line for line in said[4:] if "us-east" in line] == []
    assert said[-1] == "charts.yaml: loki is now 18.12.0 by default"


def test_a_chart_of_the_stack_of_crds_is_compared_as_that_stack_has_it(root: Path) -> None:
    members = repackaged._members(root / "mirror" / f"{CRDS}-31.0.1.tgz")
    for kind, old, new in (
        ("probes", b"              scrapeTimeout:", b"              scrapeLimit:"),
        ("prometheusrules", b"  - name: v1", b"  - name: v2"),
        ("servicemonitors", b"    served: true", b"    served: false"),
    ):
        file = f"charts/crds/templates/crd-{kind}.yaml"
        assert members[file].count(old) == 1
        members[file] = members[file].replace(old, new)
    del members["charts/crds/templates/crd-thanosrulers.yaml"]
    (root / "mirror" / f"{CRDS}-32.0.0.tgz").write_bytes(repackaged._archive(CRDS, members))
    platform = load.environment_from_file("prod")
    found = upgrade.compare(upgrade.propose(CRDS, "32.0.0", root), platform)
    counts = {"create": 0, "update": 9, "replace": 0, "delete": 1}
    assert found.report.counts == dict.fromkeys(platform.regions, counts)
    assert {group.project for group in found.report.groups} == {"crds"}
    assert [(risk.token, len(risk.regions)) for risk in found.report.risks] == [
        (f"delete-stateful:{CRDS}:thanosrulers.monitoring.coreos.com", 3)
    ]
    schema = "spec.versions.v1.schema.openAPIV3Schema.properties.spec"
    assert found.lost_fields == (
        f"probes.monitoring.coreos.com {schema}.properties.scrapeTimeout",
        "prometheusrules.monitoring.coreos.com spec.versions.v1",
        "servicemonitors.monitoring.coreos.com spec.versions.v1.served",
    )


def test_the_operator_brings_crds_of_its_own() -> None:
    found = upgrade.compare(upgrade.propose("opentelemetry-operator", "0.121.0"), load.environment_from_file("dev"))
    changed = [
        (group.project, group.label) for group in found.report.groups if group.kind == "CustomResourceDefinition"
    ]
    kinds = sorted(name for name, chart in names.CRDS.items() if chart == "opentelemetry-operator")
    assert changed == [("crds", f"opentelemetry-operator:{name}") for name in kinds]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("level=WARN msg=x\nError: b is required\n\nUse --debug flag to render out invalid YAML\n", "b is required"),
        (
            "Error: against the schema:\nloki:\n- at '/a': got number\n\n",
            "against the schema: loki: - at '/a': got number",
        ),
        ("panic", "panic"),
        ("", "no reason"),
    ],
)
def test_the_reason_is_what_helm_says_behind_error(said: str, reason: str) -> None:
    assert upgrade._reason(said) == reason


def test_helm_is_that_of_the_environment_or_the_built_one_or_that_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fix = "; allowed: helm 3.18 or later; fix: run python -m tools build helm, or set HELM_BIN to another one"
    monkeypatch.setenv("HELM_BIN", "/nowhere/helm")
    with pytest.raises(AutomationError) as wrong:
        upgrade._helm()
    assert str(wrong.value) == f"HELM_BIN is /nowhere/helm, which cannot be run{fix}"
    monkeypatch.delenv("HELM_BIN")
    built = tools.ensure("helm")["helm"]
    assert Path(upgrade._helm()).samefile(built)
    monkeypatch.setattr(upgrade, "_BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(built.parent))
    assert Path(upgrade._helm()).samefile(built)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AutomationError) as none:
        upgrade._helm()
    assert str(none.value) == f"helm is neither built nor on PATH{fix}"


@pytest.mark.parametrize(
    ("kind", "path", "forced"),
    [
        ("kubernetes:apps/v1:StatefulSet", "spec.volumeClaimTemplates.data.spec", True),
        ("kubernetes:apps/v1:StatefulSet", "spec.template.spec", False),
        ("kubernetes:apps/v1:Deployment", "spec.selector.matchLabels.app", True),
        ("kubernetes:core/v1:Service", "spec.selector.app", False),
    ],
)
def test_what_cannot_change_in_place_is_a_replacement(kind: str, path: str, forced: bool) -> None:
    assert upgrade._field(kind, path, "a", "b").replaces is forced


def test_words_of_rules_and_dashboards_are_whole_names(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.rules.yaml").write_text("expr: job:up:sum > 1")
    (tmp_path / "rules" / "b.rules.yaml").write_text("expr: job:up:sum5m > 1")
    assert upgrade._words(tmp_path)["job:up:sum"] == ("rules/a.rules.yaml",)
