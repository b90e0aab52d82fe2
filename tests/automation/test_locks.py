"""Whose lock it is, where that is read, and when its owner is provably gone."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from automation import diagnosis, locks
from automation.journal import alive
from automation.locks import Owner
from automation.problem import AutomationError
from automation.waiting import until
from lab.instance import ROOT
from tests.serving import Asked, serving

LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`.\n  file:///state/locks/x.json: created by ann@{host} (pid {pid}) at {since}"
)
FREE = 2**22 + 1
"""No process can have it."""
PROJECT, STACK = "observability-platform", "prod.us-east"
LOCK = {"pid": 7, "username": "ann", "hostname": "h", "timestamp": "2026-01-01T00:00:00Z"}
ANN = Owner("ann", "h", 7, "2026-01-01T00:00:00Z")


def now(seconds: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def owner(pid: int, since: str = "") -> Owner:
    return Owner("ann", socket.gethostname(), pid, since or now())


@contextmanager
def engine(folder: Path, *before: str) -> Iterator[subprocess.Popen[str]]:
    """A process that goes by an engine's name."""
    named = folder / "pulumi"
    named.symlink_to(shutil.which("sleep") or "")
    process = subprocess.Popen([*before, str(named), "60"], text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("host", "pid", "since", "expected"),
    [
        (None, os.getpid(), now(), False),
        (None, FREE, now(), True),
        (None, os.getpid(), "2020-01-01T00:00:00.123456789Z", True),
        (None, os.getpid(), "one day", False),
        ("elsewhere", FREE, now(), False),
    ],
    ids=["it runs", "its pid is free", "its pid is another's by now", "since when is unknown", "it is on another host"],
)
def test_only_an_owner_that_provably_ended_is_gone(host: str | None, pid: int, since: str, expected: bool) -> None:
    found = locks.owners(LOCKED.format(host=host or socket.gethostname(), pid=pid, since=since.replace(" ", "_")))
    assert found == [Owner("ann", host or socket.gethostname(), pid, since.replace(" ", "_"))]
    assert locks.gone(found[0]) is expected


