"""The command for a chart's next version."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import upgrade as upgrading
from automation.commands.options import HERE, AsJson, Env, Root, show, show_json, tell
from automation.problem import Exit
from automation.report.text import text
from automation.site import Site


def upgrade(
    chart: Annotated[str, typer.Argument(help="A chart of charts.yaml.")],
    version: Annotated[str, typer.Argument(help="The version to go to.")],
    env: Env = "prod",
    write: Annotated[bool, typer.Option("--write/--no-write", help="Make it the default in charts.yaml.")] = True,
    as_json: AsJson = False,
    root: Root = HERE,
) -> int:
    """Show what another version of a chart changes in every region, and write it into charts.yaml for review."""
    platform = Site.of(env, root).settings()
    proposal = upgrading.propose(chart, version, root)
    tell(f"{chart} {version}: rendering it for every region of {env}")
    found = upgrading.compare(proposal, platform)
    changed = write and proposal.write()
    if as_json:
        show_json({**found.document(), "written": changed})
        return Exit.OK
    show(f"{chart} {found.before} -> {version}")
    for region, own in found.kept.items():
        show(f"{env}.{region}: stays at {own}, its own in Pulumi.{env}.yaml (regions.{region}.charts.{chart})")
    show(text(found.report, f"make review ENV={env}"))
    for name in found.new_crds:
        show(f"New CRD: {name}; its chart of CRDs comes first")
    for name in found.lost_fields:
        show(f"No longer in a CRD: {name}")
    for name in found.lost_targets:
        show(f"No longer scraped: {name}")
    for what, lost in (("series", found.lost_series), ("label", found.lost_labels)):
        for name, users in lost.items():
            show(f"Lost {what}: {name}, used by {', '.join(users)}")
    show(f"charts.yaml: {chart} is now {version} by default" if changed else "charts.yaml: as it was")
    return Exit.OK
