"""Run a program of the lab and hand back what it said."""

from __future__ import annotations

import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 120


def run(program: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return exit code, output and errors; the caller judges them."""
    return subprocess.run(
        [str(program), *arguments],
        input=stdin,
        text=True,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