@pytest.mark.parametrize("seconds", [60.0, 1800.0])
def test_a_clock_that_is_set_forward_ends_nobody(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    held, steady = owner(os.getpid()), time.time
    monkeypatch.setattr(time, "time", lambda: steady() + seconds)
    assert not locks.gone(held)


def test_an_engine_that_runs_is_not_gone_whatever_the_clock_says(tmp_path: Path) -> None:
    """A machine that was asleep: the lock is of before, and so is its owner, but the clock was set in between."""
    with engine(tmp_path) as process:
        assert not locks.gone(owner(process.pid, "2020-01-01T00:00:00Z"))
    assert locks.gone(owner(process.pid, "2020-01-01T00:00:00Z"))


def test_a_process_that_the_system_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc is mounted with hidepid, it shows nobody else's processes."""

    def denied(pid: int, number: int) -> None:
        raise PermissionError

    assert locks.gone(owner(FREE))
    monkeypatch.setattr(os, "kill", denied)
    assert not locks.gone(owner(FREE))


def unshared(*namespaces: str) -> list[str]:
    """A command that runs another one in namespaces of its own."""
    command = ["unshare", "--kill-child", "--fork", *namespaces]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("no namespaces on this machine")
    return command


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [(["--pid", "--mount-proc"], "False"), (["--pid", "--mount-proc", "--uts"], "True")],
    ids=["its host's name", "a name of its own"],
)
def test_a_container_with_its_hosts_name_knows_of_no_owner_that_it_is_gone(
    namespaces: list[str], expected: str
) -> None:
    if str(Path("/proc/self/ns/uts").readlink()) != "uts:[4026531838]":
        pytest.skip("this is a container itself")
    ask = f"import socket; from automation.locks import *; print(gone(Owner('a', socket.gethostname(), {FREE}, '')))"
    done = subprocess.run(
        [*unshared(*namespaces), sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_an_engine_in_a_container_with_this_hosts_name_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pid in there is 1, under which another process is known out here: that one is taken away."""
    monkeypatch.setattr(locks, "_process", lambda _: None)
    assert locks.gone(owner(1))
    with engine(tmp_path, *unshared("--pid", "--mount-proc")):
        assert until(lambda: not locks.gone(owner(1)), 10.0)
    assert until(lambda: locks.gone(owner(1)), 10.0)


def test_a_process_that_ended_is_gone_even_unreaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = locks.start_time(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert locks.start_time(process.pid) is None
    assert locks.gone(owner(process.pid))
    assert alive([[process.pid, started or 0.0]]) == []
    process.wait()


def test_ps_tells_the_same_where_there_is_no_proc() -> None:
    name, started = locks._from_ps(os.getpid()) or ("", 0.0)
    assert abs(started - (locks.start_time(os.getpid()) or 0.0)) < 2.0
    assert name
    assert locks._from_ps(FREE) is None


def written(states: Path, content: str) -> Path:
    file = states / ".pulumi/locks/organization" / PROJECT / STACK / "x.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return file


@pytest.mark.parametrize("name", ["states", "of the platform", "100%"])
def test_the_owners_are_read_from_the_backends_files(tmp_path: Path, name: str) -> None:
    states = tmp_path / name
    written(states, json.dumps(LOCK))
    assert locks.held(states.as_uri(), PROJECT, STACK) == [ANN]
    assert locks.held(f"{states.as_uri()}?metadata=skip", PROJECT, STACK) == [ANN]
    assert locks.held(states.as_uri(), PROJECT, "prod.eu-west") == []


@pytest.mark.parametrize("backend", ["file://./states", "file://states", "file://../{here}/states"])
def test_a_relative_folder_is_taken_from_the_working_folder_as_the_engine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    written(tmp_path / "states", json.dumps(LOCK))
    monkeypatch.chdir(tmp_path)
    assert locks.held(backend.format(here=quote(tmp_path.name)), PROJECT, STACK) == [ANN]


@pytest.mark.parametrize(("backend", "below"), [("file://~", ""), ("file://~/states", "states")])
def test_a_tilde_is_the_home_that_the_system_knows_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, below: str
) -> None:
    entry = pwd.struct_passwd(("ann", "x", 1, 1, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    monkeypatch.setenv("HOME", "/nowhere")
    written(tmp_path / below, json.dumps(LOCK))
    assert locks.held(backend, PROJECT, STACK) == [ANN]


@pytest.mark.parametrize(
    "content", ["", '{"pid": 7, "usern', "[]", "{}", '{"pid": "x", "username": "a", "hostname": "h", "timestamp": ""}']
)
def test_a_lock_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(AutomationError) as refused:
        locks.held(tmp_path.as_uri(), PROJECT, STACK)
    assert str(refused.value) == (
        f"prod.us-east: the lock {file} is empty or half written, so nobody knows whose it is; allowed: what the "
        "engine writes; fix: when you know that nobody is at work on it: pulumi cancel --stack prod.us-east"
    )


@pytest.mark.parametrize(
    ("backend", "what"),
    [
        ("", "the backend that is not set shows no owners of locks; allowed: file://, s3://"),
        ("gs://states", "the backend gs shows no owners of locks; allowed: file://, s3://"),
        ("file:///nothing/here", r"/nothing/here cannot be read \(No such file or directory\), so nobody can tell"),
        ("s3://states?endpoint=http://127.0.0.1:9", r"s3://states cannot be read \(EndpointConnectionError\)"),
        ("s3://states?endpoint=http://", r"s3://states cannot be read \(ValueError\)"),
        ("s3://states?profile=nobody", r"s3://states cannot be read \(ProfileNotFound\)"),
    ],
)
def test_where_nobody_can_look_is_not_where_nothing_is_locked(
    monkeypatch: pytest.MonkeyPatch, backend: str, what: str
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AutomationError, match=f"^{STACK}: {what}"):
        locks.held(backend, PROJECT, STACK)


def test_a_bucket_is_asked_as_its_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []
    key = f"below/.pulumi/locks/organization/{PROJECT}/{STACK}/x.json"

    def answer(request: Asked) -> tuple[int, bytes]:
        asked.append(request)
        if request.path == f"/states/{key}":
            return 200, json.dumps(LOCK).encode()
        return 200, f"<ListBucketResult><Contents><Key>{key}</Key></Contents></ListBucketResult>".encode()

    (tmp_path / "credentials").write_text("[ops]\naws_access_key_id = OPS\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with serving(answer) as address:
        place = f"endpoint={address.removeprefix('http://')}&disableSSL=true&s3ForcePathStyle=true"
        assert locks.held(f"s3://states/below?region=eu-west-1&profile=ops&{place}", PROJECT, STACK) == [ANN]
    assert [request.path for request in asked] == ["/states", f"/states/{key}"]
    assert asked[0].query["prefix"] == [key.removesuffix("x.json")]
    assert all("Credential=OPS/" in request.headers["Authorization"] for request in asked)
    assert all("/eu-west-1/s3/" in request.headers["Authorization"] for request in asked)


def test_a_bucket_that_refuses_says_why() -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
    with serving(lambda _: (403, body)) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "a")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        with pytest.raises(AutomationError, match=r"s3://states cannot be read \(AccessDenied\), so nobody can tell"):
            locks.held(f"s3://states?endpoint={address}&use_path_style=true&region=eu-west-1", PROJECT, STACK)


def test_a_locked_stack_names_its_owner() -> None:
    said = diagnosis.sentence("prod.us-east", LOCKED.format(host="ci-7", pid=42, since="2026-01-01T00:00:00Z"))
    assert said == (
        "prod.us-east: is locked by ann@ci-7 (pid 42) since 2026-01-01T00:00:00Z; wait until that operation ends; "
        "if it was killed: python -m automation unlock"
    )
