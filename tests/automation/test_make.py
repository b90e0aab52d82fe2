"""The steps of the workflows that call other tools: what fails there fails the step."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.instance import ROOT

SAYS_WHAT_IT_IS_ASKED = 'printf "%s\\n" "$*" >> "$ASKED"\n'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tools that come before all others; what they are asked stands in `asked` beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return folder


def tool(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{SAYS_WHAT_IT_IS_ASKED}{script}\n")
    file.chmod(0o755)


def made(*arguments: str) -> int:
    command = [str(shutil.which("make")), "--silent", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("listing", "code", "asked"),
    [
        ("exit 1", 2, ["--paginate"]),
        ("exit 0", 0, ["--paginate", "--silent repos/{owner}/{repo}/issues/7/comments"]),
        ("echo 41; echo 42", 0, ["--paginate", "--silent -X PATCH repos/{owner}/{repo}/issues/comments/41"]),
    ],
    ids=["comments cannot be listed", "there is none", "there are two"],
)
def test_a_comment_is_updated_or_made_once(
    tools: Path, tmp_path: Path, listing: str, code: int, asked: list[str]
) -> None:
    tool(tools, "gh", f'case "$*" in *--paginate*) {listing};; esac')
    assert made("comment", "ENV=prod", "PULL_REQUEST=7") == code
    calls = (tmp_path / "asked").read_text().splitlines()
    assert [call.startswith(f"api {words}") for call, words in zip(calls, asked, strict=True)] == [True] * len(asked)
    assert '.user.login == "github-actions[bot]"' in calls[0]


@pytest.mark.parametrize(("fails", "code", "calls"), [("none", 0, 3), ("us-east-1", 2, 3), ("ap-southeast-1", 2, 1)])
def test_a_kubeconfig_that_cannot_be_written_fails_the_step(
    tools: Path, tmp_path: Path, fails: str, code: int, calls: int
) -> None:
    tool(tools, "aws", f'case "$*" in *"--region {fails} "*) exit 255;; esac')
    assert made("kubeconfigs", "ENV=prod") == code
    assert len((tmp_path / "asked").read_text().splitlines()) == calls


def test_settings_that_are_refused_fail_the_step(tools: Path, tmp_path: Path) -> None:
    tool(tools, "aws", "")
    assert made("kubeconfigs", "ENV=nowhere") == 2
    assert not (tmp_path / "asked").exists()
