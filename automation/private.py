"""Files that only their owner may read, written whole or not at all, and still there after a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_private(file: Path, text: str, *, durable: bool = False) -> None:
    """Replace a file's content in one step.

    Args:
        file: in a folder that exists.
        text: the whole content.
        durable: wait until the disk has it, for what a crash must not take back.

    Raises:
        OSError: the folder cannot be written, or the disk is full; the old content is still there.
    """
    partial = file.with_name(f".{file.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    partial.rename(file)
    if durable:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def refuse_logs(home: Path) -> None:
    """Keep the CLI from logging every property of every resource, encrypted, to its home (PULUMI_HOME).

    Version 3.259 has no switch for it but goes without when the folder cannot be made. A preview of the CRDs took
    34 s of CPU with it and 8 s without (2026-11).
    """
    logs = home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    logs.touch()
