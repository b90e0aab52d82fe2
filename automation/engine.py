"""The real Pulumi engine on one project's stack, driven by the Automation API.

The program that runs is the repository's own `__main__.py`, in this process; one operation per process, since a failed
program leaves the SDK's callback server behind, and the next one would meet it. The engine works on copies of
Pulumi.yaml and Pulumi.<env>.yaml: `stack init` writes a `Pulumi.<stack>.yaml` with a salt beside Pulumi.yaml, and an
operation may write `encryptionsalt` into the file given as --config-file. The key of a stack's secrets, or what
encrypts it, is in its state from its creation on.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pulumi import Resource, automation, log

from automation import diagnosis, state
from automation.paths import MASK
from automation.private import refuse_logs, write_private
from automation.problem import AutomationError
from automation.projects import Project as Project
from automation.projects import projects as projects
from automation.recorder import Recorder
from automation.result import Result
from automation.state import Workspace

Watcher = Callable[[Recorder], None]
"""Is told after every event, to show progress."""
_AT_ONCE: Final = {
    "PULUMI_PARALLEL": "32",
    "PULUMI_K8S_CLIENT_QPS": "200",
    "PULUMI_K8S_CLIENT_BURST": "400",
}
"""How much is asked at once, where the user's environment says nothing.

What is asked is far away, and an operation mostly waits for it: with 80 ms to each API server one region's preview took
5.9 s instead of 8.2 (2026-11). By default the engine runs four operations per core, eight on a small runner, and the
kubernetes provider sends 50 requests a second after the first 120, which alone is 3 s for a region's 280 objects.
"""


class EngineError(AutomationError):
    """An operation failed; `result` says what was done until then."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True)
class Places:
    """Where an engine keeps what it writes; folders that only their owner may read."""

    work: Path
    """Copies of the project's Pulumi files, since the engine writes into them."""
    home: Path
    """PULUMI_HOME, so that nothing of the user's own is written."""
    results: Path
    """What each project's last operation did, as JSON."""


