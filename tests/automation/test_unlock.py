"""Unlock, destroy and import as a shell runs them, where nothing but a backend is needed."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import cli
from automation.problem import Exit
from settings import names
from tests.automation.bare import STACK, Bare, bare
from tests.automation.kills import REGION
from tests.automation.test_locks import FREE, now
from tests.serving import serving

FAILED = Exit.FAILED


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    found = bare(tmp_path_factory.mktemp("bare"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.stage.fleet.variables.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture
def lock(made: Bare) -> Iterator[Path]:
    """A lock of the region's, whose owner is gone."""
    file = made.locks / "x.json"
    owner = {"pid": FREE, "username": "ann", "hostname": socket.gethostname(), "timestamp": now()}
    file.write_text(json.dumps(owner))
    yield file
    file.unlink(missing_ok=True)


def run(made: Bare, *arguments: str) -> int:
    return cli.run([*arguments, "--env", "dev", "--root", str(made.root)])


def test_a_lock_whose_owner_is_gone_is_broken_and_named(
    made: Bare, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(made, "unlock", "--region", REGION) == Exit.OK
    said = capsys.readouterr().out
    assert f"{STACK}: the lock of ann@{socket.gethostname()} (pid {FREE})" in said
    assert "is gone. Next: python -m automation resume --env dev" in said
    assert not lock.exists()
    assert run(made, "unlock", "--region", REGION) == Exit.OK
    assert capsys.readouterr().out == f"{STACK}: is not locked. Nothing to do.\n"


def test_a_lock_whose_owner_may_be_at_work_stays(made: Bare, lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock.write_text(lock.read_text().replace(str(FREE), str(os.getpid())))
    assert run(made, "unlock", "--region", REGION) == FAILED
    assert f"(pid {os.getpid()})" in capsys.readouterr().err
    assert lock.exists()


def test_a_lock_that_is_half_written_stays_and_is_named(
    made: Bare, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.write_text("")
    assert run(made, "unlock", "--region", REGION) == FAILED
    said = capsys.readouterr()
    assert f"{STACK}: the lock {lock} is empty or half written" in said.err
    assert said.out == ""
    assert lock.exists()
    assert run(made, "refresh") == FAILED
    said = capsys.readouterr()
    assert f"{STACK}: a lock of the stack is an empty or half written file" in said.err


@pytest.mark.parametrize(
    ("backend", "what"),
    [
        (None, "the backend that is not set shows no owners of locks"),
        ("gs://states", "the backend gs shows no owners of locks"),
        ("file:///nothing/here", "/nothing/here cannot be read (No such file or directory)"),
        ("s3://states?region=eu-west-1&endpoint=http://127.0.0.1:9", "s3://states cannot be read"),
        ("file://{folder}", f"there is no such stack in the backend file://{{folder}} (project {names.PROJECT})"),
    ],
    ids=["none", "another", "not there", "out of reach", "mistyped"],
)
def test_what_cannot_be_looked_at_is_not_said_to_be_unlocked(
    made: Bare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    backend: str | None,
    what: str,
) -> None:
    if backend is None:
        monkeypatch.delenv("PULUMI_BACKEND_URL")
    else:
        monkeypatch.setenv("PULUMI_BACKEND_URL", backend.format(folder=tmp_path))
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    assert run(made, "unlock", "--region", REGION) == FAILED
    said = capsys.readouterr()
    assert said.err.startswith(f"{STACK}: {what.format(folder=tmp_path)}")
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


def test_a_bucket_that_refuses_is_one_sentence(
    made: Bare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with serving(lambda _: (400, body)) as address:
        monkeypatch.setenv("PULUMI_BACKEND_URL", f"s3://states?region=eu-west-1&endpoint={address}")
        assert run(made, "unlock", "--region", REGION) == FAILED
    assert capsys.readouterr().err == (
        f"{STACK}: s3://states cannot be read (ExpiredToken), so nobody can tell whether it is locked; allowed: a "
        "backend that can be read; fix: check PULUMI_BACKEND_URL, the network and the credentials for it\n"
    )


def test_a_relative_backend_is_of_the_folder_that_the_command_was_started_in(
    made: Bare, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Operations, and the CLI that they start, work in folders of their own."""
    monkeypatch.chdir(made.states.parent)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://./{made.states.name}")
    assert run(made, "export", "--region", REGION, str(tmp_path / "state.json")) == Exit.OK
    assert json.loads((tmp_path / "state.json").read_text())["deployment"]["secrets_providers"]
    assert run(made, "unlock", "--region", REGION) == Exit.OK
    assert "is gone. Next" in capsys.readouterr().out
    assert not lock.exists()


@pytest.mark.parametrize("command", ["unlock", "export", "import", "destroy"])
def test_a_region_that_is_none_is_refused(made: Bare, capsys: pytest.CaptureFixture[str], command: str) -> None:
    file = {"export": [str(made.states / "out")], "import": [str(made.root / "Pulumi.yaml")]}.get(command, [])
    assert run(made, command, "--region", "us-eats", *file) == FAILED
    assert capsys.readouterr().err == (
        "--region is us-eats, which dev does not have; allowed: us-east; fix: choose among these\n"
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("destroy",), f"Everything of {STACK} goes, but for what is protected"),
        (("destroy", "--json"), f"Everything of {STACK} goes, but for what is protected"),
        (("import", "FILE"), f"The state of {STACK} is replaced"),
    ],
    ids=["destroy", "as JSON", "import"],
)
def test_where_nobody_answers_the_option_is_named(
    made: Bare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    what: str,
) -> None:
    (tmp_path / "state.json").touch()
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    given = [str(tmp_path / "state.json") if each == "FILE" else each for each in arguments]
    assert run(made, *given, "--region", REGION) == FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"{what}. Its name: \n--confirm is not given, and nobody answers; allowed: {STACK}; nothing was touched; "
        f"fix: --confirm {STACK}\n"
    )


@pytest.mark.parametrize("arguments", [("--confirm", "dev.us-west"), ()], ids=["option", "answer"])
def test_another_name_touches_nothing(
    made: Bare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("dev.us-west\n"))
    before = made.files()
    assert run(made, "destroy", "--region", REGION, *arguments) == FAILED
    assert "--confirm is dev.us-west; allowed: dev.us-east; nothing was touched" in capsys.readouterr().err
    assert made.files() == before
