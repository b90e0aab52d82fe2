"""The panel that shows what an alert compares: its dashboard_url opens that panel."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import filling
from dashboards.catalogue import CATALOGUE
from dashboards.compared import left
from dashboards.panel_ids import numbered
from rules import files
from settings.thresholds import defaults

_VARIABLE = re.compile(r'\w+=~"\$[^"]*",? ?')
_STRING = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^()]*\)|\{[^{}]*\}")
_METRIC = re.compile(r"\b(?:[a-z_]+:[a-z0-9_:]+|[a-z]+_[a-z0-9_]+|up)\b(?!\s*\()")

_NOTHING = (False, 0.0, True, True)
"""Rank of a panel that shows nothing of an alert, at best."""


@dataclass(frozen=True)
class _Panel:
    id: int
    kind: str
    expressions: tuple[str, ...]
    """As `plain` leaves them."""
    limits: tuple[float, ...]
    """Where its thresholds are."""


@cache
def by_alert() -> Mapping[str, int]:
    """Return the id of the panel of each alert of rules/ that leads to a dashboard of the catalogue.

    An alert is not among them when its dashboard shows nothing of it: its link then opens the whole dashboard.
    """
    found: dict[str, int] = {}
    for rule in files.alerts():
        uid = files.dashboards().get(rule["alert"])
        if uid in CATALOGUE:
            panel = shown_by(uid, rule["alert"], rule["expr"])
            if panel is not None:
                found[rule["alert"]] = panel
    return found


def shown_by(uid: str, alert: str, expression: str) -> int | None:
    """Return the id of the panel of a dashboard that shows an alert's expression best; None where none shows any.

    One that asks for the whole of what the alert compares comes before one that asks for some of its metrics, one over
    time before a single number, one that draws the alert's limit before one that does not.
    """
    wanted = compared(expression)
    metrics = named(expression)
    limit = defaults()[alert].value if alert in defaults() else None

    def rank(panel: _Panel) -> tuple[bool, float, bool, bool]:
        shared = max((_alike(metrics, named(each)) for each in panel.expressions), default=0.0)
        whole = any(wanted in each for each in panel.expressions)
        return whole, shared if not whole else 1.0, panel.kind == "timeseries", limit in panel.limits

    best = max(_panels(uid), key=rank)
    return best.id if rank(best) > _NOTHING else None


def compared(expression: str) -> str:
    """Return what an alert compares with its threshold or with zero; the whole of what compares otherwise."""
    return plain(left(expression))


def plain(expression: str) -> str:
    """Return an expression without what a dashboard's variables choose, and with single spaces."""
    without = re.sub(r",\s*}", "}", _VARIABLE.sub("", expression)).replace("{}", "")
    return re.sub(r"\s+", " ", without).replace("( ", "(").replace(" )", ")").strip()


def named(expression: str) -> frozenset[str]:
    """Return the metrics that an expression names."""
    return frozenset(_METRIC.findall(_LABELS.sub(" ", _STRING.sub('""', expression))))


def _alike(wanted: frozenset[str], given: frozenset[str]) -> float:
    together = wanted | given
    return len(wanted & given) / len(together) if together else 0.0


@cache
def _panels(uid: str) -> tuple[_Panel, ...]:
    model: dict[str, Any] = json.loads(json.dumps(numbered(CATALOGUE[uid].build().build()), cls=JSONEncoder))
    found = []
    for panel in filling.panels(model):
        asked = tuple(plain(each["expr"]) for each in panel.get("targets") or [] if "expr" in each)
        steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
        limits = tuple(step["value"] for step in steps if step.get("value") is not None)
        found.append(_Panel(panel["id"], panel["type"], asked, limits))
    return tuple(found)
