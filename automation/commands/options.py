"""Options that commands share, and how they print."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from automation.runner import Runner
from automation.site import Site
from settings.load import ROOT

Env = Annotated[str, typer.Option("--env", help="Environment: reads Pulumi.<env>.yaml.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Only this region; repeat for several.")]
Parallel = Annotated[int, typer.Option("--parallel", min=1, help="Regions at a time.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Root = Annotated[
    Path, typer.Option("--root", help="Repository to run.", show_default=False, exists=True, file_okay=False)
]
HERE = ROOT


def show(text: str) -> None:
    """Write the result."""
    sys.stdout.write(f"{text}\n")


def show_json(document: Any) -> None:
    """Write the result as JSON."""
    show(json.dumps(document, indent=2, default=str))


def tell(text: str) -> None:
    """Write progress."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def running(site: Site) -> Iterator[Runner]:
    """Give a runner that shows how far each region is, and that an interrupt ends in order."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[latest]}"))
    bars: dict[tuple[str, str], TaskID] = {}
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar as progress, ExitStack() as stack:

        def at(region: str, project: str, done: int, begun: int, latest: str) -> None:
            key = (region, project)
            if key not in bars:
                bars[key] = progress.add_task(f"{region} {project}", latest="", total=begun)
            progress.update(bars[key], completed=done, total=max(begun, done), latest=latest[-60:])

        runner = stack.enter_context(Runner(site, at))

        def interrupted(*_: object) -> None:
            again = runner.interrupted
            runner.interrupt()
            tell("Ended at once." if again else "Ending what was begun; interrupt again to end at once.")

        before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield runner
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
