"""Run operations as processes of their own, several at a time, and end them in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from automation import command, locks
from automation.nursery import Begun, Nursery
from automation.problem import AutomationError
from automation.projects import Project
from automation.request import Request
from automation.result import Result
from automation.site import Site

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, str, int, int, str], None]
"""Is told of an operation under way: region, project, resources done, resources begun, the latest one."""
_LAST_LINES: Final = 5
"""How many of them are shown of a process that ended without an answer."""
_LAST_SECONDS: Final = 5.0
"""How long its last lines may take after it has ended: a process of its own may hold the pipe open."""


@dataclass(frozen=True)
class Ended:
    """How one operation ended."""

    region: str
    project: str
    result: Result | None
    """What it did; None when it did not get as far as the engine."""
    error: str = ""
    """One sentence; empty when it succeeded."""
    violations: tuple[Mapping[str, str], ...] = ()
    """Policies that the planned resources break: `rule`, `urn`, `message`."""
    adopted: tuple[str, ...] = ()
    """URNs that a killed operation had made, and that were taken into the state first."""
    protected: tuple[str, ...] = ()
    """URNs that a destroy kept."""
    locked: tuple[locks.Owner, ...] = ()
    """Who holds the stack, when that is why it failed."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The stack's outputs, when those were asked for."""
    pins: tuple[str, ...] = ()
    """Every pin that the stack's CRDs came from, when its outputs were asked for."""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return not self.error


@dataclass
class Runner:
    """Starts operations of one site and keeps hold of their processes; as a context, it is ready sooner."""

    site: Site
    progress: Progress = lambda *_: None
    started: Callable[[str, int], None] = lambda *_: None
    """Is told the region and pid of each process, before it does anything."""
    _running: dict[int, signal.Signals] = field(default_factory=dict)
    """How each process is asked to end, by pid, which is its group's as well."""
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False
    _nursery: Nursery | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _versions: dict[str, str] = field(default_factory=dict)
    """Of the Pulumi CLI, by the PATH that leads to it."""

    def __enter__(self) -> Self:
        """Begin to import what operations need."""
        self._nursery = Nursery(self.site.projects())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Start no more operations."""
        if self._nursery is not None:
            self._nursery.close()

    def run(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        """Run one operation; a lock whose owner is provably gone is broken once.

        Args:
            region: whose stack.
            project: which of its programs.
            operation: see `automation.operation.Request`.
            more: further fields of the request.
        """
        ended = self._once(region, project, operation, **more)
        # Whoever asks for the owners of locks is told them without an error, and breaks none by that.
        if ended.error and ended.locked and all(locks.gone(owner) for owner in ended.locked):
            self._once(region, project, "cancel")
            ended = self._once(region, project, operation, **more)
        return ended

    def each(self, items: Iterable[T], work: Callable[[T], R], parallel: int) -> list[R]:
        """Do something for each item, several at a time, and return what came of it, in order."""
        with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
            return list(pool.map(work, items))

    def interrupt(self) -> None:
        """Ask every operation to end what it has begun, and start no other; a second time, end them at once.

        It takes no lock: handlers of signals call it, on a thread that may hold whichever there is.
        """
        again, self._stopping = self._stopping, True
        for pid, asks in list(self._running.items()):
            with suppress(ProcessLookupError):
                if again:
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, asks)

    def execute(self, words: Sequence[str], region: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command with a region's environment, which an interrupt ends as it does operations.

        Raises:
            OSError: there is no such program.
            subprocess.TimeoutExpired: it took longer, and was ended.
        """
        # Into files: what it leaves running would keep a pipe open, and is ended with it.
        with (
            tempfile.TemporaryFile("w+", errors="replace") as output,
            tempfile.TemporaryFile("w+", errors="replace") as errors,
        ):
            process = subprocess.Popen(
                words, env=self.site.environ(region), stdout=output, stderr=errors, start_new_session=True
            )
            # What a shell or a service starts behind itself may ignore SIGINT from its beginning.
            self._running[process.pid] = signal.SIGTERM
            try:
                if self._stopping:
                    # The interrupt came while it was being started, and may have missed it.
                    process.terminate()
                code = process.wait(seconds)
            finally:
                del self._running[process.pid]
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for file in (output, errors):
                file.seek(0)
            return subprocess.CompletedProcess(words, code, output.read(), errors.read())

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt came."""
        return self._stopping

    def _once(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        folder, environ, stack = self.site.create(), self.site.environ(region), self.site.stack(region)
        unbegun = Ended(region, project.name, None, f"{stack}: was not begun, since the command was ended")
        try:
            version = self._version(environ)
        except AutomationError:
            # An interrupt at the terminal goes to the CLI as well, which then does not say its version.
            if self._stopping:
                return unbegun
            raise
        request = Request(
            stack=stack,
            project=project.name,
            folder=str(project.folder),
            root=str(project.root),
            home=str(folder),
            operation=operation,
            version=version,
            environ=environ,
            **more,
        )
        if self.interrupted:
            return unbegun
        process = self._ready().begin()
        self._running[process.pid] = signal.SIGINT
        try:
            if self._stopping:
                # The interrupt came while it was being started, and may have missed it.
                process.end()
                return unbegun
            self.started(region, process.pid)
            return self._followed(region, project, process, request)
        finally:
            del self._running[process.pid]

    def _ready(self) -> Nursery:
        with self._guard:
            self._nursery = self._nursery or Nursery(self.site.projects())
            return self._nursery

    def _version(self, environ: Mapping[str, str]) -> str:
        path = environ.get("PATH", "")
        with self._asking:
            if path not in self._versions:
                self._versions[path] = command.version(environ)
            return self._versions[path]

    def _followed(self, region: str, project: Project, process: Begun, request: Request) -> Ended:
        said: list[str] = []
        listener = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
        listener.start()
        answer: dict[str, Any] | None = None
        # Standard input stays open: its end would tell the operation that nobody waits for it any more.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asdict(request)) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if "at" in message:
                at = message["at"]
                self.progress(region, project.name, at["done"], at["started"], at["latest"])
            answer = message.get("end", answer)
        listener.join(_LAST_SECONDS)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        if answer is None:
            tail = "".join(said[-_LAST_LINES:]).strip()
            return Ended(
                region,
                project.name,
                None,
                f"{request.stack}: {project.name} {request.operation} ended without an answer, as what is killed does; "
                f"run the same command again, it goes on from there{': ' + tail if tail else ''}",
            )
        result = answer.get("result")
        return Ended(
            region,
            project.name,
            Result.of(result) if result else None,
            str(answer.get("error", "")),
            tuple(answer.get("violations", ())),
            tuple(answer.get("adopted", ())),
            tuple(answer.get("protected", ())),
            tuple(locks.Owner(**each) for each in answer.get("locks", ())),
            answer.get("outputs", {}),
            tuple(answer.get("pins", ())),
        )
