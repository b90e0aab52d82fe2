"""Stacks that the backend does not have: of a mistyped one nothing would ever differ."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import cli
from automation.problem import Exit
from lab.instance import ROOT
from settings import names
from tests.automation.bare import STACK, Bare, bare
from tests.automation.kills import REGION

CRDS = f"{names.PROJECT}-crds"
DESTROY = ("destroy", "--region", REGION, "--confirm", STACK)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    """The region's stack, without that of its CRDs."""
    found = bare(tmp_path_factory.mktemp("absent"))
    (found.root / "crds").mkdir()
    shutil.copy(ROOT / "crds" / "Pulumi.yaml", found.root / "crds")
    (found.root / "crds" / "__main__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.stage.fleet.variables.items():
            patch.setitem(os.environ, name, value)
        yield found


def run(made: Bare, *arguments: str) -> int:
    return cli.run([*arguments, "--env", "dev", "--root", str(made.root)])


def absent(project: str, backend: Path) -> str:
    return (
        f"{STACK}: there is no such stack in the backend {backend.as_uri()} (project {project}); allowed: one that up "
        "has made; fix: correct PULUMI_BACKEND_URL, or run up first"
    )


@pytest.mark.parametrize("arguments", [("drift",), ("refresh",), DESTROY], ids=lambda each: str(each[0]))
def test_a_region_that_is_not_in_the_backend_is_an_error_and_is_not_made(
    made: Bare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    assert run(made, *arguments) == Exit.FAILED
    said = capsys.readouterr()
    wanted = [absent(names.PROJECT, tmp_path)]
    if arguments is not DESTROY:
        wanted.insert(0, absent(CRDS, tmp_path))
    assert [line for line in said.err.splitlines() if line.startswith(STACK)] == wanted
    assert "No change" not in said.out
    assert not (tmp_path / ".pulumi" / "stacks").exists()


@pytest.mark.parametrize("command", ["drift", "refresh"])
def test_a_region_without_its_crds_names_what_is_missing(
    made: Bare, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    before = made.files()
    assert run(made, command, "--json") == Exit.FAILED
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if line.startswith(STACK)] == [absent(CRDS, made.states)]
    json.loads(said.out)
    assert [file for file in made.files() if CRDS in file.parts] == []
    assert {*before} <= {*made.files()}


def test_of_a_region_that_came_up_in_part_that_part_is_destroyed(
    made: Bare, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its CRDs were never made: that is what a destroy is to reach."""
    assert run(made, *DESTROY) == Exit.OK
    said = capsys.readouterr()
    assert "dev.us-east: done" in said.out
    assert "crds destroy: nothing in" in said.out
    assert [file for file in made.files() if CRDS in file.parts] == []
