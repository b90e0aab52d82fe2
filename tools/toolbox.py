"""Decide whether a pinned tool is there and up to date, and build it when it is not."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tools.table import Tool, ToolError

BUILD_DEADLINE = 1800.0
"""Seconds until a build counts as hung; the slowest takes six minutes on two cores with nothing cached."""
_PROGRESS_INTERVAL = 15.0
_VERSION_DEADLINE = 20.0
_SHOWN_LINES = 20


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Ready:
    """A tool that can be run: how it came about, and the seconds its build took now (0 when it was there)."""

    name: str
    version: str
    path: Path
    origin: Literal["built", "up to date", "PATH"]
    seconds: float


@dataclass(frozen=True)
class _Stamp:
    """What an executable was built from or found as; size and mtime_ns tell when it was exchanged since."""

    inputs: str
    path: str
    size: int
    mtime_ns: int


class Toolbox:
    """The pinned tools of one repository: modules in tools/, executables in .tools/bin, a stamp beside each.

    progress receives one line when a build starts, one every 15 s, and one when it ends.
    """

    def __init__(self, root: Path, tools: Mapping[str, Tool], progress: Callable[[str], None] = _to_stderr) -> None:
        self._tools = tools
        self._modules = root / "tools"
        self._state = root / ".tools"
        self._progress = progress

    def path(self, name: str) -> Path:
        """Return the executable of a tool; raise ToolError with the command that builds it if missing."""
        tool = self._known(name)
        present = self._present(tool) or self._on_path(tool)
        if present is None:
            reason = "was built from something older" if self._stamp_file(name).exists() else "is not built"
            raise ToolError(f"tools: {name} {tool.pinned(self._modules)} {reason}; run 'python -m tools build {name}'.")
        return present.path

    def build(self, names: Iterable[str]) -> list[Ready]:
        """Make every named tool available, one after the other; raise ToolError at the first that fails.

        One build runs at a time, across processes: a second caller waits and then finds the work done.
        """
        tools = [self._known(name) for name in dict.fromkeys(names)]
        return [self._present(tool) or self._on_path(tool) or self._built(tool) for tool in tools]

    def inputs(self, tool: Tool) -> str:
        """Return the digest of all that decides a build: the module's files and the arguments of go build."""
        digest = hashlib.sha256(json.dumps(tool.build_arguments(self._modules)).encode())
        for file in sorted((self._modules / tool.directory).iterdir()):
            if file.name in {"go.mod", "go.sum"} or file.suffix == ".go":
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()

    def _known(self, name: str) -> Tool:
        if name not in self._tools:
            raise ToolError(f"tools: '{name}' is not one of the tools; name one of {', '.join(self._tools)}.")
        return self._tools[name]

    def _stamp_file(self, name: str) -> Path:
        return self._state / "stamps" / f"{name}.json"

    def _present(self, tool: Tool) -> Ready | None:
        """Return the tool when its stamp holds: same inputs, and the very file that was stamped."""
        stamp_file = self._stamp_file(tool.name)
        if not stamp_file.exists():
            return None
        stamp = _Stamp(**json.loads(stamp_file.read_text()))
        executable = Path(stamp.path)
        if not executable.exists() or stamp != self._stamp_of(tool, executable):
            return None
        own = executable.parent == self._state / "bin"
        return Ready(tool.name, tool.reported(self._modules), executable, "up to date" if own else "PATH", 0.0)

    def _on_path(self, tool: Tool) -> Ready | None:
        """Return the tool from PATH if it states the pinned version; stamp it, as asking takes 0.2 s."""
        found = shutil.which(tool.name)
        if found is None or tool.version_arguments is None:
            return None
        executable = Path(found).absolute()
        if executable.parent.resolve() == (self._state / "bin").resolve():
            # Our own, and stale, or its stamp would have held: the version alone does not make it current.
            return None
        try:
            asked = subprocess.run(
                [executable, *tool.version_arguments],
                capture_output=True,
                text=True,
                timeout=_VERSION_DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            # Some other program of that name; ours is built.
            return None
        version = tool.reported(self._modules)
        # A release candidate or a longer number is another version; +metadata is not.
        if not re.search(rf"(?<![\w.]){'v?' + re.escape(version)}(?![\w.-])", asked.stdout + asked.stderr):
            return None
        self._write(self._stamp_file(tool.name), asdict(self._stamp_of(tool, executable)))
        return Ready(tool.name, version, executable, "PATH", 0.0)

    def _built(self, tool: Tool) -> Ready:
        go = shutil.which("go")
        if go is None:
            raise ToolError(
                f"tools: building {tool.name} needs Go, which is not on PATH; install Go 1.26 or newer from go.dev/dl."
            )
        with self._lock():
            return self._present(tool) or self._compile(go, tool)

    def _compile(self, go: str, tool: Tool) -> Ready:
        executable = self._state / "bin" / tool.name
        partial = executable.with_name(f".{tool.name}.{os.getpid()}")
        executable.parent.mkdir(parents=True, exist_ok=True)
        log = self._state / "logs" / f"{tool.name}.log"
        log.parent.mkdir(exist_ok=True)
        version = tool.pinned(self._modules)
        flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-o", str(partial)]
        self._progress(f"{tool.name} {version}: building")
        started = time.monotonic()
        # Read before the build, so that a file edited meanwhile makes the result stale.
        inputs = self.inputs(tool)
        try:
            with log.open("w") as output:
                process = subprocess.Popen(
                    [go, "build", *flags, *tool.build_arguments(self._modules)],
                    cwd=self._modules / tool.directory,
                    # Without cgo the result runs wherever it is copied; a workspace or another toolchain
                    # would override what go.mod pins.
                    env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
                status = self._wait(process, tool.name, started)
            seconds = round(time.monotonic() - started, 1)
            if status != 0:
                tail = "\n".join(log.read_text().splitlines()[-_SHOWN_LINES:])
                raise ToolError(
                    f"tools: {tool.name} {version} does not build (go build ended with {status} after "
                    f"{seconds:.0f} s); correct what it says below, the whole of it is in {log}:\n{tail}"
                )
            partial.rename(executable)
        finally:
            partial.unlink(missing_ok=True)
        self._write(self._stamp_file(tool.name), asdict(self._stamp_of(tool, executable, inputs)))
        times = self._state / "build-times.json"
        known = json.loads(times.read_text()) if times.exists() else {}
        self._write(times, {**known, tool.name: seconds})
        self._progress(f"{tool.name} {version}: built in {seconds:.0f} s")
        return Ready(tool.name, tool.reported(self._modules), executable, "built", seconds)

    def _wait(self, process: subprocess.Popen[bytes], name: str, started: float) -> int:
        """Wait for a build with a line now and then; end it at the deadline or on an interrupt."""
        try:
            while (elapsed := time.monotonic() - started) < BUILD_DEADLINE:
                try:
                    return process.wait(_PROGRESS_INTERVAL)
                except subprocess.TimeoutExpired:
                    self._progress(f"{name}: {elapsed + _PROGRESS_INTERVAL:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        return process.returncode

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._state.mkdir(exist_ok=True)
        with (self._state / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._progress("waiting for another process that is building tools")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _stamp_of(self, tool: Tool, executable: Path, inputs: str = "") -> _Stamp:
        status = executable.stat()
        return _Stamp(inputs or self.inputs(tool), str(executable), status.st_size, status.st_mtime_ns)

    @staticmethod
    def _write(file: Path, content: Mapping[str, object]) -> None:
        """Write a JSON file whole or not at all, since other processes read it without the lock."""
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        partial.rename(file)
