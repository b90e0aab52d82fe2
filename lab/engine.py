"""The real Pulumi engine on one project of one instance, driven by the Automation API.

The program that runs is the repository's own `__main__.py`, in this process. The engine works on copies of
Pulumi.yaml and Pulumi.<env>.yaml below the instance's folder: `stack init` writes a `Pulumi.<stack>.yaml` with a salt
beside Pulumi.yaml, and the first operation writes `encryptionsalt` into the file given as --config-file.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi import automation

from lab import resume
from lab.instance import Instance, write_private
from lab.problem import LabError
from lab.report import Recorder, Result

Watcher = Callable[[Recorder], None]
"""Is told after every event, to show progress."""
_SALT: Final = "encryptionsalt"
_MASK: Final = "[secret]"
_TRACEBACK: Final = "Traceback (most recent call last)"


class EngineError(LabError):
    """An operation failed; `result` says what was done until then."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True)
class Project:
    """A Pulumi program: its name in messages, its folder, and the folder of the settings it reads."""

    name: str
    folder: Path
    root: Path


def projects(root: Path) -> list[Project]:
    """Return a region's programs in the order they come up: CRDs change rarely and cost much, so they are apart."""
    return [Project("crds", root / "crds", root), Project("region", root, root)]


class Engine:
    """Operations on one project's stack. Each needs the environment that the program itself sees, too."""

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
        self._project = project
        self._command = command
        refuse_logs(instance.home)
        self._env = {
            **env,
            "PULUMI_BACKEND_URL": instance.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": instance.passphrase(),
            "PULUMI_HOME": str(instance.home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    @property
    def name(self) -> str:
        """Name of the project in messages."""
        return self._project.name

    def exists(self) -> bool:
        """Return whether the stack was ever made."""
        return self._state_file().exists()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as its state has them, secret ones encrypted; none before the first `up`."""
        if not self.exists():
            return {}
        latest = json.loads(self._state_file().read_text())["checkpoint"].get("latest") or {}
        stacks = [each for each in latest.get("resources", []) if each["type"] == "pulumi:pulumi:Stack"]
        return dict(stacks[0].get("outputs", {})) if stacks else {}

    def preview(self, watch: Watcher) -> Result:
        """Show what `up` would do.

        Raises:
            EngineError: it failed.
        """
        return self._run("preview", watch, lambda stack, common: stack.preview(**common))

    def up(self, watch: Watcher) -> Result:
        """Create and update what the program says.

        Raises:
            EngineError: it failed; what was done until then stays, and the next `up` goes on from there.
        """
        return self._run("up", watch, lambda stack, common: stack.up(show_secrets=False, **common))

    def refresh(self, watch: Watcher) -> Result:
        """Take over into the state what is really there.

        Raises:
            EngineError: it failed.
        """
        return self._run(
            "refresh",
            watch,
            lambda stack, common: stack.refresh(show_secrets=False, **common),
        )

    def destroy(self, watch: Watcher) -> Result:
        """Delete everything but what is protected; one failure does not keep the rest.

        Raises:
            EngineError: something could not be deleted.
        """
        return self._run(
            "destroy",
            watch,
            lambda stack, common: stack.destroy(
                show_secrets=False, exclude_protected=True, continue_on_error=True, **common
            ),
        )

    def protected(self) -> list[str]:
        """Return the URNs of protected resources in the state, which a destroy keeps; components are only their sum."""
        with self._surroundings():
            deployment = self._stack().export_stack().deployment or {}
        return [
            str(each["urn"]) for each in deployment.get("resources", []) if each.get("protect") and each.get("custom")
        ]

    def _run(self, operation: str, watch: Watcher, run: Callable[[automation.Stack, dict[str, Any]], Any]) -> Result:
        recorder = Recorder(self._project.name, operation)

        def on_event(event: automation.events.EngineEvent) -> None:
            recorder.event(event)
            watch(recorder)

        started = time.monotonic()
        common = {"on_event": on_event, "config_file": str(self._copy_settings()), "color": "never"}
        try:
            with self._surroundings():
                outputs = getattr(run(self._stack(), common), "outputs", {})
        except automation.CommandError as error:
            result = self._stored(recorder.result(False, time.monotonic() - started))
            raise EngineError(_sentence(result, str(error), self._results_file()), result) from error
        shown = {name: _MASK if output.secret else output.value for name, output in outputs.items()}
        return self._stored(recorder.result(True, time.monotonic() - started, shown))

    def _stored(self, result: Result) -> Result:
        write_private(self._results_file(), json.dumps(result.document(), indent=2, default=str) + "\n")
        return result

    def _results_file(self) -> Path:
        return self._instance.results / f"{self._project.name}.json"

    def _stack(self) -> automation.Stack:
        workspace = automation.LocalWorkspace(
            work_dir=str(self._work()),
            pulumi_home=str(self._instance.home),
            program=self._program,
            env_vars=self._env,
            pulumi_command=self._command,
        )
        stack = automation.Stack.create_or_select(self._instance.stack, workspace)
        locks = self._instance.state / ".pulumi" / "locks"
        if any(file.is_file() for file in locks.rglob("*")):
            # Only a command that was killed leaves one: whoever is here holds the instance's own lock.
            stack.cancel()
        if resume.pending(self._state_file()):
            resume.undo(stack, {**os.environ, **self._env})
        return stack

    def _program(self) -> None:
        runpy.run_path(str(self._project.folder / "__main__.py"), run_name="__main__")

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[None]:
        """Give the program what a shell would: its folder, its imports and its environment."""
        before, path = dict(os.environ), list(sys.path)
        os.environ.update(self._env)
        sys.path[:0] = [str(self._project.folder), str(self._project.root)]
        try:
            # Standard output is for the command's result; what a program prints is progress.
            with contextlib.chdir(self._project.folder), contextlib.redirect_stdout(sys.stderr):
                yield
        finally:
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(before)

    def _state_file(self) -> Path:
        name = str(yaml.safe_load((self._project.folder / "Pulumi.yaml").read_text())["name"])
        return self._instance.checkpoint(name)

    def _work(self) -> Path:
        folder = self._instance.work(self._project.name)
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / "Pulumi.yaml", (self._project.folder / "Pulumi.yaml").read_text())
        return folder

    def _copy_settings(self) -> Path:
        """Copy the environment's settings as they are now, with the salt of the first time: another would not fit."""
        source = self._project.root / f"Pulumi.{self._instance.environment}.yaml"
        copy = self._work() / source.name
        text = source.read_text()
        if copy.exists() and _SALT not in yaml.safe_load(text):
            salt = yaml.safe_load(copy.read_text()).get(_SALT)
            text += f"\n{_SALT}: {salt}\n" if salt else ""
        write_private(copy, text)
        return copy


def refuse_logs(home: Path) -> None:
    """Keep the CLI from logging every property of every resource, encrypted, to its home (PULUMI_HOME).

    Version 3.259 has no switch for it but goes without when the folder cannot be made. A preview of the CRDs took
    34 s of CPU with it and 8 s without (2026-11).
    """
    logs = home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    logs.touch()


def _sentence(result: Result, output: str, log: Path) -> str:
    """Return what went wrong: the engine's errors, or the CLI's own when it did not get as far as the engine.

    Of a program's traceback only the last line: all of it is in the log.
    """
    errors = result.errors or [line for line in output.splitlines() if "error: " in line] or [output]
    shown = [error.splitlines()[-1] + f" (all of it: {log})" if _TRACEBACK in error else error for error in errors]
    return "\n".join([f"{result.project} {result.operation} failed:", *dict.fromkeys(shown)])
