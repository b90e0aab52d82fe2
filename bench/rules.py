"""What all rules cost: seconds of evaluation per interval on the real Prometheus, and how they grow with tenants.

    python -m bench.rules [--tenants 50] [--services 20] [--json]

A Prometheus has the history that the longest rules read (ten days of an SLO's counts, six hours of its rates), scrapes
a fleet (rule_load.py) every 30 s, and evaluates every rule that ships to its region, an SLO of every service among
them. The seconds are its own (prometheus_rule_group_last_duration_seconds), each group's divided by its interval and
summed: a share of one core. Beside it stands what the whole process used, scrapes and all, which bounds it from above.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import requests
import typer
import yaml

from automation.waiting import until
from bench import fleet, rule_load, rule_stand
from bench.rule_stand import INTERVAL, LOAD_SECONDS
from components.values.context import Context
from components.values.rule_files import rule_files
from components.values.slo_rules import slo_rule_files
from lab import prometheus
from lab.instance import Instance
from lab.process import Processes
from lab.roots import linked
from settings import load, names
from settings.load import ROOT
from settings.units import Duration
from settings.vocabulary import Integration

STACK: Final = "prod.eu-west"
RESULTS: Final = ROOT / "bench" / "results" / "rules.json"
SERVICES: Final = 20
GROWTH: Final = (5, 15, 50)
"""Numbers of tenants."""
TARGET: Final = "rules of 50 tenants of 20 services / one core"
ROUNDS: Final = 3
"""Evaluations of which the median counts, after a first one that finds caches cold."""

SLOWEST: Final = 20
"""Rules of the most expensive names that are listed; SLOs of one name are added up."""


def measure(services: int = SERVICES, growth: Sequence[int] = GROWTH) -> dict[str, Any]:
    """Return the figures by number of tenants and the largest's share of one core; each size is stored at once."""
    figures: dict[str, Any] = {"processors": os.cpu_count(), "interval (s)": INTERVAL, "rules": {}}
    RESULTS.parent.mkdir(exist_ok=True)
    for tenants in growth:
        figures["rules"][tenants] = _measured(tenants, services)
        figures[TARGET] = figures["rules"][tenants]["share of one core"]
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def _measured(tenants: int, services: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="rules-") as name:
        folder = Path(name)
        context = _context(folder, tenants, services)
        areas = {**rule_files(context), **slo_rule_files(context)}
        intervals = _write(areas, folder)
        instance = Instance.of(STACK, folder)
        instance.create()
        processes = Processes(instance)
        series = list(rule_load.series(list(context.tenants), services, context.identity))
        try:
            rule_stand.history(context, series, folder)
            with rule_stand.exporter(series) as address:
                settings = rule_stand.config(address, folder)
                url = prometheus.start(processes, prometheus.command(folder, settings), LOAD_SECONDS)
                samples = list(_rounds(url))
            return {"services": tenants * services, **_figures(url, areas, intervals, samples)}
        finally:
            processes.stop()


def _context(folder: Path, tenants: int, services: int) -> Context:
    """Return the region of an environment with so many tenants, an SLO of each service, and every integration."""
    environment, region = STACK.split(".")
    document = fleet.document(tenants, environment)
    platform = document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"]
    platform["regions"][region]["integrations"] = [str(each) for each in Integration]
    for tenant in platform["tenants"].values():
        tenant["slos"] = {
            f"service-{number:02}-availability": {
                "service": f"service-{number:02}",
                "objective": 99.9,
                "window": "30d",
                "source": "span_metrics",
                "owner": tenant["owners"][0],
            }
            for number in range(services)
        }
        tenant.pop("thresholds", None)
    return Context(*load.from_file(STACK, linked(folder / "root", environment, document)))


