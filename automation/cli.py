"""The commands of `python -m automation`, one module each; this one only gathers them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import typer

from automation.problem import AutomationError, Exit
from settings.problem import SettingsError

_COMMANDS: Final = {
    "plan": "automation.commands.looking:plan",
    "clusters": "automation.commands.looking:clusters",
    "preview": "automation.commands.looking:preview",
    "drift": "automation.commands.looking:drift",
    "up": "automation.commands.changing:up",
    "resume": "automation.commands.changing:resume",
    "refresh": "automation.commands.changing:refresh",
    "destroy": "automation.commands.changing:destroy",
    "unlock": "automation.commands.rescuing:unlock",
    "export": "automation.commands.rescuing:export",
    "import": "automation.commands.rescuing:restore",
    "upgrade": "automation.commands.upgrading:upgrade",
    "verify": "automation.verify.command:verify",
    "silence": "automation.silences:silence",
    "silences": "automation.silences:silences",
    "annotate": "automation.annotations:annotate",
    "organizations": "automation.organizations:organizations",
    "go-services": "automation.go_services:go_services",
}
"""Module and function of each command: only that of the one asked for is imported, since some take a second."""

_INTERRUPTED: Final = 130
"""What typer makes of an interrupt: 128 and the number of SIGINT."""
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""Every complaint about arguments; typer exports only this subclass of it."""


def _app(asked: str) -> typer.Typer:
    """Return the one command that is asked for, or all of them where help is, or a name that is none."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Plan, preview, roll out and watch the regions of an environment. "
        "Exit codes: 0 done or no change; 1 refused or failed, with one sentence that says why; 2 changes; "
        "3 changes that need an acknowledgement; 64 wrong arguments.",
    )
    # Keeps the sub-command's name required, however many commands there are.
    app.callback()(lambda: None)
    for name in [asked] if asked in _COMMANDS else _COMMANDS:
        module, _, function = _COMMANDS[name].partition(":")
        app.command(name)(getattr(importlib.import_module(module), function))
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; known refusals become their sentence on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = _app(given[0] if given else "")(args=given, standalone_mode=False, prog_name="python -m automation")
    except _USAGE_ERROR as error:
        _say(f"{error}; see: python -m automation --help")
        return Exit.USAGE
    except (AutomationError, SettingsError) as error:
        _say(str(error))
        return Exit.FAILED
    except (typer.Abort, KeyboardInterrupt):
        result = _INTERRUPTED
    if result == _INTERRUPTED:
        _say("Interrupted; the same command can be run again.")
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.OK


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
