"""Build the pinned Go programs that the lab and the checks run, and say where they are.

Each program has a Go module of its own below this directory, because their replace directives and shared
dependencies clash. Its go.mod is the only place its version is written; its go.sum fixes every byte fetched.
"""

from collections.abc import Iterable
from pathlib import Path

from tools.table import GROUPS, TOOLS, Tool, ToolError
from tools.toolbox import Ready, Toolbox

__all__ = ["GROUPS", "TOOLS", "Ready", "Tool", "ToolError", "Toolbox", "build", "ensure", "path"]

_TOOLBOX = Toolbox(Path(__file__).resolve().parents[1], TOOLS)


def build(names: Iterable[str]) -> list[Ready]:
    """Build what is missing or out of date of the named tools, and say how each one came about.

    Raises ToolError when a name is unknown, Go is missing, or a build fails.
    """
    return _TOOLBOX.build(names)


def ensure(*names: str) -> dict[str, Path]:
    """Return the executables of the named tools, building first what is missing.

    A tool that is up to date costs about a millisecond, so a caller need not remember that it asked before.
    Raises ToolError as build does.
    """
    return {ready.name: ready.path for ready in _TOOLBOX.build(names)}


def path(name: str) -> Path:
    """Return the executable of one tool without building anything.

    Raises ToolError with the command that builds it when it is missing or out of date.
    """
    return _TOOLBOX.path(name)
