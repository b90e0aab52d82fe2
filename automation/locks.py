"""Whose lock it is, and whether its owner is provably gone. A lock has no lease: a killed engine leaves its own."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from automation.diagnosis import LOCKED
from automation.problem import AutomationError

_STEADY: Final = 3600.0
"""Seconds by which the clock may have been set since a lock was written."""
_ENGINE: Final = "pulumi"
"""Part of the name that an owner's process goes by, whatever wraps it."""
_FIRST_PIDS, _FIRST_NAMES = "pid:[4026531836]", "uts:[4026531838]"
"""The namespaces that a Linux kernel starts with: a machine's own processes and its own hostname."""
_YES: Final = {"1", "t", "T", "TRUE", "true", "True"}


@dataclass(frozen=True)
class Owner:
    """Who took a lock, as the backend tells."""

    user: str
    host: str
    pid: int
    since: str
    """RFC 3339."""

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}) since {self.since}"


def owners(output: str) -> list[Owner]:
    """Return the owner of every lock that the engine complains of."""
    return [Owner(found["user"], found["host"], int(found["pid"]), found["since"]) for found in LOCKED.finditer(output)]


def folder(backend: str) -> Path:
    """Return the folder that a backend's URL names, as the engine reads it.

    That is not what URLs mean elsewhere: after file:// stands a path, `.` is the working folder, and `~` the home that
    the system knows of the user, whatever HOME says.
    """
    path = unquote(backend.partition("?")[0].removeprefix("file:").removeprefix("//"))
    if path.startswith("~"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = str(Path.home())
        return Path(home, path[2:])
    return Path(path).absolute()


def held(backend: str, project: str, stack: str) -> list[Owner]:
    """Return who holds a stack, as its backend's lock files say.

    Args:
        backend: its URL, as PULUMI_BACKEND_URL has it: file:// or s3://.
        project: name of the Pulumi project.
        stack: name of the stack.

    Raises:
        AutomationError: the backend keeps no such files, or something cannot be read.
    """
    inside = f".pulumi/locks/organization/{project}/{stack}/"
    scheme = urlsplit(backend).scheme
    try:
        if scheme == "file":
            files = _in_folder(folder(backend), inside)
        elif scheme == "s3":
            files = _in_s3(backend, inside)
        else:
            raise AutomationError(
                f"{stack}: the backend {scheme or 'that is not set'} shows no owners of locks; allowed: file://, "
                "s3://; fix: set PULUMI_BACKEND_URL, or use pulumi cancel when you know that it is gone"
            )
    except _UnreadableError as error:
        raise AutomationError(
            f"{stack}: {error}, so nobody can tell whether it is locked; allowed: a backend that can be read; "
            "fix: check PULUMI_BACKEND_URL, the network and the credentials for it"
        ) from None
    return [_owner(stack, name, content) for name, content in files.items()]


class _UnreadableError(Exception):
    """A backend cannot be read; the message says which, and why."""


def _owner(stack: str, file: str, content: bytes) -> Owner:
    try:
        found = json.loads(content)
        return Owner(str(found["username"]), str(found["hostname"]), int(found["pid"]), str(found["timestamp"]))
    except (ValueError, KeyError, TypeError):
        raise AutomationError(
            f"{stack}: the lock {file} is empty or half written, so nobody knows whose it is; allowed: what the engine "
            f"writes; fix: when you know that nobody is at work on it: pulumi cancel --stack {stack}"
        ) from None


def _in_folder(root: Path, inside: str) -> dict[str, bytes]:
    """Return the content of each lock file."""
    files = {}
    try:
        # A pattern would find nothing in a folder that is not there, or that may not be read.
        any(root.iterdir())
        listed = sorted(root.joinpath(inside).iterdir()) if root.joinpath(inside).exists() else []
        for file in (each for each in listed if each.suffix == ".json"):
            # Whoever held it may let go of it meanwhile.
            with suppress(FileNotFoundError):
                files[str(file)] = file.read_bytes()
        return files
    except OSError as error:
        raise _UnreadableError(f"{error.filename or root} cannot be read ({error.strerror})") from None


def _in_s3(backend: str, inside: str) -> dict[str, bytes]:
    """Return the content of each lock file of a bucket, which is reached as the URL says.

    Of a server that is not AWS's, botocore has the bucket in the path of every request anyway.
    """
    # It takes half a second to import, which a driver that only asks for owners of locks need not wait.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    url = urlsplit(backend)
    bucket, below = url.netloc, f"{url.path.strip('/')}/".lstrip("/")
    query = dict(parse_qsl(url.query))
    plain = bool({query.get("disableSSL"), query.get("disable_https")} & _YES)
    endpoint = query.get("endpoint")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if plain else 'https'}://{endpoint}"
    try:
        client: Any = boto3.Session(profile_name=query.get("profile"), region_name=query.get("region")).client(
            "s3",
            endpoint_url=endpoint,
            use_ssl=not plain,
            config=Config(connect_timeout=10),
        )
        listed = client.list_objects_v2(Bucket=bucket, Prefix=below + inside).get("Contents", [])
        return {
            f"s3://{bucket}/{each['Key']}": client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }
    except (BotoCoreError, ClientError, ValueError) as error:
        why = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise _UnreadableError(f"s3://{bucket} cannot be read ({why})") from None


