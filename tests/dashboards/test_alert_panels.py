"""The dashboard that an alert links to shows what the alert compares, and draws the limit."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from components.values.dashboard_files import dashboard_files
from rules import files
from rules.filling import THRESHOLD
from settings.thresholds import defaults
from tests.contexts import context

BOARDS = {"gpu", "grpc-clients", "kafka", "postgres-connections", "postgres-queries", "webhooks"}
FILES = {each.uid: json.loads(each.text) for each in dashboard_files(context()) if each.uid in BOARDS}


def linked() -> dict[str, tuple[str, str]]:
    """Return uid of the dashboard and expression of each alert that links to one of these."""
    found = {}
    for text in files.sources().values():
        for rule in (rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]):
            uid = re.search(r"/d/([a-z-]+)", rule.get("annotations", {}).get("dashboard_url", ""))
            if uid and uid[1] in BOARDS:
                found[rule["alert"]] = (uid[1], rule["expr"])
    return found


def plain(expression: str) -> str:
    """Return an expression without what variables choose, spaces as one."""
    without = re.sub(r'\w+=~"\$[^"]*",? ?', "", expression)
    without = re.sub(r",\s*}", "}", without).replace("{}", "")
    return re.sub(r"\s+", " ", without).replace("( ", "(").replace(" )", ")").strip()


def compared(expression: str) -> str:
    """Return the whole of an alert's expression, or where it compares with a number, what it compares."""
    before = plain(expression.partition(THRESHOLD)[0])
    return re.sub(r"\s*(==|>|<|>=|<=)( 0)?$", "", before)


def shown(uid: str) -> list[tuple[dict[str, Any], str]]:
    return [
        (panel, plain(each.get("expr", ""))) for panel in FILES[uid]["panels"] for each in panel.get("targets") or []
    ]


@pytest.mark.parametrize("alert", sorted(linked()))
def test_the_link_of_an_alert_leads_to_its_expression_and_its_limit(alert: str) -> None:
    uid, expression = linked()[alert]
    wanted = compared(expression)
    panels = [panel for panel, expr in shown(uid) if wanted in expr and panel["type"] == "timeseries"]
    assert panels, f"{uid} has no panel with {wanted}"
    if alert in defaults():
        drawn = [panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []) for panel in panels]
        limits = [step.get("value") for steps in drawn for step in steps]
        assert defaults()[alert].value in limits, f"{[panel['title'] for panel in panels]} draw {limits}"


def test_every_one_of_these_dashboards_has_an_alert_that_leads_to_it() -> None:
    assert {uid for uid, _ in linked().values()} == BOARDS
