"""The CLI that the driver finds: asked for its version once, and refused before anything is begun."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from automation import command
from automation.problem import AutomationError
from automation.projects import Project
from automation.runner import Runner
from automation.site import Site

ALLOWED = "allowed: 3.206 or later; fix: install the version of the SDK in pyproject.toml"


def pulumi(folder: Path, says: str) -> dict[str, str]:
    """An environment whose `pulumi` says something, and notes that it was asked."""
    file = folder / "pulumi"
    file.write_text(f'#!/bin/sh\necho "$@ $PULUMI_SKIP_UPDATE_CHECK" >> {folder}/asked\necho "{says}"\n')
    file.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(("says", "version"), [("v3.259.0", "3.259.0"), ("4.0.0-alpha.1", "4.0.0-alpha.1")])
def test_its_version_is_what_it_says(tmp_path: Path, says: str, version: str) -> None:
    assert command.version(pulumi(tmp_path, says)) == version
    assert (tmp_path / "asked").read_text() == "version true\n"


@pytest.mark.parametrize(("says", "shown"), [("v3.205.1", "v3.205.1"), ("2.30.0", "2.30.0"), ("", "unknown")])
def test_one_that_is_too_old_or_none_of_pulumis_is_refused(tmp_path: Path, says: str, shown: str) -> None:
    with pytest.raises(AutomationError) as refused:
        command.version(pulumi(tmp_path, says))
    assert str(refused.value) == f"{tmp_path}/pulumi is version {shown}; {ALLOWED}"


def test_without_one_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    started: list[int] = []
    runner = Runner(Site("dev", tmp_path, tmp_path / "home"), started=lambda _, pid: started.append(pid))
    with pytest.raises(AutomationError) as refused:
        runner.run("us-east", Project("region", tmp_path, tmp_path), "preview")
    assert str(refused.value) == f"pulumi is not on PATH; {ALLOWED}"
    assert started == []


def test_it_is_asked_once_for_all_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", pulumi(tmp_path, "v3.259.0")["PATH"])
    project = Project("region", tmp_path, tmp_path)
    with Runner(Site("dev", tmp_path, tmp_path / "home")) as runner:
        # It writes no state, which is what the operation then says.
        ended = runner.each(["us-east", "us-west"] * 2, lambda region: runner.run(region, project, "outputs"), 4)
    assert all(each.error for each in ended)
    assert (tmp_path / "asked").read_text().splitlines().count("version true") == 1
