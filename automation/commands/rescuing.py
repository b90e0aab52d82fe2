"""Commands for when something went wrong: unlock, export, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from automation import locks
from automation import plan as planning
from automation.commands.options import HERE, Env, Root, running, show
from automation.problem import AutomationError, Exit
from automation.projects import Project
from automation.runner import Ended, Runner
from automation.site import Site

One = Annotated[str, typer.Option("--region", help="Region of that environment.")]
Which = Annotated[str, typer.Option("--project", help="Which of the region's programs: region or crds.")]


def unlock(env: Env, region: One, project: Which = "region", root: Root = HERE) -> int:
    """Break the lock of a stack whose owner has provably ended: on this host, and its process is gone."""
    site = _site(env, region, root)
    stack = site.stack(region)
    chosen = _project(site, project)
    with running(site) as runner:
        held = _must(runner, region, chosen, "locks").locked
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
    site = _site(env, region, root)
    chosen = _project(site, project)
    with running(site) as runner:
        _must(runner, region, chosen, "export", file=str(file.resolve()))
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
    site = _site(env, region, root)
    stack, chosen = site.stack(region), _project(site, project)
    confirmed(stack, confirm, f"The state of {stack} is replaced")
    with running(site) as runner:
        _must(runner, region, chosen, "import", file=str(file.resolve()))
    show(f"{stack}: has the state of {file}. Next: python -m automation refresh --env {env} --region {region}")
    return Exit.OK


def confirmed(stack: str, given: str, what: str) -> None:
    """Have somebody say a stack's name before what cannot be taken back.

    Args:
        stack: name to be said.
        given: what the command line says; without it somebody is asked, on standard error.
        what: is going to happen.

    Raises:
        AutomationError: it is another name, or nobody answers.
    """
    if not given:
        # No prompt of typer's: a part of those goes to standard output, which is for the result.
        sys.stderr.write(f"{what}. Its name: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        sys.stderr.write("" if line else "\n")
        given = line.strip()
    if given != stack:
        raise AutomationError(
            f"--confirm is {given or 'not given, and nobody answers'}; allowed: {stack}; nothing was touched; "
            f"fix: --confirm {stack}"
        )


def _site(env: str, region: str, root: Path) -> Site:
    site = Site.of(env, root)
    planning.make(site.settings(), only=[region])
    return site


def _project(site: Site, name: str) -> Project:
    known = {project.name: project for project in site.projects()}
    if name not in known:
        raise AutomationError(f"--project is {name}; allowed: {', '.join(known)}")
    return known[name]


def _must(runner: Runner, region: str, project: Project, operation: str, file: str | None = None) -> Ended:
    ended = runner.run(region, project, operation, file=file)
    if not ended.ok:
        raise AutomationError(ended.error)
    return ended
