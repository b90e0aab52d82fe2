"""Start operations from one process that has imported what they need, so that each begins at once.

The SDKs and the modules of a region's program take more than a second of a processor to import: as much as a third of a
preview. One process imports them while the driver reads its settings, and forks for each operation; what three regions
need is imported once. It never runs a program itself, starts no thread and opens no connection, and it ends with the
driver, however that ends; the operations then see the end of their own standard input.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from automation.problem import AutomationError
from automation.projects import Project

_PACKAGES: Final = str(Path(__file__).resolve().parents[1])
_PID: Final = struct.Struct("q")
STOPS: Final = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask an operation to end; a forked process keeps them until it can hear them."""
_FORKS: Final = sys.platform == "linux"
"""Elsewhere a forked process may not use the system's own libraries: there each operation is an interpreter anew."""


@dataclass(frozen=True)
class Begun:
    """A process that waits for its request; `stdout` ends when it does."""

    pid: int
    """Its group's as well: it has a session of its own, so that an interrupt at the terminal comes to the driver."""
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    def end(self) -> None:
        """Kill it while it waits for its request: then it has begun nothing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


class Nursery:
    """The process that operations are forked from."""

    def __init__(self, programs: Iterable[Project]) -> None:
        """Start it; it imports what these programs do meanwhile."""
        self._guard = threading.Lock()
        self._control, theirs = socket.socketpair()
        files = [f"{os.pathsep.join(each.paths)}={each.program}" for each in programs]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), *files],
                # The modules are found from here; the operation goes into the program's folder by itself.
                cwd=_PACKAGES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def begin(self) -> Begun:
        """Start a process for one operation.

        Raises:
            AutomationError: there is none any more to fork from.
        """
        pipes = [os.pipe() for _ in range(3)]
        (stdin, to_it), (from_it, stdout), (errors, stderr) = pipes
        theirs = [stdin, stdout, stderr]
        with self._guard:
            try:
                socket.send_fds(self._control, [b"?"], theirs)
                answer = self._control.recv(_PID.size, socket.MSG_WAITALL)
            except OSError:
                answer = b""
        for handle in theirs:
            os.close(handle)
        if len(answer) < _PID.size:
            for handle in (to_it, from_it, errors):
                os.close(handle)
            raise AutomationError(
                "the process that starts operations has ended; nothing was begun; "
                "fix: see why above, or run the same command again"
            )
        return Begun(_PID.unpack(answer)[0], os.fdopen(to_it, "w"), os.fdopen(from_it), os.fdopen(errors))

    def close(self) -> None:
        """End it; operations that run go on."""
        self._control.close()
        self._process.terminate()
        self._process.wait()


def main(control: socket.socket, programs: Iterable[str]) -> None:
    """Import, then fork for each request until the driver is gone; the forked process answers with its pid."""
    # Nobody waits for those that end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if _FORKS:
        _import(["automation.operation"], [])
        for program in programs:
            paths, _, file = program.partition("=")
            _import(_imported(Path(file)), paths.split(os.pathsep))
        # What is there stays: looking through it would copy its pages into every operation.
        gc.collect()
        gc.freeze()
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1, 3)
        if not message:
            return
        if os.fork() == 0:
            _become(control, handles)
        for handle in handles:
            os.close(handle)


def _become(control: socket.socket, handles: list[int]) -> None:
    """Turn this forked process into an operation; never returns."""
    code = 1
    try:
        os.setsid()
        # The driver may interrupt it as soon as it knows the pid: what comes early waits for the operation's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, handle in enumerate(handles):
            os.dup2(handle, number)
            os.close(handle)
        control.sendall(_PID.pack(os.getpid()))
        control.close()
        if not _FORKS:
            os.execv(sys.executable, [sys.executable, "-m", "automation.operation"])  # noqa: S606 - this interpreter
        code = importlib.import_module("automation.operation").run()
    finally:
        if (error := sys.exc_info()[1]) is not None:
            traceback.print_exception(error)
        sys.stderr.flush()
        # Neither the nursery's own end nor the SDK's threads of a failed program are for this process.
        os._exit(code)


def _imported(program: Path) -> list[str]:
    """Return the modules that a program's first level imports; a program that is none says so when it is run."""
    try:
        tree = ast.parse(program.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return []
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__" and not node.level:
            found += [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    return found


def _import(modules: Iterable[str], paths: list[str]) -> None:
    before = list(sys.path)
    sys.path[:0] = paths
    for module in modules:
        # Names that are no modules are among these; what cannot be imported is the program's to say.
        with contextlib.suppress(ImportError, SyntaxError):
            importlib.import_module(module)
    sys.path[:] = before


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        main(own, sys.argv[2:])
