"""A whole region in a lab of its own, on settings that a test may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

import tools
from automation.recorder import Recorder
from automation.result import Result
from lab import cloud
from lab.cloud import Cloud
from lab.engine import Engine
from lab.lifecycle import Lab
from lab.reporter import Reporter
from lab.roots import linked
from settings import names
from settings.load import config_file

Edit = Callable[[dict[str, Any]], None]
"""Changes the settings in place: the value of `observability-platform:platform`."""


@dataclass(frozen=True)
class Stand:
    """One region that is up."""

    lab: Lab
    root: Path
    engines: Mapping[str, Engine]

    @property
    def region(self) -> Engine:
        """The region's own stack; the other is that of its CRDs."""
        return self.engines["region"]

    @property
    def cloud(self) -> Cloud:
        """Its AWS."""
        return cloud.running(self.lab.processes, "us-east-1")

    def edit(self, *edits: Edit) -> None:
        """Set the settings to the shipped ones with these edits."""
        environment = self.lab.instance.environment
        linked(self.root, environment, settings(environment, *edits))

    def preview(self, *edits: Edit) -> Result:
        """Return a preview of the shipped settings with these edits."""
        self.edit(*edits)
        try:
            return self.region.preview(unwatched)
        finally:
            self.edit()

    def kubectl(self, *arguments: str) -> list[str]:
        """Return the command line of kubectl against its cluster."""
        return [str(tools.path("kubectl")), "--kubeconfig", str(self.lab.instance.kubeconfig), *arguments]

    def state(self) -> dict[str, Any]:
        """Return the region's state file as it lies on disk."""
        document: dict[str, Any] = json.loads(self.lab.instance.checkpoint(names.PROJECT).read_text())
        return document


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have the engine write a stack's state when an operation ends only: two thirds of an `up` go into the others.

    For where nobody kills an operation, since there is nothing then for the next to go on from.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_SKIP_CHECKPOINTS", "true")
        yield


@contextmanager
def standing(stack: str, folder: Path, *, destroyed: bool = True) -> Iterator[Stand]:
    """Bring a region up on the shipped settings, and take everything down at the end.

    Args:
        stack: the region's stack.
        folder: where its root and its lab lie.
        destroyed: whether each resource is destroyed; without, they go with the cluster, which spares a minute.
    """
    environment = stack.partition(".")[0]
    root = linked(folder, environment, settings(environment))
    lab = Lab(stack, Reporter(Console(quiet=True)), root=root)
    try:
        with undisturbed(), lab.standing() as engines:
            for engine in engines.values():
                engine.up(unwatched)
            yield Stand(lab, root, engines)
    finally:
        if not destroyed:
            lab.processes.stop()
        lab.down()
    assert not lab.instance.exists(), "nothing is left of the lab"
    assert not [child for child in lab.processes.recorded().values() if child.alive()]


def settings(environment: str, *edits: Edit) -> dict[str, Any]:
    """Return the shipped settings file with edits."""
    document: dict[str, Any] = yaml.safe_load(config_file(environment).read_text())
    for edit in edits:
        edit(document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"])
    return document


def unwatched(_: Recorder) -> None:
    """Show no progress."""


def changes(result: Result) -> Mapping[str, tuple[str, ...]]:
    """Return what changes: `op type name` -> paths that differ."""
    return {f"{change.op} {change.name}": change.paths for change in result.changes}
