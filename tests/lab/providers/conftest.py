"""Start what the provider tests talk to: an API server of their own, the stand-ins, and the real engine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

import tools
from lab import cluster, standins
from lab.instance import Instance
from lab.process import Processes
from lab.providers.kubernetes.cluster import Cluster
from lab.providers.kubernetes.kubeconfig import endpoint

ROOT = Path(__file__).resolve().parents[3]
PASSPHRASE = "of a stack that lives as long as its test"


@dataclass(frozen=True)
class Region:
    """An API server, and how to reach it."""

    kubeconfig: Path
    cluster: Cluster


@pytest.fixture(scope="session")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    instance = Instance("test.providers", tmp_path_factory.mktemp("region") / "instance")
    instance.create()
    processes = Processes(instance)
    try:
        cluster.start(instance, processes, tools.ensure(*cluster.NAMES), "lab")
        yield Region(instance.kubeconfig, Cluster(endpoint({"kubeconfig": str(instance.kubeconfig)})))
    finally:
        processes.stop()


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of the stand-ins, served by a process of their own."""
    with (tmp_path_factory.mktemp("providers") / "log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.providers", "--json", "--only", "kubernetes,random"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "HELM_BIN": str(tools.ensure("helm")["helm"])},
        )
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdout.close()
            process.terminate()
            process.wait(10)


@dataclass
class Engine:
    """A stack of a program that a test exchanges between operations."""

    stack: automation.Stack
    folder: Path

    def program(self, program: Callable[[], object]) -> None:
        """Take another program; what it returns does not matter."""

        def run() -> None:
            program()

        self.stack.workspace.program = run

    def preview(self) -> list[Any]:
        """Return the steps of a preview that are no `same`, as the engine's metadata of them."""
        return self._steps(self.stack.preview)

    def up(self) -> list[Any]:
        return self._steps(self.stack.up)

    def refresh(self) -> list[Any]:
        return self._steps(self.stack.refresh)

    def state(self) -> str:
        """Return the state as it lies in the backend."""
        return "".join(
            file.read_text() for file in sorted(self.folder.rglob("stacks/**/*.json")) if "history" not in file.parts
        )

    @staticmethod
    def _steps(operation: Callable[..., Any]) -> list[Any]:
        events: list[Any] = []
        operation(on_event=events.append)
        found = []
        for event in events:
            step = event.resource_pre_event
            if step is not None and step.metadata.op not in ("same", "refresh"):
                found.append(step.metadata)
        return found


@pytest.fixture
def engine(tmp_path: Path, ports: dict[str, int]) -> Engine:
    """A stack with a backend, a home and a program of its own; thrown away with its folder."""
    backend, home, work = tmp_path / "backend", tmp_path / "home", tmp_path / "work"
    for folder in (backend, home, work):
        folder.mkdir()
    # A file where the engine wants a folder: its encrypted log of every property is half of its work.
    (home / "logs").touch()
    variables = {
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **standins.variables(ports),
    }
    command = automation.PulumiCommand(root=str(tools.ensure("pulumi")["pulumi"].parent.parent))
    stack = automation.create_stack(
        "test",
        project_name="providers",
        program=lambda: None,
        opts=automation.LocalWorkspaceOptions(work_dir=str(work), env_vars=variables, pulumi_command=command),
    )
    return Engine(stack, backend)


def urn(token: str, name: str) -> str:
    """Return the URN of a resource directly below the stack."""
    return f"urn:pulumi:test::providers::{token}::{name}"