class Engine:
    """Operations on one project's stack. Each needs the environment that the program itself sees, too."""

    def __init__(
        self,
        stack: str,
        project: Project,
        places: Places,
        command: automation.PulumiCommand,
        env: Mapping[str, str],
        secrets_provider: str | None = None,
    ) -> None:
        """Keep what an operation needs.

        Args:
            stack: `<env>.<region>`.
            project: the program.
            places: folders that exist or can be made.
            command: the Pulumi CLI.
            env: backend, cloud, cluster and provider addresses, for the engine and for the program; added to what
                this process has.
            secrets_provider: who encrypts the secrets of a stack that is new, as Pulumi names it; a passphrase
                without it.
        """
        self.stack = stack
        self.project = project
        self._places = places
        self._command = command
        self._secrets_provider = secrets_provider
        self._env = {
            **{name: value for name, value in _AT_ONCE.items() if name not in os.environ},
            **env,
            "PULUMI_HOME": str(places.home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Without it, settings that name no key would get a new one at each operation.
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        if backend := env.get(state.BACKEND, os.environ.get(state.BACKEND)):
            self._env[state.BACKEND] = state.whole(backend)
        places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_logs(places.home)

    @property
    def name(self) -> str:
        """Name of the project in messages."""
        return self.project.name

    def preview(self, watch: Watcher, *, refresh: bool = False) -> Result:
        """Show what `up` would do.

        Args:
            watch: is told after every event.
            refresh: look at what is really there first, so that somebody's manual change shows.

        Raises:
            EngineError: it failed.
        """
        return self._run(
            "preview",
            watch,
            lambda stack, common: self.made(stack, lambda: stack.preview(refresh=refresh or None, **common)),
        )

    def up(self, watch: Watcher, *, refresh: bool = False) -> Result:
        """Create and update what the program says.

        The engine's own update plans (--plan) are not used: a Chart's children stand in its outputs, and with 3.259 an
        update violates the plan of every chart that is new, since their ids were unknown to it.

        Args:
            watch: is told after every event.
            refresh: look at what is really there first; without it, what somebody deleted by hand is not missed.

        Raises:
            EngineError: it failed; what was done until then stays, and the next `up` goes on from there.
        """
        return self._run(
            "up",
            watch,
            lambda stack, common: self.made(
                stack, lambda: stack.up(refresh=refresh or None, show_secrets=False, **common)
            ),
        )

    def drift(self, watch: Watcher) -> Result:
        """Show how what is really there differs from the state; nothing is written.

        Raises:
            EngineError: it failed, or there is no such stack: of a mistyped backend nothing would ever differ.
        """
        return self._run("drift", watch, lambda stack, common: stack.preview_refresh(**common))

    def refresh(self, watch: Watcher) -> Result:
        """Take over into the state what is really there.

        Raises:
            EngineError: it failed, or there is no such stack.
        """
        return self._run("refresh", watch, lambda stack, common: stack.refresh(show_secrets=False, **common))

    def destroy(self, watch: Watcher) -> Result:
        """Delete everything but what is protected; one failure does not keep the rest.

        Raises:
            EngineError: something could not be deleted, or there is no such stack.
        """
        return self._run(
            "destroy",
            watch,
            lambda stack, common: stack.destroy(
                show_secrets=False, exclude_protected=True, continue_on_error=True, **common
            ),
        )

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as its state has them, secret ones hidden; none before the first `up`."""
        return state.outputs(self.deployment())

    def deployment(self) -> Mapping[str, Any]:
        """Return the stack's state, secrets encrypted; empty before the first `up`."""
        with self.surroundings():
            try:
                return self._workspace().export_stack(self.stack).deployment or {}
            except automation.StackNotFoundError:
                return {}

    def protected(self) -> list[str]:
        """Return the URNs of protected resources in the state, which a destroy keeps; components are only their sum."""
        resources = self.deployment().get("resources") or []
        return [str(each["urn"]) for each in resources if each.get("protect") and each.get("custom")]

    def opened(self) -> automation.Stack:
        """Return the stack, fit for an operation; it may not exist yet."""
        stack = automation.Stack.select(self.stack, self._workspace())
        self.prepare(stack)
        return stack

    def made(self, stack: automation.Stack, work: Callable[[], Any]) -> Any:
        """Return what work on a stack returns, and make the stack first where that says that there is none."""
        try:
            return work()
        except automation.StackNotFoundError:
            stack.workspace.create_stack(self.stack)
            return work()

    def _workspace(self) -> Workspace:
        return Workspace(
            work_dir=str(self.work()),
            pulumi_home=str(self._places.home),
            program=self._program,
            env_vars=self._env,
            pulumi_command=self._command,
            secrets_provider=self._secrets_provider,
        )

    def prepare(self, stack: automation.Stack) -> None:
        """Get the stack over what an earlier operation left; here there is nothing to do."""

    @contextlib.contextmanager
    def surroundings(self) -> Iterator[None]:
        """Give the program what a shell would: its folder, its imports and its environment."""
        before, path = dict(os.environ), list(sys.path)
        os.environ.update(self._env)
        sys.path[:0] = self.project.paths
        try:
            # Standard output is for the command's result; what a program prints is progress.
            with contextlib.chdir(self.project.folder), contextlib.redirect_stdout(sys.stderr):
                yield
        finally:
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(before)

    def work(self) -> Path:
        """Return the folder of the copies, with Pulumi.yaml as it is now."""
        folder = self._places.work
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "Pulumi.yaml", (self.project.folder / "Pulumi.yaml").read_text())
        return folder

    def _run(self, operation: str, watch: Watcher, run: Callable[[automation.Stack, dict[str, Any]], Any]) -> Result:
        recorder = Recorder(self.project.name, operation)

        def on_event(event: automation.events.EngineEvent) -> None:
            recorder.event(event)
            watch(recorder)

        started = time.monotonic()
        try:
            with self.surroundings():
                stack = self.opened()
                common = {"on_event": on_event, "config_file": str(self.copy_settings()), "color": "never"}
                outputs = getattr(run(stack, common), "outputs", {})
        except automation.CommandError as error:
            result = self._stored(recorder.result(False, time.monotonic() - started))
            if isinstance(error, automation.StackNotFoundError):
                said = diagnosis.absent(self.stack, self.project.pulumi_name, self._env.get(state.BACKEND, ""))
            else:
                said = diagnosis.failed(self.stack, result, str(error), self._results_file())
            raise EngineError(said, result) from error
        shown = {name: MASK if output.secret else output.value for name, output in outputs.items()}
        return self._stored(recorder.result(True, time.monotonic() - started, shown))

    def _stored(self, result: Result) -> Result:
        self._places.results.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._results_file(), json.dumps(result.document(), indent=2, default=str) + "\n")
        return result

    def _results_file(self) -> Path:
        return self._places.results / f"{self.project.name}.json"

    def _program(self) -> None:
        # Four messages a resource that nobody reads here, for each of which the SDK's one event loop waits.
        log.debug = _unheard
        runpy.run_path(str(self.project.program), run_name="__main__")

    def copy_settings(self) -> Path:
        """Copy the environment's settings as they are now."""
        source = self.project.root / f"Pulumi.{self.stack.partition('.')[0]}.yaml"
        copy = self.work() / source.name
        write_private(copy, source.read_text())
        return copy


def _unheard(
    msg: str, resource: Resource | None = None, stream_id: int | None = None, ephemeral: bool | None = None
) -> None:
    """Take the place of `pulumi.log.debug`, with its signature."""
