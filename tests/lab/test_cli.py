"""The commands as a person runs them, on a repository with two small programs: up, again, crash, resume, down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.waiting import until
from lab.instance import MARK, ROOT, Instance
from lab.process import Child, Processes
from settings import load
from settings.problem import SettingsError

DEADLINE = 180.0
LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp, as opposed to a connection that fades away."""
PROGRAM = """
import os
import pulumi

assert os.getcwd() == os.path.dirname(os.path.abspath(__file__))
assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
print("the program speaks")
pulumi.ComponentResource("test:index:Part", "part", None, pulumi.ResourceOptions(protect=False))
pulumi.export("project", pulumi.get_project())
pulumi.export("password", pulumi.Output.secret("c4nary-value"))
{more}
"""


@dataclass(frozen=True)
class Repository:
    """A repository of two programs; commands run on it in processes of their own, as a person's do."""

    root: Path

    @property
    def instance(self) -> Instance:
        return Instance.of("dev.us-east", self.root)

    @property
    def processes(self) -> dict[str, Child]:
        return Processes(self.instance).recorded()

    def command(self, *arguments: str) -> list[str]:
        # The programs have no resource of a provider, so none is started.
        providers = [] if "status" in arguments else ["--providers", "real"]
        return [sys.executable, "-m", "lab", *arguments, "--root", str(self.root), *providers]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def marked(self) -> list[int]:
        """Return the processes that carry this instance's mark, recorded or not."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                environment = (entry / "environ").read_bytes() if entry.name.isdecimal() else b""
            except OSError:
                continue
            if f"{MARK}={self.instance.folder}".encode() in environment.split(b"\0"):
                found.append(int(entry.name))
        return found

    def write(self, more: str = "") -> None:
        for folder in (self.root, self.root / "crds"):
            (folder / "__main__.py").write_text(PROGRAM.format(more=more if folder == self.root else ""))

    def files(self) -> dict[str, bytes]:
        return {
            str(file.relative_to(self.root)): file.read_bytes()
            for file in self.root.rglob("*")
            if file.is_file() and ".lab" not in file.parts
        }


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    root = tmp_path_factory.mktemp("repository")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / name, root)
    (root / "crds").mkdir()
    shutil.copy(ROOT / "crds" / "Pulumi.yaml", root / "crds")
    made = Repository(root)
    made.write()
    yield made
    made.run("down")


def test_up_brings_both_programs_up_and_again_changes_nothing(repository: Repository) -> None:
    before = repository.files()
    first = repository.json("up")
    assert [(result["project"], result["ok"], result["counts"]) for result in first] == [
        ("crds", True, {"create": 2}),
        ("region", True, {"create": 2}),
    ]
    assert first[1]["outputs"] == {"project": "observability-platform", "password": "[secret]"}
    children = repository.processes
    assert sorted(children) == ["etcd", "kube-apiserver", "kube-controller-manager", "moto"]

    again = repository.json("up")
    assert [result["counts"] for result in again] == [{"same": 2}, {"same": 2}]
    assert repository.processes == children
    assert repository.files() == before, "the tree stays clean"


def test_a_preview_shows_a_change_and_makes_none(repository: Repository) -> None:
    repository.run("up")
    repository.write('pulumi.ComponentResource("test:index:Part", "second")')
    try:
        for _ in range(2):
            crds, region = repository.json("preview")
            assert crds["counts"] == {"same": 2}
            assert region["counts"] == {"same": 2, "create": 1}
            assert [(change["op"], change["urn"].rpartition("::")[2]) for change in region["changes"]] == [
                ("create", "second")
            ]
        shown = repository.run("preview").stdout
        assert "  create test:index:Part second\n" in shown
        assert shown.endswith("Next: make up ENV=dev REGION=us-east\n")
    finally:
        repository.write()


def test_one_of_the_two_programs_alone(repository: Repository) -> None:
    repository.run("up")
    assert [result["project"] for result in repository.json("preview", "--only", "region")] == ["region"]
    assert [result["project"] for result in repository.json("up", "--only", "crds")] == ["crds"]


def test_a_secret_is_nowhere_in_the_instance_or_in_what_is_shown(repository: Repository) -> None:
    shown = [repository.run(*command) for command in (("up",), ("preview",), ("refresh",), ("status", "--json"))]
    assert not [done for done in shown if "c4nary-value" in done.stdout + done.stderr]
    holding = [
        file
        for file in repository.instance.folder.rglob("*")
        if file.is_file() and b"c4nary-value" in file.read_bytes()
    ]
    assert holding == []


def test_status_shows_ports_memory_and_the_last_results(repository: Repository) -> None:
    repository.run("up")
    document = repository.json("status")
    assert document["exists"]
    assert {process["name"] for process in document["processes"] if process["alive"]} == {
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "moto",
    }
    assert all(process["resident_mb"] > 10 for process in document["processes"])
    assert [(result["project"], result["operation"]) for result in document["results"]] == [
        ("crds", "up"),
        ("region", "up"),
    ]


def test_a_failing_program_is_one_clear_error(repository: Repository) -> None:
    repository.run("up")
    repository.write('raise pulumi.RunError("regions.us-east.size is huge; allowed: small; fix: write small")')
    try:
        failed = repository.run("up", code=1)
        assert failed.stdout == ""
        assert "regions.us-east.size is huge; allowed: small; fix: write small" in failed.stderr
        assert repository.json("status")["results"][1]["ok"] is False
    finally:
        repository.write()
    repository.write("raise ValueError('a fault of the program')")
    try:
        failed = repository.run("up", code=1)
    finally:
        repository.write()
    log = repository.instance.results / "region.json"
    assert f"ValueError: a fault of the program (all of it: {log})\n" in failed.stderr
    assert "Traceback" in log.read_text()
    assert repository.json("up")[1]["counts"] == {"same": 2}


def test_up_goes_on_after_its_processes_were_killed(repository: Repository) -> None:
    repository.run("up")
    before = repository.processes
    for name in ("moto", "kube-apiserver"):
        os.kill(before[name].pid, signal.SIGKILL)
    assert until(lambda: not any(before[name].alive() for name in ("moto", "kube-apiserver")), 10)
    status = repository.run("status").stdout
    assert status.count("has ended") == 2
    assert [result["counts"] for result in repository.json("up")] == [{"same": 2}, {"same": 2}]
    after = repository.processes
    assert all(child.alive() for child in after.values())
    assert not before["etcd"].alive(), "the API's processes come up as one"


def test_a_command_that_was_killed_leaves_nothing_that_stops_the_next(repository: Repository) -> None:
    repository.run("up")
    repository.write("import threading; open('reached', 'w').close(); threading.Event().wait()")
    reached = repository.root / "reached"
    with subprocess.Popen(
        repository.command("up"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        try:
            assert until(reached.exists, DEADLINE)
            refused = repository.run("down", code=1)
            assert refused.stderr == (
                "lab dev.us-east: another lab command is at work on it; wait for it to end, then run this again.\n"
            )
        finally:
            up.kill()
            repository.write()
            reached.unlink(missing_ok=True)
    assert repository.json("up")[1]["counts"] == {"same": 2}


def test_down_leaves_no_process_port_or_file_and_says_what_a_destroy_keeps(repository: Repository) -> None:
    repository.write('pulumi.Stash("held", pulumi.ResourceOptions(protect=True), "value")')
    try:
        repository.run("up")
        children = repository.processes
        document = repository.json("down")
    finally:
        repository.write()
    assert [(result["project"], result["ok"]) for result in document["results"]] == [("region", True), ("crds", True)]
    assert document["results"][1]["counts"] == {"delete": 2}
    assert document["kept"] == [{"type": "pulumi:index:Stash", "name": "held", "reason": "is protected"}]
    assert document["processes_ended"] == 4
    assert not any(child.alive() for child in children.values())
    assert repository.marked() == []
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {int(local.split(":")[1], 16) for _, local, _, state, *_ in sockets if state == LISTEN}
    assert not listening & {port for child in children.values() for port in child.ports.values()}
    assert not (repository.root / ".lab").exists()


def test_down_works_whatever_was_killed_or_lost(repository: Repository) -> None:
    repository.run("up")
    children = repository.processes
    for name in ("etcd", "moto"):
        os.kill(children[name].pid, signal.SIGKILL)
    assert until(lambda: not children["etcd"].alive() and not children["moto"].alive(), 10)
    # The record of what runs is gone too, and the settings are no longer fit to be read.
    (repository.instance.folder / "processes.json").unlink()
    assert len(repository.marked()) == 2
    settings = repository.root / "Pulumi.dev.yaml"
    text = settings.read_text()
    settings.write_text("config: {}\n")
    try:
        done = repository.run("down")
    finally:
        settings.write_text(text)
    assert " had ended, and the resources with it" in done.stdout
    assert repository.marked() == []
    assert not any(child.alive() for child in children.values())
    assert not (repository.root / ".lab").exists()


def test_down_without_a_lab_says_so(repository: Repository) -> None:
    repository.run("down")
    done = repository.run("down")
    assert done.stdout == "dev.us-east: there is no lab; nothing to do. Next: make up ENV=dev REGION=us-east\n"


def test_refused_settings_start_nothing(repository: Repository) -> None:
    repository.run("down")
    done = repository.run("up", "--region", "mars", code=1)
    with pytest.raises(SettingsError) as refusal:
        load.from_file("dev.mars", repository.root)
    assert done.stderr == f"{refusal.value}\n"
    assert done.stdout == ""
    assert not (repository.root / ".lab").exists()
