"""`python -m dashboards`: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from components.values.dashboard_files import dashboard_files
from dashboards.__main__ import FAILED, USAGE, run
from dashboards.board import Folder
from dashboards.catalogue import CATALOGUE
from settings.load import ROOT
from tests.contexts import context


def built(out: Path) -> dict[str, str]:
    return {str(file.relative_to(out)): file.read_text(encoding="utf-8") for file in sorted(out.rglob("*.json"))}


def test_build_writes_what_ships_and_the_same_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--out", str(tmp_path / "a"), "--env", "prod", "--region", "us-east"]) == 0
    said = capsys.readouterr().out
    assert run(["build", "--out", str(tmp_path / "b"), "--env", "prod", "--region", "us-east"]) == 0
    expected = {f"{each.folder}/{each.uid}.json": each.text for each in dashboard_files(context("prod.us-east"))}
    assert built(tmp_path / "a") == built(tmp_path / "b") == expected
    assert said.splitlines()[-1] == "Next: make gallery draws them with data; pulumi up delivers them."


def test_what_is_built_does_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    """Which differs between two processes, and is the same within one."""
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "dashboards", "build", "--out", str(tmp_path / seed)]
        done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert built(tmp_path / "1") == built(tmp_path / "2")


def test_build_names_what_no_dashboard_is_any_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "Platform" / "old.json"
    old.parent.mkdir()
    old.write_text("{}")
    assert run(["build", "--out", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["stale"] == ["Platform/old.json"]
    assert {each["uid"] for each in document["dashboards"]} > CATALOGUE.keys()
    assert run(["build", "--out", str(tmp_path)]) == 0
    assert f"{old} is of an earlier build: no dashboard has this uid any more. Remove it." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["gallery"],
            FAILED,
            "gallery: nobody to ask; fix: name --prometheus, --loki and --tempo, or --data FILE; "
            "make gallery starts all three with seeded data",
        ),
        (
            ["gallery", "--range", "soon", "--prometheus", "http://127.0.0.1:9"],
            FAILED,
            "--range: is 'soon'; allowed: ",
        ),
        (["gallery", "--only", "nothing"], FAILED, "--only: 'nothing' is no dashboard; allowed: alerts-silences, "),
        (["gallery", "--data", "/nowhere/x.json"], FAILED, "--data: /nowhere/x.json cannot be read ("),
        (["build", "--env", "mars"], FAILED, "Pulumi.mars.yaml"),
        (["paint"], USAGE, "No such command 'paint'"),
    ],
)
def test_a_refusal_is_one_sentence(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run([*arguments, *([] if arguments[0] == "paint" else ["--out", str(tmp_path)])]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_file_that_is_no_bundle_is_refused_with_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bundle.json"
    file.write_text('{"source": "x", "boards": {"slo": {"start": 1, "end": "then"}}}')
    assert run(["gallery", "--data", str(file), "--out", str(tmp_path)]) == FAILED
    said = capsys.readouterr().err
    assert said.startswith(f"--data: {file} is no data bundle: boards.slo.end: ")
    assert said.endswith("fix: record it anew with python -m dashboards gallery --save FILE\n")


def _in_page(uid: str) -> tuple[int, str]:
    """Order dashboards by folder and title."""
    entry = CATALOGUE[uid]
    return list(Folder).index(Folder(entry.folder)), str(entry.build().build().title)


def test_the_page_about_dashboards_names_each_with_its_question_and_shows_small_pictures() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    assert re.findall(r"^\|.*\| `([a-z-]+)` \|$", page, re.MULTILINE) == sorted(CATALOGUE, key=_in_page)
    for each in dashboard_files(context()):
        if each.uid in CATALOGUE:
            model = json.loads(each.text)
            assert f"| {model['title']} | {model['description']} | `{each.uid}` |" in page
            assert f"**{each.folder}**" in page
    pictures = [ROOT / "docs" / path for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)]
    assert pictures
    assert sum(each.stat().st_size for each in pictures) < 1_500_000