def gone(owner: Owner, host: str = "") -> bool:
    """Return whether the owner has provably ended: on this host, and its pid is free or was given to a later process.

    Where it cannot be known it has not. The lock tells only the time of a clock that may have been set since then: a
    process that has the pid is another one when it began an hour later and is no engine.

    Args:
        owner: of the lock.
        host: name of this host; asked for without one.
    """
    if owner.host != (host or socket.gethostname()) or not _sees_its_host():
        return False
    process = _process(owner.pid)
    if process is None:
        return not _hidden(owner.pid) and not _in_a_container(owner.pid)
    name, started = process
    try:
        return _ENGINE not in name and started > datetime.fromisoformat(owner.since).timestamp() + _STEADY
    except ValueError:
        return False


def start_time(pid: int) -> float | None:
    """Return when a process started, in seconds since the epoch; None when there is no such process.

    A zombie has ended, too: it only waits for its parent to ask.
    """
    process = _process(pid)
    return None if process is None else process[1]


def exists(pid: int) -> bool:
    """Return whether there is a process, even one that only waits for its parent to ask, or of somebody else."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _process(pid: int) -> tuple[str, float] | None:
    """Return the name of a process and when it started."""
    if not Path("/proc/self/stat").exists():
        return _from_ps(pid)
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    fields = after.split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return None if fields[0] in "ZX" else (before.partition("(")[2], time.time() - float(_uptime()) + since_boot)


def _uptime() -> str:
    return Path("/proc/uptime").read_text().split()[0]


def _from_ps(pid: int) -> tuple[str, float] | None:
    """Ask ps, where there is no /proc (macOS)."""
    done = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-o", "comm=", "-p", str(pid)],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C"},
        check=False,
    )
    words = done.stdout.split(maxsplit=5)
    if not words:
        return None
    started = datetime.strptime(" ".join(words[:5]), "%a %b %d %H:%M:%S %Y").astimezone().timestamp()
    return words[5].strip(), started


def _hidden(pid: int) -> bool:
    """Return whether a process is there that /proc does not show to everybody (hidepid)."""
    return exists(pid) and not os.access(f"/proc/{pid}/stat", os.R_OK)


def _sees_its_host() -> bool:
    """Return whether this process sees those of its host: a container that has its host's name does not."""
    try:
        own = Path("/proc/self/ns")
        return str(own.joinpath("pid").readlink()) == _FIRST_PIDS or str(own.joinpath("uts").readlink()) != _FIRST_NAMES
    except OSError:
        return True


def _in_a_container(pid: int) -> bool:
    """Return whether an engine in a container of this host, which may have the host's name, has the pid there."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            told = dict(line.partition(":")[::2] for line in status.read_text().splitlines())
            if _ENGINE in told["Name"] and str(pid) in told.get("NSpid", "").split()[1:]:
                return True
    return False
