"""`python -m charts`: list the pinned charts, warm the cache, pin a new version."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from charts import edit, pins
from charts.pull import CACHE, fetch
from charts.repository import Public
from settings import load
from settings.problem import SettingsError

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Root = Annotated[Path, typer.Option(help="Folder of charts.yaml.")]
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Pinned charts: list, pull, pin.")


@app.command(name="list")
def list_pins(as_json: Json = False, root: Root = load.ROOT) -> None:
    """List every pinned version, and whether each origin's digest is known."""
    known = _or_refuse(lambda: pins.load(root), as_json)
    if as_json:
        print(known.model_dump_json())
        return
    for name, chart in known.charts.items():
        for version, entry in chart.versions.items():
            marks = ", ".join(
                word for word, value in (("public", entry.sha256), ("mirror", entry.mirror_sha256)) if value
            )
            print(f"{name} {version}{' (default)' if version == chart.default else ''}: {marks or 'no digest'}")
    print("Next: python -m charts pull")


@app.command()
def pull(
    stack: Annotated[str, typer.Argument(help="<env>.<region>; without it, the default version of each chart")] = "",
    as_json: Json = False,
    root: Root = load.ROOT,
) -> None:
    """Fetch and check every chart that a stack uses, so that later runs need no network."""

    def run() -> list[dict[str, str]]:
        known = pins.load(root)
        choices: dict[str, str] = {}
        if stack:
            platform, region = load.from_file(stack, root)
            choices = platform.regions[region].charts
        public, done = Public(), []
        for name, version in pins.choose(known, choices, "charts").items():
            package = fetch(known, name, version, root, public)
            done.append({"chart": name, "version": version, "path": str(package.path)})
            if not as_json:
                print(f"{name} {version}: checked")
        return done

    done = _or_refuse(run, as_json)
    print(json.dumps({"packages": done}) if as_json else f"{len(done)} charts in {CACHE}. Next: make preview")


@app.command()
def pin(
    chart: Annotated[str, typer.Argument(help="a chart of charts.yaml")],
    version: Annotated[str, typer.Argument(help="the version to pin")],
    origin: Annotated[
        Literal["public", "mirror"] | None,
        typer.Option("--from", help="where from; without it the mirror directory where there is one"),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite another digest of this version.")] = False,
    as_json: Json = False,
    root: Root = load.ROOT,
) -> None:
    """Write a version's digest into charts.yaml, for review."""

    def run() -> edit.Pinned:
        where = origin or ("mirror" if (root / pins.load(root).mirror).is_dir() else "public")
        if not as_json:
            print(f"{chart} {version}: fetching ({where})")
        return edit.pin(chart, version, where, root, replace=replace)

    done = _or_refuse(run, as_json)
    if as_json:
        print(json.dumps(asdict(done)))
    elif not done.changed:
        print(f"{chart} {version}: {done.field} is {done.digest} already. Nothing to do.")
    else:
        print(f"{chart} {version}: {done.field} is now {done.digest}")
        print(
            f"Next: compare it with the publisher's, choose the version (default: {version} in charts.yaml, or "
            f"charts: {{{chart}: {version}}} in one region), and review the preview."
        )


def _or_refuse(run: Callable[[], T], as_json: bool) -> T:
    """Return what `run` gives, or print its refusal and end with exit code 1."""
    try:
        return run()
    except SettingsError as error:
        problems = [vars(problem) for problem in error.problems]
        print(json.dumps({"problems": problems}) if as_json else error)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
