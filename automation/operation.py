"""One operation on one stack, in a process of its own, which the driver starts (automation.nursery).

The first line of standard input is what to do, as JSON, with the environment to do it in; its end means that the driver
is gone, and then the engine is asked to stop in order. Lines of JSON on standard output say how far it is, and the last
one how it ended; they hold no secret.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TextIO

from pulumi import automation
from semver import VersionInfo

from automation import locks, policies, rescue, state, workloads
from automation.diagnosis import absent, sentence
from automation.engine import Engine, EngineError, Places, Project, projects
from automation.nursery import STOPS
from automation.problem import AutomationError
from automation.recorder import Recorder
from automation.request import Request
from automation.result import Result
from automation.site import SECRETS_PROVIDER
from settings import load

_THRESHOLDS: Final = (50_000, 50, 100)
"""Objects between two looks for garbage among the youngest, and how many of those until the older ones' turns."""
_INTERVAL: Final = 0.2
"""Seconds between two reports of progress."""


class _Command(automation.PulumiCommand):
    """The Pulumi CLI, without the SDK's start of its own for the version, which the driver has asked already."""

    def __init__(self, request: Request, stopping: threading.Event) -> None:
        self.command = "pulumi"
        self.version = VersionInfo.parse(request.version)
        self._stack, self._stopping = request.stack, stopping

    def run(self, *args: Any, **more: Any) -> automation.CommandResult:
        """Run a command of the CLI; after an interrupt none: only what ran then was told of it.

        Raises:
            AutomationError: an interrupt came.
            automation.CommandError: the command failed.
        """
        if not self._stopping.is_set():
            try:
                return super().run(*args, **more)
            except automation.CommandError as error:
                # Only a CLI that does not listen for interrupts yet dies of one, and that has begun nothing.
                if f"code: {-signal.SIGINT}\n" not in str(error):
                    raise
        raise AutomationError(
            f"{self._stack}: was interrupted; nothing more was begun; fix: run the same command again, or resume"
        )


class _Stack(Engine):
    """The engine in a process of the driver's, where a killed operation's leftovers are told apart from a first run."""

    def __init__(self, request: Request, stopping: threading.Event) -> None:
        place = request.place
        project = Project(request.project, Path(request.folder), Path(request.root))
        home = _pulumi_home(place / "home")
        places = Places(place / request.project, home, Path(request.home) / "results" / request.stack)
        command = _Command(request, stopping)
        super().__init__(request.stack, project, places, command, {}, os.environ.get(SECRETS_PROVIDER, "") or None)
        self._root = Path(request.root)
        self._recovers = request.recover
        self.adopted: list[str] = []

    def prepare(self, stack: automation.Stack) -> None:
        """Take into the state what a killed engine made without recording it."""
        if not self._recovers:
            return
        platform, region = load.from_file(self.stack, self._root)
        context = platform.regions[region].cluster.context
        # Of a stack that was never made nothing is left.
        with contextlib.suppress(automation.StackNotFoundError):
            self.adopted = rescue.adopt(stack, context)
        if self.adopted:
            # Their outputs are only what was asked for: the providers know the rest.
            settings = str(self.copy_settings())
            stack.refresh(target=self.adopted, show_secrets=False, config_file=settings, color="never")

    def destroyed(self, watch: Callable[[Recorder], None]) -> Result:
        """Destroy the stack; one that was never made is done with, where another of the region's is there.

        Raises:
            EngineError: something could not be deleted, or the backend has none of the region's stacks.
        """
        try:
            return self.destroy(watch)
        except EngineError as error:
            if not isinstance(error.__cause__, automation.StackNotFoundError) or not self._has_sibling():
                raise
            return replace(error.result, ok=True)

    def _has_sibling(self) -> bool:
        others = [project for project in projects(self._root) if project.name != self.project.name]
        places = [replace(self._places, work=self._places.work.with_name(project.name)) for project in others]
        engines = [Engine(self.stack, *each, self._command, {}) for each in zip(others, places, strict=True)]
        return any(engine.deployment() for engine in engines)


def main(given: TextIO, told: TextIO) -> int:
    """Run the operation that a line of JSON describes, and return the exit code of the process."""
    stopping = _stop_in_order()
    request = Request(**json.loads(given.readline()))
    # What an operation makes lasts as long as it does: to look through all of it again and again finds nothing.
    gc.set_threshold(*_THRESHOLDS)
    os.environ.clear()
    os.environ.update(request.environ)
    threading.Thread(target=_watch, args=(given, stopping), daemon=True).start()
    _sweep(Path(request.home) / "work")
    try:
        answer = _answer(request, _reporter(told), stopping)
    except EngineError as error:
        answer = {"error": str(error), "result": error.result.document(), "locks": _locks(error.__cause__)}
    except AutomationError as error:
        answer = {"error": str(error)}
    except automation.CommandError as error:
        answer = {"error": sentence(request.stack, str(error)) or str(error), "locks": _locks(error)}
    except OSError as error:
        answer = {"error": sentence(request.stack, str(error)) or f"{request.stack}: {error}"}
    finally:
        shutil.rmtree(request.place, ignore_errors=True)
    print(json.dumps({"end": answer}, default=str), file=told, flush=True)
    return 1 if "error" in answer else 0


