"""The processes of one instance: started, recorded, found again and ended, and never anybody else's.

A process is known by its pid and the moment it started (clock ticks since boot, /proc/<pid>/stat), so that a recycled
pid is not taken for ours. Every one carries `OBSERVABILITY_LAB=<folder>` in its environment as well: one that was
started just before a crash, and never recorded, is found by that.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from automation.private import write_private
from automation.waiting import until
from lab.instance import MARK, Instance
from lab.problem import LabError

READY_SECONDS: Final = 60.0
"""Until a process counts as stuck; the slowest, kube-apiserver, takes 2 s alone and about 10 s on a busy machine."""
STOP_SECONDS: Final = 10.0
"""Between a polite and a hard end."""
_PORTS: Final = range(20000, 32768)
"""Below the ports that the kernel gives to outgoing connections, so that none of those takes a chosen port first."""
_ATTEMPTS: Final = 4
_SHOWN_LINES: Final = 5


@dataclass(frozen=True)
class Child:
    """One process: its name, pid, start in clock ticks, and the ports it listens on by purpose."""

    name: str
    pid: int
    started: int
    ports: dict[str, int]

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        return _started(self.pid) == self.started

    def resident_mb(self) -> float:
        """Return its resident memory in MB (10^6 bytes), 0 when it is gone."""
        with suppress(OSError):
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
        return 0.0


@dataclass(frozen=True)
class Command:
    """What to start: arguments from the ports it gets, and how to see that it works."""

    name: str
    argv: Callable[[Mapping[str, int]], list[str]]
    ready: Callable[[Mapping[str, int]], bool]
    ports: tuple[str, ...] = ()
    """Purposes of the ports that it listens on; each becomes a free one."""
    env: Mapping[str, str] = field(default_factory=dict)
    kept_ports: Mapping[str, int] = field(default_factory=dict)
    """Ports that it listens on each time it is started, since others know them."""


class Processes:
    """The recorded processes of an instance, in the order they were started."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._file = instance.folder / "processes.json"
        # Several may be started at a time, from threads of one command.
        self._lock = threading.Lock()

    def recorded(self) -> dict[str, Child]:
        """Return every process that was started and not ended by us, dead or alive."""
        if not self._file.exists():
            return {}
        return {name: Child(**child) for name, child in json.loads(self._file.read_text()).items()}

    def running(self, *names: str) -> bool:
        """Return whether all of the named processes run."""
        recorded = self.recorded()
        return all(name in recorded and recorded[name].alive() for name in names)

    def start(self, command: Command, seconds: float = READY_SECONDS) -> Child:
        """Start a process and wait until it works; one of that name that still runs is ended first.

        Raises:
            LabError: it ended at once, or did not get ready in time; the sentence has the end of its log.
        """
        self.stop(command.name)
        for _ in range(_ATTEMPTS):
            child = self._spawn(command)
            if _became_ready(child, command, seconds):
                return child
            stuck = child.alive()
            self.stop(command.name)
            tail = self._tail(command.name)
            if stuck or "address already in use" not in tail.lower():
                break
        fate = f"was not ready after {seconds:.0f} s" if stuck else "ended at once"
        raise LabError(
            f"lab {self.instance.stack}: {command.name} {fate}; run 'python -m lab down' and up again if its log "
            f"names no cause you can correct ({self._log(command.name)}):\n{tail}"
        )

    def stop(self, *names: str) -> None:
        """End the named processes, or all without a name, the last started first."""
        recorded = self.recorded()
        for name in reversed([name for name in recorded if not names or name in names]):
            end(recorded[name])
            self._record(name, None)

    def end_strays(self) -> list[int]:
        """End processes that carry this instance's mark but are not recorded, and return their pids.

        These are what a killed command left: a program started but not yet recorded, or an engine of its own.
        """
        known = {child.pid for child in self.recorded().values() if child.alive()}
        mark = f"{MARK}={self.instance.folder}".encode()
        strays = []
        for entry in Path("/proc").iterdir():
            pid = int(entry.name) if entry.name.isdecimal() else os.getpid()
            if pid in known or pid == os.getpid():
                continue
            started = _started(pid)
            with suppress(OSError):
                if started is not None and mark in (entry / "environ").read_bytes().split(b"\0"):
                    end(Child("stray", pid, started, {}))
                    strays.append(pid)
        return strays

    def _spawn(self, command: Command) -> Child:
        free = dict(zip(command.ports, free_ports(len(command.ports)), strict=True))
        ports = {**command.kept_ports, **free}
        argv = command.argv(ports)
        log = self._log(command.name)
        pid = os.posix_spawn(
            argv[0],
            argv,
            {**os.environ, **command.env, MARK: str(self.instance.folder)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            # A session of its own: an interrupt at the terminal ends the command, not the lab.
            setsid=True,
        )
        child = Child(command.name, pid, _started(pid) or 0, ports)
        self._record(command.name, child)
        return child

    def _record(self, name: str, child: Child | None) -> None:
        with self._lock:
            others = {other: each for other, each in self.recorded().items() if other != name}
            children = others if child is None else {**others, name: child}
            document = {other: asdict(each) for other, each in children.items()}
            write_private(self._file, json.dumps(document, indent=2) + "\n")

    def _log(self, name: str) -> Path:
        return self.instance.logs / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-_SHOWN_LINES:])


def this(name: str) -> Child:
    """Return this very process, under a name."""
    return Child(name, os.getpid(), _started(os.getpid()) or 0, {})


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def free_ports(count: int) -> list[int]:
    """Return free loopback ports, at random, so that instances that start together seldom meet.

    Raises:
        LabError: there are none.
    """
    found: list[int] = []
    for _ in range(1000):
        if len(found) == count:
            return found
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    raise LabError(f"no free port between {_PORTS[0]} and {_PORTS[-1]}; end what listens there.")


def _became_ready(child: Child, command: Command, seconds: float) -> bool:
    """Wait until a process works or has ended; return whether it works."""
    return until(lambda: not child.alive() or command.ready(child.ports), seconds) and child.alive()


def end(child: Child) -> None:
    """End a process politely, then hard; one that is gone already, or a stranger with its pid, is left alone."""
    try:
        handle = os.pidfd_open(child.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is of whoever has the pid now; only after this look is it known to be ours.
        if child.alive():
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if not until(lambda: not child.alive(), STOP_SECONDS):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                until(lambda: not child.alive(), STOP_SECONDS)
    except ProcessLookupError:
        # It ended between the look and the signal.
        return
    finally:
        os.close(handle)
        with suppress(ChildProcessError):
            os.waitpid(child.pid, os.WNOHANG)


def _started(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
