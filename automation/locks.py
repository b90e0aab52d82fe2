"""Whose lock it is, and whether its owner is provably gone. A lock has no lease: a killed engine leaves its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from automation.diagnosis import LOCKED
from automation.problem import AutomationError

_SLACK: Final = 2.0
"""Seconds that clocks and the kernel's ticks may differ by."""


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


def held(backend: str, project: str, stack: str) -> list[Owner]:
    """Return who holds a stack, as its backend's lock files say.

    Args:
        backend: its URL, as PULUMI_BACKEND_URL has it: file:// or s3://.
        project: name of the Pulumi project.
        stack: name of the stack.

    Raises:
        AutomationError: the backend keeps no such files, or they cannot be read.
    """
    url = urlsplit(backend)
    inside = f".pulumi/locks/organization/{project}/{stack}/"
    if url.scheme == "file":
        texts = [file.read_text() for file in sorted(Path(url.path).joinpath(inside).glob("*.json"))]
    elif url.scheme == "s3":
        texts = _in_s3(url.netloc, f"{url.path.strip('/')}/{inside}".lstrip("/"))
    else:
        raise AutomationError(
            f"{stack}: the backend {url.scheme or 'that is not set'} shows no owners of locks; "
            "allowed: file://, s3://; fix: set PULUMI_BACKEND_URL, or use pulumi cancel when you know that it is gone"
        )
    found = [json.loads(text) for text in texts]
    return [Owner(each["username"], each["hostname"], int(each["pid"]), each["timestamp"]) for each in found]


def _in_s3(bucket: str, prefix: str) -> list[str]:
    # It takes half a second to import, which a driver that only asks for owners of locks need not wait.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("s3")
    try:
        listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return [client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in listed]
    except (BotoCoreError, ClientError) as error:
        raise AutomationError(f"s3://{bucket}: cannot be read ({type(error).__name__}); fix: sign in") from None


def gone(owner: Owner, host: str = "") -> bool:
    """Return whether the owner has provably ended: on this host, and its pid is free or was given to a later process.

    Args:
        owner: of the lock.
        host: name of this host; asked for without one.
    """
    if owner.host != (host or socket.gethostname()):
        return False
    started = start_time(owner.pid)
    return started is None or started > datetime.fromisoformat(owner.since).timestamp() + _SLACK


def start_time(pid: int) -> float | None:
    """Return when a process started, in seconds since the epoch; None when there is no such process.

    A zombie has ended, too: it only waits for its parent to ask.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return None if fields[0] in "ZX" else time.time() - float(_uptime()) + since_boot
    return _from_ps(pid)


def _uptime() -> str:
    return Path("/proc/uptime").read_text().split()[0]


def _from_ps(pid: int) -> float | None:
    """Ask ps, where there is no /proc (macOS)."""
    done = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C"},
        check=False,
    )
    text = done.stdout.strip()
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").astimezone().timestamp() if text else None
