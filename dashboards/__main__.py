"""`python -m dashboards build|gallery`: the dashboards of a stack as files, and as a page that needs no Grafana."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from components.values.context import Context
from components.values.dashboard_files import DashboardFile, dashboard_files
from components.values.datasources import org_ids
from dashboards.board import Folder
from dashboards.gallery import asking, bundle, drawing, marks
from dashboards.gallery.page import Dashboard, counted, page
from dashboards.runbook import FOLDER as RUNBOOKS
from settings import load, names
from settings.load import ROOT
from settings.problem import SettingsError
from settings.units import Duration

FAILED, USAGE = 1, 64
"""Exit codes: refused or failed with one sentence that says why; wrong arguments. 0 is done."""
PAGE = "index.html"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The dashboards as code. Exit codes: 0 done; 1 refused or failed, with one sentence that says why; "
    "64 wrong arguments.",
)

Env = Annotated[str, typer.Option("--env", help="Environment: reads Pulumi.<env>.yaml.")]
Region = Annotated[str, typer.Option("--region", help="Region of that environment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class DashboardsError(Exception):
    """Something that a command refuses; the message says what and how to go on."""


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if need be.")] = Path("out/dashboards"),
    env: Env = "prod",
    region: Region = "us-east",
    as_json: AsJson = False,
) -> int:
    """Write the JSON of every dashboard and runbook of a stack, a folder for each of Grafana's."""
    context = _context(env, region)
    made = dashboard_files(context)
    written = [_written(each, out) for each in made]
    known = {out / each["file"] for each in written}
    stale = sorted(
        str(file.relative_to(out))
        for folder in _folders(made)
        for file in (out / folder).glob("*.json")
        if file not in known
    )
    if as_json:
        _print(
            json.dumps(
                {"stack": names.stack(env, region), "out": str(out), "dashboards": written, "stale": stale}, indent=2
            )
        )
        return 0
    for folder in _folders(made):
        own = [each for each in written if each["folder"] == folder]
        _print(f"{folder}: {len(own)} ({sum(each['panels'] for each in own)} panels)")
    for each in stale:
        _print(f"{out / each} is of an earlier build: no dashboard has this uid any more. Remove it.")
    _print(f"{len(written)} dashboards of {names.stack(env, region)} are in {out}; the next build writes the same.")
    _print("Next: make gallery draws them with data; pulumi up delivers them.")
    return 0


@app.command()
def gallery(
    out: Annotated[Path, typer.Option("--out", help="Folder of the page.")] = Path("out/gallery"),
    data: Annotated[Path | None, typer.Option("--data", help="Data bundle to draw from instead of asking.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="File to keep the answers in, as a data bundle.")] = None,
    prometheus: Annotated[str, typer.Option("--prometheus", help="Address of Prometheus.")] = "",
    loki: Annotated[str, typer.Option("--loki", help="Address of Loki.")] = "",
    tempo: Annotated[str, typer.Option("--tempo", help="Address of Tempo.")] = "",
    org_id: Annotated[str, typer.Option("--org-id", help="X-Scope-OrgID; every tenant of the region without it.")] = "",
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="File with Grafana's GET /api/annotations, such as deploys.")
    ] = None,
    span: Annotated[str, typer.Option("--range", help="Time range of all, such as 15m; each its own without it.")] = "",
    end: Annotated[
        int | None, typer.Option("--end", help="End of the range, seconds since 1970; now without it.")
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Sentence about the data, for the page.")] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="Uid of a dashboard; repeat for several.")] = None,
    env: Env = "dev",
    region: Region = "us-east",
    as_json: AsJson = False,
) -> int:
    """Draw every dashboard with what its queries return, on one static page."""
    context = _context(env, region)
    shown = _dashboards(context, only or [])
    if data is not None:
        answers = bundle.loaded(data)
    else:
        sources = asking.Sources(
            prometheus, loki, tempo, org_id or org_ids(context), marks.kept(annotations) if annotations else ()
        )
        if not (prometheus or loki or tempo):
            raise DashboardsError(
                "gallery: nobody to ask; fix: name --prometheus, --loki and --tempo, or --data FILE; "
                "make gallery starts all three with seeded data"
            )
        answers = asking.asked(
            [each.model for each in shown],
            sources,
            end or time.time(),
            source=source or f"Asked of {', '.join(filter(None, (prometheus, loki, tempo)))}.",
            range_s=_seconds(span),
            say=lambda title: _tell(f"asks for {title}"),
        )
    if save is not None:
        bundle.saved(answers, save)
    _tell("draws")
    made = page(shown, answers)
    out.mkdir(parents=True, exist_ok=True)
    file = out / PAGE
    file.write_text(made.html, encoding="utf-8")
    if as_json:
        missing = [{"dashboard": each.dashboard, "panel": each.panel, "reason": each.reason} for each in made.missing]
        _print(
            json.dumps(
                {
                    "page": str(file),
                    "bytes": file.stat().st_size,
                    "dashboards": len(shown),
                    "panels": made.panels,
                    "drawn": made.drawn,
                    "missing": missing,
                },
                indent=2,
            )
        )
        return 0
    for each in made.missing:
        _print(f"no picture: {each.dashboard}, {each.panel}: {each.reason}")
    megabytes = file.stat().st_size / 1e6
    _print(f"{counted(len(shown))}, {made.panels} panels, {made.drawn} drawn: {file} ({megabytes:.1f} MB).")
    _print(f"Next: open {file} in a browser.")
    return 0


def _context(env: str, region: str) -> Context:
    return Context(*load.from_file(names.stack(env, region), ROOT))


def _dashboards(context: Context, only: Sequence[str]) -> list[Dashboard]:
    """Return the dashboards to show, folder by folder; runbooks are text that the repository shows better."""
    made = {each.uid: each for each in dashboard_files(context) if each.folder != RUNBOOKS}
    unknown = [uid for uid in only if uid not in made]
    if unknown:
        raise DashboardsError(f"--only: {unknown[0]!r} is no dashboard; allowed: {', '.join(made)}")
    order = list(Folder)
    chosen = [each for uid, each in made.items() if not only or uid in only]
    chosen.sort(key=lambda each: order.index(Folder(each.folder)))
    return [Dashboard(each.folder, json.loads(each.text)) for each in chosen]


def _folders(made: Sequence[DashboardFile]) -> list[str]:
    return sorted({each.folder for each in made})


def _written(each: DashboardFile, out: Path) -> dict[str, Any]:
    file = out / each.folder / f"{each.uid}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(each.text, encoding="utf-8")
    model = json.loads(each.text)
    return {
        "uid": each.uid,
        "title": model["title"],
        "folder": each.folder,
        "panels": sum(panel["type"] != "row" for panel in model["panels"]),
        "file": str(file.relative_to(out)),
        "sha256": hashlib.sha256(each.text.encode()).hexdigest(),
    }


def _seconds(span: str) -> int | None:
    if not span:
        return None
    if not re.fullmatch(Duration.pattern, span):
        raise DashboardsError(f"--range: is {span!r}; allowed: {Duration.allowed}; fix: write for example 15m")
    return int(Duration(span).seconds)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; known refusals become their sentence on standard error."""
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="python -m dashboards")
    except _USAGE_ERROR as error:
        _tell(f"{error}; see: python -m dashboards --help")
        return USAGE
    except (DashboardsError, SettingsError, bundle.BundleError, drawing.DrawingError) as error:
        _tell(str(error))
        return FAILED
    return result if isinstance(result, int) else 0


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(run())
