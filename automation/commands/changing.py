"""Commands that change regions: up, resume, refresh, destroy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from automation import plan as planning
from automation import rollout, verification
from automation.commands.looking import Allow, acknowledged
from automation.commands.options import HERE, AsJson, Env, Parallel, Regions, Root, running, show, show_json, tell
from automation.commands.rescuing import confirmed
from automation.journal import Journal, Logbook, Status
from automation.problem import AutomationError, Exit
from automation.rollout import Options, Rollout
from automation.site import Site

_MODE = typer.Option("--rollout-status", help="What workloads must reach: available, applied or off.")


def up(
    env: Env,
    region: Regions = None,
    parallel: Parallel = planning.PARALLEL,
    allow: Allow = None,
    description: Annotated[
        Path | None, typer.Option("--description", help="Text of the pull request, with its allow-risk lines.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="What preview --save-plan wrote: this or nothing.")
    ] = None,
    verify: Annotated[
        list[str] | None, typer.Option("--verify", help="Command to end well per region; {env}, {region}; repeatable.")
    ] = None,
    status: Annotated[str, _MODE] = "",
    soak: Annotated[float, typer.Option("--soak", min=0, help="Seconds between a wave and the next.")] = 0.0,
    slo: Annotated[
        list[str] | None, typer.Option("--slo", help="'ADDRESS EXPRESSION' of a Prometheus that must give nothing.")
    ] = None,
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Roll out wave by wave: the canary, then the rest; stop at the first region that fails."""
    mode = status or os.environ.get(verification.VARIABLE, verification.AVAILABLE)
    if mode not in verification.MODES:
        raise AutomationError(f"--rollout-status is {mode}; allowed: {', '.join(verification.MODES)}")
    site = Site.of(env, root)
    platform = site.settings()
    waves = planning.make(platform, parallel, region or ())
    options = Options(
        parallel,
        tuple(acknowledged(allow, description)),
        str(plan.resolve()) if plan else "",
        tuple(verify or ()),
        mode,
        soak,
        tuple(slo or ()),
    )
    logbook = Logbook(site.create())
    with logbook.held("up"), running(site) as runner:
        made = Rollout(runner, platform, logbook, options, tell)
        rollout.begin(logbook, waves, "up", made.options)
        return ended(made.run(), as_json=as_json)


def resume(env: Env, as_json: AsJson = False, root: Root = HERE) -> int:
    """Go on with the rollout or the destroy that was killed, interrupted or stopped."""
    site = Site.of(env, root)
    platform = site.settings()
    logbook = Logbook(site.create())
    with logbook.held("resume"):
        journal = logbook.read()
        if journal is None:
            raise AutomationError(f"{env}: there is no rollout to resume; fix: start one with up")
        if journal.finished:
            return ended(journal, as_json=as_json)
        left = [name for name, each in journal.regions.items() if each.status is not Status.DONE]
        gone = [name for name in left if name not in platform.regions]
        if gone:
            raise AutomationError(
                f"{env}: the rollout to resume still has {', '.join(gone)} to do, which the settings no longer have; "
                f"fix: put it back into Pulumi.{env}.yaml, or start anew with up"
            )
        for each in journal.regions.values():
            each.status = Status.DONE if each.status is Status.DONE else Status.PENDING
        logbook.begin(journal)
        with running(site) as runner:
            options = rollout.options_of(journal)
            return ended(Rollout(runner, platform, logbook, options, tell, resumed=True).run(), as_json=as_json)


def destroy(
    env: Env,
    region: Annotated[str, typer.Option("--region", help="The one region to destroy.")],
    confirm: Annotated[str, typer.Option("--confirm", help="Name of the stack, for where nobody can be asked.")] = "",
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Delete one region's resources, but for those that are protected; asks for the stack's name."""
    site = Site.of(env, root)
    platform = site.settings()
    waves = planning.make(platform, 1, [region])
    stack = site.stack(region)
    confirmed(stack, confirm, f"Everything of {stack} goes, but for what is protected")
    logbook = Logbook(site.create())
    with logbook.held("destroy"), running(site) as runner:
        made = Rollout(runner, platform, logbook, Options(1), tell)
        rollout.begin(logbook, waves, "destroy", made.options)
        return ended(made.run(), as_json=as_json)


def refresh(
    env: Env,
    region: Regions = None,
    parallel: Parallel = planning.PARALLEL,
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Take over into the states what is really there."""
    site = Site.of(env, root)
    regions = planning.make(site.settings(), parallel, region or ()).regions
    logbook = Logbook(site.create())
    with logbook.held("refresh"), running(site) as runner:
        found = runner.each(
            [(name, project) for name in regions for project in site.projects()],
            lambda item: runner.run(item[0], item[1], "refresh", recover=True),
            parallel,
        )
    for each in found:
        if each.error:
            tell(each.error)
        elif each.result is not None and not as_json:
            show(f"{site.stack(each.region)}: {each.result.summary()}")
    if as_json:
        show_json([each.result.document() for each in found if each.result is not None])
    else:
        show(f"Next: python -m automation preview --env {env}")
    return Exit.FAILED if any(each.error for each in found) else Exit.OK


def ended(journal: Journal, *, as_json: bool) -> int:
    """Print how a rollout ended, and return the exit code."""
    if as_json:
        show_json(journal.document())
    else:
        for name, region in journal.regions.items():
            said = "; ".join(region.done) or "nothing done"
            show(f"{journal.environment}.{name}: {region.status}, {said}")
    if journal.finished and journal.operation == "destroy":
        show_next = f"Next: python -m automation plan --env {journal.environment}, for the regions that are left"
    elif journal.finished:
        show_next = f"Next: python -m automation drift --env {journal.environment}"
    else:
        show_next = f"Next, when the cause is gone: python -m automation resume --env {journal.environment}"
    if not as_json:
        show(show_next)
    return Exit.OK if journal.finished else Exit.FAILED
