"""The engine's floor: a stack of as many resources that do nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

import tools
from lab import standins
from lab.engine import refuse_logs
from settings.load import ROOT


class Nothing(pulumi.CustomResource):
    """A resource of the no-op provider."""

    def __init__(self, name: str, props: dict[str, Any]) -> None:
        super().__init__("noop:index:Nothing", name, props)


def measure(resources: int, runs: int) -> list[float]:
    """Return the seconds of unchanged previews of a stack of no-op resources.

    Args:
        resources: how many.
        runs: how many previews, after one `up`.
    """

    def program() -> None:
        for number in range(resources):
            Nothing(f"nothing-{number}", {"metadata": {"name": f"nothing-{number}", "labels": {"n": str(number)}}})

    binary = tools.ensure("pulumi")["pulumi"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-m", "bench.noop"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as provider,
    ):
        try:
            assert provider.stdout is not None  # noqa: S101 - a pipe was asked for just above
            port = provider.stdout.readline().strip()
            stack = automation.Stack.create_or_select("floor", _workspace(Path(folder), binary, port, program))
            stack.up(color="never")
            return [_timed(stack) for _ in range(runs)]
        finally:
            provider.terminate()


def _workspace(folder: Path, binary: Path, port: str, program: Any) -> automation.LocalWorkspace:
    state, home = folder / "state", folder / "home"
    state.mkdir()
    home.mkdir()
    refuse_logs(home)
    return automation.LocalWorkspace(
        work_dir=str(folder),
        pulumi_home=str(home),
        program=program,
        project_settings=automation.ProjectSettings("floor", "python"),
        pulumi_command=automation.PulumiCommand(root=str(binary.parent.parent)),
        env_vars={
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "floor",
            **standins.variables({"noop": int(port)}),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
    )


def _timed(stack: automation.Stack) -> float:
    started = time.monotonic()
    result = stack.preview(color="never")
    unchanged = set(result.change_summary) == {automation.OpType.SAME}
    assert unchanged, f"the floor must not change: {result.change_summary}"  # noqa: S101 - a measurement of nothing
    return time.monotonic() - started
