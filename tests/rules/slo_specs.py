"""SLOs for tests, and promtool files made of what ships for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import tools
from components.values.rule_files import everywhere
from rules import files
from rules.slo import recordings
from settings.slo import Slo
from settings.units import Duration
from settings.vocabulary import SliSource, SloWindow
from tests.contexts import context
from tests.running import run

IDENTITY = {"region": "us-east", "cluster": "c", "environment": "dev"}
OWNER = 'tenant="shop", region="us-east", cluster="c", environment="dev"'


def slo(source: SliSource = SliSource.SPAN_METRICS, **given: Any) -> Slo:
    """Return an SLO of service cart: 99.9 % over 30 days."""
    if "latency" in given:
        given["latency"] = Duration(given["latency"])
    fields = {"service": "cart", "objective": 99.9, "window": SloWindow.DAYS_30, "owner": "team-shop", **given}
    return Slo(source=source, **fields)


def labels(name: str) -> str:
    """Return the labels of the recordings of an SLO of tenant shop."""
    return f'{OWNER}, service_name="cart", sloth_id="shop-{name}", sloth_service="cart", sloth_slo="{name}"'


def at_its_times(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group whose counts are made at its own interval: promtool evaluates every group at one for all."""
    seconds = Duration(group["interval"]).seconds
    rules = [
        {**rule, "expr": f"({rule['expr']}) and on () vector(time()) % {seconds:g} == 0"}
        if ":increase" in rule.get("record", "")
        else rule
        for rule in group["rules"]
    ]
    return {**group, "rules": rules}


def promtool(folder: Path, slos: Mapping[str, Slo], interval: str, *tests: dict[str, Any]) -> None:
    """Run promtool tests over the rules of these SLOs and those that are the same for all, as they ship.

    Args:
        folder: where the files are written.
        slos: SLOs of tenant shop.
        interval: evaluation and sample interval.
        tests: promtool's test groups.
    """
    shared = {"groups": [at_its_times(group) for group in everywhere(context("dev.us-east"))["slo"]["groups"]]}
    own = recordings.rule_groups("shop", slos, IDENTITY)
    written = {
        "own.yaml": {"groups": own},
        f"slo{files.SUFFIX}": shared,
        "test.yaml": {
            "rule_files": ["own.yaml", f"slo{files.SUFFIX}"],
            "evaluation_interval": interval,
            "group_eval_order": [group["name"] for group in [*own, *shared["groups"]]],
            "tests": [{"interval": interval, **test} for test in tests],
        },
    }
    for name, document in written.items():
        (folder / name).write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "test", "rules", str(folder / "test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def series(name: str, values: str) -> dict[str, str]:
    """Return an input series."""
    return {"series": name, "values": values}


def value(expr: str, at: str, samples: Mapping[str, float]) -> dict[str, Any]:
    """Return an expression's expected samples by labels."""
    expected = [{"labels": each, "value": number} for each, number in samples.items()]
    return {"expr": expr, "eval_time": at, "exp_samples": expected}
