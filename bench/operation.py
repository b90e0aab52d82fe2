"""Run an operation of the lab and watch the memory of the processes it is made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settings.load import ROOT

_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Measured:
    """What one operation cost."""

    results: list[dict[str, Any]]
    """`automation.result.Result` documents, by project."""
    peaks_mib: Mapping[str, float] = field(default_factory=dict)
    """Peak resident MiB: program, stand-ins, engine."""
    busy_s: Mapping[str, float] = field(default_factory=dict)
    """Processor seconds until shortly before the end, by the same roles: what is left of the time was waiting."""

    @property
    def region(self) -> dict[str, Any]:
        """The region project's result."""
        return next(result for result in self.results if result["project"] == "region")

    @property
    def own_mib(self) -> float:
        """Peak of what is this project's: the program and the stand-in providers."""
        return self.peaks_mib.get("program", 0.0) + self.peaks_mib.get("stand-ins", 0.0)


def run(root: Path, stack: str, operation: str, variables: Mapping[str, str] | None = None) -> Measured:
    """Run `up` or `preview` of a stack in a process of its own, with variables beside this one's environment.

    Raises:
        subprocess.CalledProcessError: the operation failed; its standard error is on ours.
    """
    command = [sys.executable, "-m", "bench.worker", str(root), stack, operation]
    env = {**os.environ, **(variables or {})}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        peaks: dict[str, float] = {}
        busy: dict[int, tuple[str, float]] = {}
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peaks, busy, done))
        watcher.start()
        output, _ = process.communicate()
        done.set()
        watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    by_role: dict[str, float] = {}
    for role, seconds in busy.values():
        by_role[role] = by_role.get(role, 0.0) + seconds
    return Measured(json.loads(output.splitlines()[-1]), peaks, by_role)


def _watch(root: int, peaks: dict[str, float], busy: dict[int, tuple[str, float]], done: threading.Event) -> None:
    while not done.wait(_SAMPLE_SECONDS):
        for pid in _tree(root):
            role, peak = _role(pid, root), _peak(pid)
            if role and peak:
                peaks[role] = max(peaks.get(role, 0.0), peak)
                busy[pid] = (role, max(busy.get(pid, (role, 0.0))[1], _busy(pid)))


def _tree(root: int) -> list[int]:
    """Return a process and all below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                todo += [int(child) for child in children.read_text().split()]
            except OSError:  # the thread has ended meanwhile
                continue
    return found


def _role(pid: int, root: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    if pid == root:
        return "program"
    if b"lab.providers" in command:
        return "stand-ins"
    return "engine" if command[0].endswith(b"pulumi") else ""


def _busy(pid: int) -> float:
    """Return the processor seconds that a process has used; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    """Return the kernel's own high-water mark, in MiB; 0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
