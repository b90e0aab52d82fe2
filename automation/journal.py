"""What a rollout has done, on disk after every step, so that another process goes on from there."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from automation import locks
from automation.private import write_private
from automation.problem import AutomationError
from automation.site import HOME

_FILE: Final = "rollout.json"
_OWNER: Final = "owner.json"
_PLAN: Final = "plan.json"


class Status(StrEnum):
    """How far a region is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Region:
    """One region of a rollout."""

    status: Status = Status.PENDING
    step: str = ""
    """What it is, or was last, at."""
    begun: list[str] = field(default_factory=list)
    """Programs whose `up` was begun, so that a part of what was reviewed of them may be done."""
    error: str = ""
    done: list[str] = field(default_factory=list)
    """One line per operation that is over."""
    processes: list[list[float]] = field(default_factory=list)
    """Pid and start time (seconds since the epoch) of each process that was started for it."""


@dataclass
class Journal:
    """A rollout: what was asked for, by whom, and how far each region is."""

    environment: str
    operation: str
    options: Mapping[str, Any]
    """What `resume` needs to go on as it was begun."""
    waves: Sequence[Sequence[str]]
    regions: dict[str, Region]
    id: str = ""
    started: str = ""
    settled: int = 0
    """How many waves are over with all that follows a wave: its soak, the platform's own SLOs."""
    owner: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every region is done."""
        return all(region.status is Status.DONE for region in self.regions.values())

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)


class Logbook:
    """The journal of one environment on disk. One process at a time holds it."""

    def __init__(self, folder: Path) -> None:
        """Look into a folder, which exists."""
        self._folder = folder
        self._file = folder / _FILE
        self._guard = threading.Lock()
        self.journal: Journal | None = None

    def read(self) -> Journal | None:
        """Return what the last rollout left; None before the first.

        Raises:
            AutomationError: the journal cannot be read.
        """
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            regions = {
                name: Region(**{**each, "status": Status(each["status"])}) for name, each in document["regions"].items()
            }
            return Journal(**{**document, "regions": regions})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AutomationError(
                f"{self._file}: the journal cannot be read ({type(error).__name__}); allowed: what a rollout wrote; "
                "fix: move it away, look at each stack with preview, and start anew with up"
            ) from None

    @property
    def plan(self) -> Path:
        """File of what was reviewed, beside the journal: `resume` is held to it, whatever became of the one given."""
        return self._folder / _PLAN

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Keep other drivers off this environment; a killed one holds nothing.

        Args:
            command: what is at work, for those that are kept off.

        Raises:
            AutomationError: another driver is at work; the message names it.
        """
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AutomationError(f"{self._whose()}; wait until it ends, then run this again") from None
            owner = {**_process(), "command": command, "since": _now()}
            # Others are kept off without it, too, and who cannot write here is told so by what needs it.
            with suppress(OSError):
                write_private(self._folder / _OWNER, json.dumps(owner))
            try:
                yield
            finally:
                (self._folder / _OWNER).unlink(missing_ok=True)
        finally:
            os.close(handle)

    def begin(self, journal: Journal) -> None:
        """Take a journal, new or read, as one's own and write it down.

        Raises:
            AutomationError: it cannot be written; nothing was touched then.
        """
        journal.id = journal.id or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        journal.started = journal.started or _now()
        journal.owner = _process()
        self.journal = journal
        self.write()

    def note(self, region: str, **changes: Any) -> None:
        """Set fields of a region, and write it down before anything else happens.

        Raises:
            AutomationError: it cannot be written.
        """
        with self._guard:
            if self.journal is None:
                raise AutomationError(f"{self._file}: no rollout was begun; fix: report it")
            for name, value in changes.items():
                setattr(self.journal.regions[region], name, value)
            self._write()

    def settled(self, waves: int) -> None:
        """Write down that so many waves are over with all that follows them.

        Raises:
            AutomationError: it cannot be written.
        """
        if self.journal is not None:
            self.journal.settled = waves
        self.write()

    def write(self) -> None:
        """Write it down.

        Raises:
            AutomationError: it cannot be written.
        """
        with self._guard:
            self._write()

    def _write(self) -> None:
        if self.journal is None:
            return
        try:
            write_private(self._file, json.dumps(self.journal.document(), indent=2) + "\n", durable=True)
        except OSError as error:
            raise AutomationError(
                f"{self._file}: the journal cannot be written ({error.strerror}), and without it nobody could go on "
                f"after a crash; allowed: a folder with room that you may write; fix: make room, or set {HOME}"
            ) from None

    def _whose(self) -> str:
        try:
            owner = json.loads((self._folder / _OWNER).read_text(encoding="utf-8"))
            who = f"{owner['user']}@{owner['host']} (pid {owner['pid']})"
            return f"{self._folder.name}: {who} has been at work on it since {owner['since']} ({owner['command']})"
        except (OSError, ValueError, KeyError, TypeError):
            return f"{self._folder.name}: another command of the driver is at work on it"


def alive(processes: Sequence[Sequence[float]]) -> list[int]:
    """Return the pids of those recorded processes that still run."""
    found = []
    for pid, started in processes:
        now = locks.start_time(int(pid))
        if now is not None and abs(now - started) < 1.0:
            found.append(int(pid))
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _process() -> dict[str, Any]:
    return {"user": _user(), "host": socket.gethostname(), "pid": os.getpid()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
