"""A repository whose region's stack is in a backend, empty, without a lab: for what never gets as far as a cluster."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import tools
from automation.projects import projects
from automation.site import HOME
from settings import names
from tests.automation.kills import REGION, Stage
from tests.automation.standing import repository

STACK = f"dev.{REGION}"


@dataclass(frozen=True)
class Bare:
    """The repository, its backend, and the commands of the driver on it."""

    stage: Stage
    states: Path

    @property
    def root(self) -> Path:
        """The repository."""
        return self.stage.fleet.root

    @property
    def locks(self) -> Path:
        """The folder of the region's locks; it is there."""
        folder = self.states / ".pulumi" / "locks" / "organization" / names.PROJECT / STACK
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def files(self) -> list[Path]:
        """Everything that the backend has of stacks."""
        return sorted(file for file in (self.states / ".pulumi" / "stacks").rglob("*") if file.is_file())

    def make(self, *arguments: str, folder: Path | None = None) -> None:
        """Run a command of the CLI on the stack of a project, as somebody without the driver."""
        subprocess.run(
            [str(tools.ensure("pulumi")["pulumi"]), "--non-interactive", *arguments, STACK],
            cwd=folder or self.root,
            env={**os.environ, **self.stage.fleet.variables},
            check=True,
            capture_output=True,
        )


def bare(folder: Path) -> Bare:
    """Make a repository and the stack of its region; its programs are never run."""
    made = repository(folder / "repository", "dev")
    states = folder / "states"
    for each in (states, folder / "home", folder / "plugins"):
        each.mkdir()
    variables = {
        "PATH": f"{tools.ensure('pulumi')['pulumi'].parent}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": states.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "bare",
        "PULUMI_HOME": str(folder / "plugins"),
        HOME: str(folder / "home"),
    }
    found = Bare(Stage(replace(made, variables=variables)), states)
    found.make("stack", "init")
    # What the CLI writes into a working folder when nobody keeps it from it.
    (found.root / f"Pulumi.{STACK}.yaml").unlink()
    assert [project.name for project in projects(found.root)] == ["region"]
    return found