def _write(areas: Mapping[str, Any], folder: Path) -> dict[str, float]:
    """Write the rule files with every group at one interval; return each group's own in seconds."""
    intervals: dict[str, float] = {}
    for area, document in areas.items():
        groups = []
        for group in document["groups"]:
            intervals[group["name"]] = Duration(group.get("interval", f"{INTERVAL}s")).seconds
            groups.append({**group, "interval": f"{INTERVAL}s"})
        (folder / f"{area}.rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    return intervals


def _rounds(url: str) -> Iterator[dict[str, Any]]:
    """Yield what Prometheus says of itself after each evaluation of all groups but the first."""
    reached = until(lambda: min(_read(url, "iterations_total").values(), default=0) >= 1, LOAD_SECONDS)
    if not reached:
        raise RuntimeError("not every rule group was evaluated; see the end of the log")
    for number in range(ROUNDS + 1):
        if number:
            threading.Event().wait(INTERVAL)
        yield {"at": time.monotonic(), "cpu": _cpu(url), "durations": _read(url, "last_duration_seconds")}


def _read(url: str, what: str) -> dict[str, float]:
    """Return a figure of each rule group by the group's name."""
    text = requests.get(f"{url}/metrics", timeout=30).text
    found = re.findall(rf'^prometheus_rule_group_{what}{{rule_group="[^"]*;([^"]+)"}} (\S+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _cpu(url: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=30).text
    found = re.search(r"^process_cpu_seconds_total (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _figures(
    url: str, areas: Mapping[str, Any], intervals: Mapping[str, float], samples: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    shares = {
        group: statistics.median(each["durations"][group] for each in samples[1:]) / interval
        for group, interval in intervals.items()
    }
    of_area: dict[str, float] = defaultdict(float)
    for area, document in areas.items():
        # The files of tenants' SLOs are one for a reader.
        of_area["slo-<tenant>" if area.startswith("slo-") else area] += sum(
            shares[group["name"]] for group in document["groups"]
        )
    groups = requests.get(f"{url}/api/v1/rules", timeout=60).json()["data"]["groups"]
    of_rule: dict[str, float] = defaultdict(float)
    for each in groups:
        for rule in each["rules"]:
            of_rule[rule["name"]] += rule["evaluationTime"] / intervals[each["name"]]
    head = requests.get(f"{url}/api/v1/status/tsdb", timeout=60).json()["data"]["headStats"]["numSeries"]
    spent = (samples[-1]["cpu"] - samples[0]["cpu"]) / (samples[-1]["at"] - samples[0]["at"])
    return {
        "rules": sum(len(group["rules"]) for document in areas.values() for group in document["groups"]),
        "series": head,
        "share of one core": round(sum(shares.values()), 4),
        "whole process / one core": round(spent, 3),
        "by area": {area: round(share, 5) for area, share in sorted(of_area.items(), key=lambda each: -each[1])},
        "slowest rules": {
            name: round(share, 5) for name, share in sorted(of_rule.items(), key=lambda each: -each[1])[:SLOWEST]
        },
        "failing": sorted({rule["name"] for each in groups for rule in each["rules"] if rule["health"] == "err"}),
        "firing": sorted(
            {rule["name"] for each in groups for rule in each["rules"] if rule.get("state") == "firing"} - {"Watchdog"}
        ),
    }


def picture(rows: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the growth as a chart in Mermaid's words, for docs/benchmarks.md."""
    shares = [100 * row["share of one core"] for row in rows.values()]
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            '  title "Evaluation of all rules, percent of one core"',
            f'  x-axis "tenants of {SERVICES} services" [{", ".join(map(str, rows))}]',
            f'  y-axis "percent" 0 --> {max(10, *(round(each) + 1 for each in shares))}',
            f"  line [{', '.join(f'{each:.2f}' for each in shares)}]",
            "```",
        ]
    )


def main(
    tenants: Annotated[int, typer.Option(help="The largest number of tenants.")] = GROWTH[-1],
    services: Annotated[int, typer.Option(help="Services of each tenant.")] = SERVICES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure for a growing number of tenants, print, and store the figures."""
    figures = measure(services, [*(each for each in GROWTH if each < tenants), tenants])
    rows = figures["rules"]
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for count, row in rows.items():
        bar = "#" * max(1, round(row["share of one core"] * 400))
        typer.echo(f"{count:4} tenants {row['series']:8} series {row['share of one core']:7.2%} of one core  {bar}")
    typer.echo(picture(rows))
    typer.echo(f"stored in {RESULTS.relative_to(ROOT)}; next: compare with docs/benchmarks.md")


if __name__ == "__main__":
    typer.run(main)
