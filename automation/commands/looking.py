"""Commands that change nothing: plan, preview, drift."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from automation import plan as planning
from automation.commands.options import HERE, AsJson, Env, Parallel, Regions, Root, running, show, show_json, tell
from automation.preview import PARALLEL, Reviewed, drifts, previews
from automation.private import write_private
from automation.problem import AutomationError, Exit
from automation.report import Report, make
from automation.report.markdown import failed, markdown
from automation.report.model import allowed_in
from automation.report.text import text
from automation.site import Site
from settings.problem import SettingsError

Allow = Annotated[
    list[str] | None, typer.Option("--allow", help="Acknowledge a risk: its kind, or kind:resource; repeatable.")
]


def plan(
    env: Env,
    region: Regions = None,
    parallel: Parallel = planning.PARALLEL,
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Show the waves in which a rollout would go through the regions."""
    platform = Site.of(env, root).settings()
    made = planning.make(platform, parallel, region or ())
    if as_json:
        show_json(made.document())
        return Exit.OK
    table = Table("wave", "stacks", "")
    for row in made.rows():
        table.add_row(*row)
    Console().print(table)
    if not any(each.canary for each in platform.regions.values()):
        tell(f"{env} has no canary: set canary: true on one region, and it goes first.")
    show(f"Next: {_command('preview', env, region, root)}")
    return Exit.OK


def clusters(env: Env, as_json: AsJson = False, root: Root = HERE) -> int:
    """List the cluster of each region: its AWS region, its name, its context in the kubeconfig."""
    regions = Site.of(env, root).settings().regions
    rows = [(each.aws_region, each.cluster.name, each.cluster.context) for _, each in sorted(regions.items())]
    if as_json:
        show_json([dict(zip(("aws_region", "name", "context"), row, strict=True)) for row in rows])
    else:
        show("\n".join(" ".join(row) for row in rows))
    return Exit.OK


def preview(
    env: Env,
    region: Regions = None,
    parallel: Parallel = PARALLEL,
    allow: Allow = None,
    description: Annotated[
        Path | None, typer.Option("--description", help="Text of the pull request, with its allow-risk lines.")
    ] = None,
    refresh: Annotated[bool, typer.Option(help="Look at what is really there first.")] = True,
    save_plan: Annotated[Path | None, typer.Option("--save-plan", help="Write what was reviewed, for up.")] = None,
    comment: Annotated[Path | None, typer.Option("--markdown", help="Write the pull request's comment.")] = None,
    gallery: Annotated[str, typer.Option("--gallery", help="Address of the drawn dashboards, for the comment.")] = "",
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Show what a rollout would change in every region: risks first, equal changes once, field by field."""
    with _failing(env, comment, "preview"):
        if save_plan is not None:
            # One from before must not pass for this preview's when this one fails.
            removed(save_plan, "--save-plan")
        site = Site.of(env, root)
        platform = site.settings()
        regions = planning.make(platform, parallel, region or ()).regions
        allowed = acknowledged(allow, description)
        with running(site) as runner:
            found = previews(runner, platform, regions, refresh=refresh, parallel=parallel)
        report = make(found, platform, allowed)
        if save_plan is not None and not report.errors:
            Reviewed.of(env, found, allowed).save(save_plan)
        if comment is not None:
            written(comment, markdown(report, gallery=gallery), "--markdown")
    for each in report.without_risk(allowed):
        # One description serves all environments, so this is no mistake for sure.
        tell(f"{env}: {each} is acknowledged, but no risk here")
    # A plan remembers what was acknowledged; without one it is said again.
    again = [("--description", description), *(("--allow", each) for each in allow or ())]
    told(report, _command("up", env, region, root, *([("--plan", save_plan)] if save_plan else again)), as_json=as_json)
    return report.exit


def drift(
    env: Env,
    region: Regions = None,
    parallel: Parallel = PARALLEL,
    comment: Annotated[Path | None, typer.Option("--markdown", help="Write the report as Markdown.")] = None,
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Show what somebody changed in clusters and clouds behind the stacks' backs; nothing is written."""
    with _failing(env, comment, "drift"):
        site = Site.of(env, root)
        platform = site.settings()
        regions = planning.make(platform, parallel, region or ()).regions
        with running(site) as runner:
            found = drifts(runner, regions, parallel=parallel)
        report = make(found, platform, operation="drift")
        if comment is not None:
            written(comment, markdown(report), "--markdown")
    following = f"{_command('preview', env, region, root)}, which shows what a rollout takes back"
    told(report, following, as_json=as_json)
    return report.exit


def _command(name: str, env: str, region: list[str] | None, root: Path, *more: tuple[str, object]) -> str:
    """Return the command that comes next, about the regions and the repository that this one was asked about."""
    options = [
        ("--env", env),
        *(("--region", each) for each in region or ()),
        ("--root", None if root == HERE else root),
    ]
    given = [f"{option} {shlex.quote(str(value))}" for option, value in [*options, *more] if value is not None]
    return " ".join(["python -m automation", name, *given])


@contextmanager
def _failing(env: str, comment: Path | None, operation: str) -> Iterator[None]:
    """Write into the Markdown why nothing could be looked at, or the one of before would pass for that of now."""
    try:
        yield
    except (AutomationError, SettingsError) as error:
        if comment is not None:
            # When that is what cannot be written, the error says so already.
            with suppress(AutomationError):
                written(comment, failed(env, str(error), operation), "--markdown")
        raise


def acknowledged(allow: list[str] | None, description: Path | None) -> list[str]:
    """Return the risks that the command line and a pull request's text acknowledge.

    Raises:
        AutomationError: the text cannot be read.
    """
    try:
        text_of = description.read_text(encoding="utf-8") if description else ""
    except OSError as error:
        raise AutomationError(f"--description: {description} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise AutomationError(f"--description: {description} is no text in UTF-8; fix: write it in UTF-8") from None
    return [*(allow or []), *allowed_in(text_of)]


def written(file: Path, content: str, option: str) -> None:
    """Write a file that a pipeline asked for.

    Raises:
        AutomationError: it cannot be written.
    """
    try:
        write_private(file, content)
    except OSError as error:
        raise AutomationError(f"{option}: {file} cannot be written ({error.strerror}); fix: name another") from None


def removed(file: Path, option: str) -> None:
    """Remove a file, if it is there.

    Raises:
        AutomationError: it cannot be removed.
    """
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise AutomationError(
            f"{option}: {file} cannot be written ({error.strerror}); fix: name another file"
        ) from None


def told(report: Report, following: str, *, as_json: bool) -> None:
    """Print a report, its errors on standard error."""
    for error in report.errors:
        tell(error)
    if as_json:
        show_json(report.document())
    else:
        show(text(report, following))
