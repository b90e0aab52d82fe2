"""Commands for when something went wrong: unlock, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation import locks
from automation.commands.options import HERE, Env, Root, running, show
from automation.problem import AutomationError, Exit
from automation.projects import Project
from automation.runner import Runner
from automation.site import Site

One = Annotated[str, typer.Option("--region", help="Region of that environment.")]
Which = Annotated[str, typer.Option("--project", help="Which of the region's programs: region or crds.")]


def unlock(env: Env, region: One, project: Which = "region", root: Root = HERE) -> int:
    """Break the lock of a stack whose owner has provably ended: on this host, and its process is gone."""
    site = Site.of(env, root)
    stack = site.stack(region)
    with running(site) as runner:
        chosen = _project(site, project)
        held = runner.run(region, chosen, "locks").locked
        if not held:
            show(f"{stack}: is not locked. Nothing to do.")
            return Exit.OK
        for owner in held:
            if not locks.gone(owner):
                raise AutomationError(
                    f"{stack}: {owner} may still be at work: only for a process of this host that has ended can that "
                    "be ruled out; fix: run unlock on that host, or, when you know that it is gone: pulumi cancel"
                )
        _must(runner, region, chosen, "cancel")
    show(f"{stack}: the lock of {', '.join(map(str, held))} is gone. Next: python -m automation resume --env {env}")
    return Exit.OK


def export(
    env: Env,
    region: One,
    file: Annotated[Path, typer.Argument(help="Where to write the state; only you may read it.")],
    project: Which = "region",
    root: Root = HERE,
) -> int:
    """Write a stack's state to a file; its secrets stay encrypted."""
    site = Site.of(env, root)
    with running(site) as runner:
        _must(runner, region, _project(site, project), "export", file=str(file.resolve()))
    show(f"{site.stack(region)}: its state is in {file}. Next: python -m automation import, when it is corrected")
    return Exit.OK


def restore(
    env: Env,
    region: One,
    file: Annotated[Path, typer.Argument(help="What export wrote.", exists=True, dir_okay=False)],
    confirm: Annotated[str, typer.Option("--confirm", help="Name of the stack, for where nobody can be asked.")] = "",
    project: Which = "region",
    root: Root = HERE,
) -> int:
    """Put an exported state in place of a stack's; asks for the stack's name."""
    site = Site.of(env, root)
    stack = site.stack(region)
    given = confirm or typer.prompt(f"The state of {stack} is replaced. Its name")
    if given != stack:
        raise AutomationError(f"--confirm is {given}; allowed: {stack}; nothing was touched")
    with running(site) as runner:
        _must(runner, region, _project(site, project), "import", file=str(file.resolve()))
    show(f"{stack}: has the state of {file}. Next: python -m automation refresh --env {env} --region {region}")
    return Exit.OK


def _project(site: Site, name: str) -> Project:
    known = {project.name: project for project in site.projects()}
    if name not in known:
        raise AutomationError(f"--project is {name}; allowed: {', '.join(known)}")
    return known[name]


def _must(runner: Runner, region: str, project: Project, operation: str, file: str | None = None) -> None:
    runner.site.settings()
    ended = runner.run(region, project, operation, file=file)
    if not ended.ok:
        raise AutomationError(ended.error)
