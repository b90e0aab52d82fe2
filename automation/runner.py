"""Run operations as processes of their own, several at a time, and end them in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar

from automation import locks
from automation.engine import Project
from automation.operation import Request
from automation.problem import AutomationError
from automation.result import Result
from automation.site import Site

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, str, int, int, str], None]
"""Is told of an operation under way: region, project, resources done, resources begun, the latest one."""
_LAST_LINES: Final = 5


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

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return not self.error


@dataclass
class Runner:
    """Starts operations of one site and keeps hold of their processes."""

    site: Site
    progress: Progress = lambda *_: None
    started: Callable[[str, int], None] = lambda *_: None
    """Is told the region and pid of each process, before it does anything."""
    _running: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def run(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        """Run one operation; a lock whose owner is provably gone is broken once.

        Args:
            region: whose stack.
            project: which of its programs.
            operation: see `automation.operation.Request`.
            more: further fields of the request.
        """
        ended = self._once(region, project, operation, **more)
        abandoned = bool(ended.locked) and all(locks.gone(owner) for owner in ended.locked)
        if abandoned and operation != "export":
            self._once(region, project, "cancel")
            ended = self._once(region, project, operation, **more)
        return ended

    def each(self, items: Iterable[T], work: Callable[[T], R], parallel: int) -> list[R]:
        """Do something for each item, several at a time, and return what came of it, in order."""
        with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
            return list(pool.map(work, items))

    def interrupt(self) -> None:
        """Ask every operation to end what it has begun, and start no other; a second time, end them at once."""
        with self._guard:
            again, self._stopping = self._stopping, True
            for process in self._running.values():
                with suppress(ProcessLookupError):
                    if again:
                        os.killpg(process.pid, signal.SIGKILL)
                    else:
                        process.send_signal(signal.SIGINT)

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt came."""
        return self._stopping

    def _once(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        folder = self.site.create()
        request = Request(
            stack=self.site.stack(region),
            project=project.name,
            folder=str(project.folder),
            root=str(project.root),
            home=str(folder),
            operation=operation,
            **more,
        )
        with self._guard:
            if self._stopping:
                return Ended(region, project.name, None, f"{request.stack}: was not begun, since the command was ended")
            process = subprocess.Popen(
                [sys.executable, "-m", "automation.operation"],
                # The modules are found from here; the operation goes into the program's folder by itself.
                cwd=_PACKAGES,
                env=self.site.environ(region),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # An interrupt at the terminal comes to the driver, which hands it on once.
                start_new_session=True,
            )
            self._running[process.pid] = process
        try:
            self.started(region, process.pid)
            return self._followed(region, project, process, request)
        finally:
            with self._guard:
                del self._running[process.pid]

    def _followed(self, region: str, project: Project, process: subprocess.Popen[str], request: Request) -> Ended:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise AutomationError(f"{request.stack}: the operation's pipes are missing; fix: report it")
        said: list[str] = []
        listener = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
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
        process.wait()
        listener.join(_LAST_LINES)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        if answer is None:
            tail = "".join(said[-_LAST_LINES:]).strip()
            how = f"was killed (signal {-process.returncode})" if process.returncode < 0 else "ended without an answer"
            return Ended(
                region,
                project.name,
                None,
                f"{request.stack}: {project.name} {request.operation} {how}; "
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
        )


_PACKAGES: Final = str(Site("").root)