def _answer(request: Request, watch: Callable[[Recorder], None], stopping: threading.Event) -> dict[str, Any]:
    if request.operation == "workloads":
        missing = workloads.missing(request.context, request.mode, request.seconds, stopping.is_set)
        return {"error": missing} if missing else {}
    engine = _Stack(request, stopping)
    if request.operation in {"cancel", "export", "import"}:
        with engine.surroundings():
            return _rescued(engine, request)
    if request.operation == "locks":
        backend, name = os.environ.get(state.BACKEND, ""), engine.project.pulumi_name
        owners = locks.held(backend, name, request.stack)
        if not owners and not engine.deployment():
            raise AutomationError(absent(request.stack, name, backend))
        return {"locks": [asdict(owner) for owner in owners]}
    if request.operation == "outputs":
        deployment = engine.deployment()
        return {"outputs": state.outputs(deployment), "pins": state.pins(deployment)}
    last: list[Recorder] = []

    def watched(recorder: Recorder) -> None:
        last[:] = [recorder]
        watch(recorder)

    result = {
        "preview": lambda: engine.preview(watched, refresh=request.refresh),
        "up": lambda: engine.up(watched, refresh=request.refresh),
        "refresh": lambda: engine.refresh(watched),
        "drift": lambda: engine.drift(watched),
        "destroy": lambda: engine.destroyed(watched),
    }[request.operation]()
    planned = last[0].planned() if last and request.operation == "preview" else []
    found = policies.check(planned, protection=request.protection)
    return {
        "result": result.document(),
        "violations": [asdict(violation) for violation in found],
        "adopted": engine.adopted,
        "protected": engine.protected() if request.operation == "destroy" else [],
    }


def _rescued(engine: _Stack, request: Request) -> dict[str, Any]:
    stack = engine.opened()
    if request.operation == "cancel":
        stack.cancel()
    elif request.operation == "export" and request.file is not None:
        rescue.export(stack, Path(request.file))
    elif request.file is not None:
        file = Path(request.file)
        engine.made(stack, lambda: rescue.restore(stack, file))
    return {}


def _locks(error: object) -> list[dict[str, Any]]:
    return [asdict(owner) for owner in locks.owners(str(error))]


def _pulumi_home(home: Path) -> Path:
    """Make a home of this operation's own, with the plugins and the sign-in of the user's."""
    users = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    home.mkdir(mode=0o700, parents=True)
    for name in ("plugins", "bin", "credentials.json"):
        if (users / name).exists():
            (home / name).symlink_to(users / name)
    return home


def _reporter(told: TextIO) -> Callable[[Recorder], None]:
    said = 0.0

    def report(recorder: Recorder) -> None:
        nonlocal said
        if time.monotonic() - said >= _INTERVAL:
            said = time.monotonic()
            at = {"done": recorder.done, "started": recorder.started, "latest": recorder.latest}
            print(json.dumps({"at": at}), file=told, flush=True)

    return report


def _stop_in_order() -> threading.Event:
    """Hand an interrupt on to the engine once, which then ends what it has begun; this process waits for it."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if not stopping.is_set():
            stopping.set()
            # The group is this process and the engine: the driver gave this process a session of its own.
            os.killpg(os.getpgrp(), signal.SIGINT)

    for number in STOPS:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    return stopping


def _watch(given: TextIO, stopping: threading.Event) -> None:
    given.read()
    if not stopping.is_set():
        os.kill(os.getpid(), signal.SIGINT)


def _sweep(work: Path) -> None:
    """Remove what processes left that were killed: copies of settings, none of them secret."""
    for folder in work.glob("*.*.*") if work.is_dir() else ():
        pid = folder.name.rpartition(".")[2]
        if pid.isdecimal() and not locks.exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def run() -> int:
    """Run the operation that standard input asks for, and return the exit code of the process."""
    # What a program prints is progress, so it goes to standard error; this stream is the driver's alone.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as own:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return main(sys.stdin, own)


if __name__ == "__main__":
    code = run()
    # The SDK's threads of a failed program would keep the process.
    sys.stderr.flush()
    os._exit(code)
