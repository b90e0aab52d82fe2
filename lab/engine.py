"""The engine on one project of one instance: its state, its copies, and what a killed command left there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pulumi import automation

from automation import state
from automation.engine import Engine as Driven
from automation.engine import EngineError, Places, Project, projects
from automation.private import refuse_logs
from lab import resume
from lab.instance import Instance

__all__ = ["Engine", "EngineError", "Project", "projects", "refuse_logs"]


def backend(instance: Instance) -> dict[str, str]:
    """Return the variables that lead an engine to an instance's states and open their secrets."""
    return {state.BACKEND: instance.state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": instance.passphrase()}


class Engine(Driven):
    """Operations on one project's stack of an instance, whose lock the caller holds."""

    def __init__(
        self, instance: Instance, project: Project, command: automation.PulumiCommand, env: Mapping[str, str]
    ) -> None:
        """Keep what an operation needs.

        Args:
            instance: whose stack, state and copies.
            project: the program.
            command: the Pulumi CLI.
            env: cloud, cluster and provider addresses, for the engine and for the program.
        """
        self._instance = instance
        self._checkpoint = instance.checkpoint(project.pulumi_name)
        places = Places(instance.work(project.name), instance.home, instance.results)
        super().__init__(instance.stack, project, places, command, {**env, **backend(instance)})

    def exists(self) -> bool:
        """Return whether the stack was ever made."""
        return self._checkpoint.exists()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as its file has them, secret ones hidden; none before the first `up`."""
        if not self.exists():
            return {}
        latest = json.loads(self._checkpoint.read_text())["checkpoint"].get("latest") or {}
        return state.outputs(latest)

    def prepare(self, stack: automation.Stack) -> None:
        """Break the lock of a killed command, and undo what it had begun to make."""
        locks = self._instance.state / ".pulumi" / "locks"
        if any(file.is_file() for file in locks.rglob("*")):
            # Only a command that was killed leaves one: whoever is here holds the instance's own lock.
            stack.cancel()
        if resume.pending(self._checkpoint):
            resume.undo(stack, dict(os.environ))
