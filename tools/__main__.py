"""Run the toolbox from a shell: python -m tools build|path."""

import json
import sys
from typing import Annotated

import typer

import tools

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Build the pinned Go tools, and say where they are.")


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Tools to build.")] = None,
    group: Annotated[str | None, typer.Option(help=f"One of {', '.join(tools.GROUPS)}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build what is missing or out of date; without a name or a group, all of it."""
    if group is not None and group not in tools.GROUPS:
        raise tools.ToolError(f"--group: '{group}' is not a group; take one of {', '.join(tools.GROUPS)}.")
    wanted = [*(names or []), *(tools.GROUPS[group] if group else ())]
    ready = tools.build(wanted or tools.GROUPS["all"])
    if as_json:
        rows = {
            each.name: {
                "version": each.version,
                "path": str(each.path),
                "origin": each.origin,
                "seconds": each.seconds,
            }
            for each in ready
        }
        print(json.dumps(rows, indent=2))
        return
    for each in ready:
        print(f"{each.name:24} {each.version:24} {each.origin:12} {each.path}")


@app.command()
def path(name: Annotated[str, typer.Argument(help="A tool.")]) -> None:
    """Print where a tool is; ends with 1 when it has to be built first."""
    print(tools.path(name))


if __name__ == "__main__":
    try:
        app()
    except tools.ToolError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
