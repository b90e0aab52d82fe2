"""`python -m bench`: measure, print and store. Nothing is asserted: ratios are for reading."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import dashboards, fleet, floor, isolation, operation, regions, rules, throughput, without_pulumi
from components.values import alert_routing, dashboard_files, rule_files
from components.values.collection import agent, cluster, gateway
from components.values.context import Context
from components.values.releases import all_of
from settings import load
from settings.load import ROOT

STACK = "prod.eu-west"
GROWTH = (4, 40, 400)
RUNS = 3
AT_ITS_END = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""Writes the state once: a file backend writes all of it after each step, 15 MB 1,600 times for 400 tenants at once."""
RESULTS = ROOT / "bench" / "results" / "latest.json"
TARGETS = {
    "preview / (helm template + kubectl dry run)": 1.0,
    "preview / engine floor": 2.0,
    "preview of 400 tenants / of 4": 4.0,
    **{regions.ratio(round_trip): 1.6 for round_trip in regions.ROUND_TRIPS},
    "settings to values (s)": 1.0,
    "peak memory of program and stand-ins (MiB)": 600.0,
    throughput.MEMORY: 1.0,
    rules.TARGET: 0.1,
    dashboards.SLOWEST: 2.0,
    **{
        isolation.ratio(what, how): 1.5
        for what in isolation.WHATS
        for how, asks in isolation.NOISES.items()
        if not asks
    },
}
"""Upper bounds that the project set itself."""
LEAST = {
    "gateway / bare collector, traces": 0.5,
    "gateway / bare collector, logs": 0.7,
    "gateway / bare collector, metrics": 0.7,
}
"""Lower bounds."""

say = Console(stderr=True, highlight=False, markup=False).print


def _values() -> dict[str, Any]:
    def once() -> float:
        started = time.monotonic()
        context = Context(*load.from_file(STACK))
        all_of(context)
        for config in (agent.spec, gateway.spec, cluster.spec, alert_routing.alertmanager_config):
            config(context)
        rule_files.rule_files(context)
        dashboard_files.dashboard_files(context)
        return time.monotonic() - started

    return {"settings to values (s)": _median([once() for _ in range(RUNS)])}


def _preview() -> dict[str, Any]:
    first = operation.run(ROOT, STACK, "up")
    previews = [operation.run(ROOT, STACK, "preview") for _ in range(RUNS)]
    seconds = _median([each.region["seconds"] for each in previews])
    resources = sum(previews[-1].region["counts"].values())
    helm = _median([without_pulumi.helm_template(STACK) for _ in range(RUNS)])
    dry_runs = [without_pulumi.kubectl_dry_run(STACK) for _ in range(RUNS)]
    kubectl, objects = _median([seconds for seconds, _ in dry_runs]), dry_runs[-1][1]
    engine = _median(floor.measure(resources, RUNS))
    _down(ROOT)
    return {
        "resources": resources,
        "objects": objects,
        "up (s)": first.region["seconds"],
        "preview (s)": seconds,
        "helm template (s)": helm,
        "kubectl dry run (s)": kubectl,
        "engine floor (s)": engine,
        "preview / (helm template + kubectl dry run)": round(seconds / (helm + kubectl), 2),
        "preview / engine floor": round(seconds / engine, 2),
        "busy (s)": {role: round(seconds, 2) for role, seconds in previews[-1].busy_s.items()},
        "peak memory (MiB)": {role: round(peak) for role, peak in previews[-1].peaks_mib.items()},
        "peak memory of program and stand-ins (MiB)": round(max(each.own_mib for each in [first, *previews])),
    }


def _growth() -> dict[str, Any]:
    rows: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for tenants in GROWTH:
            root = fleet.root_with(tenants, STACK.partition(".")[0], Path(folder))
            up = operation.run(root, STACK, "up", AT_ITS_END)
            previews = [operation.run(root, STACK, "preview") for _ in range(RUNS)]
            rows[tenants] = {
                "up, state written at its end (s)": up.region["seconds"],
                "preview (s)": _median([each.region["seconds"] for each in previews]),
                "peak memory of program and stand-ins (MiB)": round(max(each.own_mib for each in [up, *previews])),
            }
        _down(Path(folder))
    least, most = rows[GROWTH[0]], rows[GROWTH[-1]]
    return {"tenants": rows, "preview of 400 tenants / of 4": round(most["preview (s)"] / least["preview (s)"], 2)}


def _down(root: Path) -> None:
    command = [sys.executable, "-m", "bench.worker", str(root), STACK, "down"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **AT_ITS_END}, check=True, stdout=subprocess.DEVNULL)


def _least() -> dict[str, str]:
    return {name: f">= {least:g}" for name, least in LEAST.items()}


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def _machine() -> dict[str, Any]:
    return {"processor": platform.machine(), "python": platform.python_version(), "system": platform.system()}


def _print(figures: dict[str, Any]) -> None:
    table = Table("figure", "value", "target")
    for name, value in figures.items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:g}", figures["targets"].get(name, ""))
    for role, seconds in figures.get("busy (s)", {}).items():
        table.add_row(f"preview, processor time of the {role} (s)", f"{seconds:g}", "")
    for tenants, row in figures.get("tenants", {}).items():
        for name, value in row.items():
            table.add_row(f"{tenants} tenants: {name}", f"{value:g}", "")
    for panel, seconds in figures.get("slowest panel queries (s)", {}).items():
        table.add_row(f"panel {panel} (s)", f"{seconds:g}", "")
    for tool, seconds in figures["tool build seconds"].items():
        table.add_row(f"build {tool} (s)", f"{seconds:g}", "")
    Console().print(table)


STEPS: dict[str, Callable[[], dict[str, Any]]] = {
    "values": _values,
    "preview": _preview,
    "growth": _growth,
    "regions": regions.measure,
    "throughput": throughput.measure,
    "rules": rules.measure,
    "dashboards": lambda: dashboards.measure(say),
    "isolation": isolation.measure,
}
"""What can be measured, in this order."""


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Measure this alone, and store nothing; repeatable: {', '.join(STEPS)}.")
    ] = None,
) -> None:
    """Measure what a region costs to preview and to run, against its alternatives, and how that grows."""
    unknown = sorted(set(only or ()) - set(STEPS))
    if unknown:
        raise typer.BadParameter(
            f"'{unknown[0]}' is no measurement; take one of {', '.join(STEPS)}", param_hint="--only"
        )
    figures: dict[str, Any] = {"machine": _machine(), "stack": STACK, "runs": RUNS}
    for name in only or STEPS:
        started = time.monotonic()
        say(f"bench: {name} ...")
        figures.update(STEPS[name]())
        say(f"bench: {name}: {time.monotonic() - started:.0f} s")
    built = ROOT / ".tools" / "build-times.json"
    figures["tool build seconds"] = json.loads(built.read_text()) if built.is_file() and not only else {}
    figures["targets"] = {**{name: f"<= {most:g}" for name, most in TARGETS.items()}, **_least()}
    if not only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        _print(figures)
        stored = "nothing stored" if only else f"stored in {RESULTS.relative_to(ROOT)}"
        say(f"{stored}; next: compare with docs/benchmarks.md")


if __name__ == "__main__":
    typer.run(main)
