"""The commands of `python -m automation`, one module each; this one only gathers them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from automation import silences as silences_command
from automation.commands import changing, looking, rescuing, upgrading
from automation.problem import AutomationError, Exit
from automation.verify import command as verify_command
from settings.problem import SettingsError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Plan, preview, roll out and watch the regions of an environment. "
    "Exit codes: 0 done or no change; 1 refused or failed, with one sentence that says why; 2 changes; "
    "3 changes that need an acknowledgement; 64 wrong arguments.",
)

_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""Every complaint about arguments; typer exports only this subclass of it."""


@app.callback()
def _root() -> None:
    """Keep the sub-command's name required, however many commands there are."""


app.command("plan")(looking.plan)
app.command("clusters")(looking.clusters)
app.command("preview")(looking.preview)
app.command("drift")(looking.drift)
app.command("up")(changing.up)
app.command("resume")(changing.resume)
app.command("refresh")(changing.refresh)
app.command("destroy")(changing.destroy)
app.command("unlock")(rescuing.unlock)
app.command("export")(rescuing.export)
app.command("import")(rescuing.restore)
app.command("upgrade")(upgrading.upgrade)
app.command("verify")(verify_command.verify)
app.command("silence")(silences_command.silence)
app.command("silences")(silences_command.silences)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; known refusals become their sentence on standard error."""
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="python -m automation")
    except _USAGE_ERROR as error:
        _say(f"{error}; see: python -m automation --help")
        return Exit.USAGE
    except (AutomationError, SettingsError) as error:
        _say(str(error))
        return Exit.FAILED
    except (typer.Abort, KeyboardInterrupt):
        _say("Interrupted; the same command can be run again.")
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.OK


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
