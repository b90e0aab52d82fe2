"""Run one operation of the lab in a process of its own, so that its memory can be measured: `ROOT STACK OPERATION`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console

from lab.lifecycle import Lab
from lab.reporter import Reporter


def main() -> None:
    """Print the results as one line of JSON on standard output; progress goes nowhere."""
    root, stack, operation = sys.argv[1:]
    lab = Lab(stack, Reporter(Console(quiet=True)), root=Path(root))
    if operation == "down":
        lab.down()
        return
    results = lab.up() if operation == "up" else lab.preview()
    print(json.dumps([result.document() for result in results], default=str))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
