"""The dashboard that an alert links to shows what the alert compares, and draws the limit."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from components.values.dashboard_files import dashboard_files
from dashboards.catalogue import CATALOGUE
from rules import files
from rules.filling import THRESHOLD
from settings.thresholds import defaults
from tests.contexts import context

FILES = {each.uid: json.loads(each.text) for each in dashboard_files(context()) if each.uid in CATALOGUE}
BURNING = {"SLOBudgetBurningFast", "SLOBudgetBurningSlowly"}
"""Alerts on several windows at once, each of which has a panel with its factor (test_content.py)."""
WITHOUT_LINK = {"Watchdog"}
"""It compares nothing and always fires: it leads to Alertmanager's groups, where it shows that it arrived."""


def linked() -> dict[str, tuple[str, str]]:
    """Return uid of the dashboard and expression of each alert that leads to one."""
    found = {}
    for text in files.sources().values():
        for rule in (rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]):
            uid = re.search(r"/d/([a-z-]+)", rule.get("annotations", {}).get("dashboard_url", ""))
            if uid:
                found[rule["alert"]] = (uid[1], rule["expr"])
    return found


def plain(expression: str) -> str:
    """Return an expression without what variables choose, spaces as one; a choice of tenants is one here and there."""
    without = re.sub(r'\w+=~"\$[^"]*",? ?|tenant!="platform"', "", expression)
    without = re.sub(r'(tenant="platform"), \1', r"\1", without)
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


@pytest.mark.parametrize("alert", sorted(linked().keys() - BURNING))
def test_the_link_of_an_alert_leads_to_its_expression_and_its_limit(alert: str) -> None:
    uid, expression = linked()[alert]
    wanted = compared(expression)
    panels = [panel for panel, expr in shown(uid) if wanted in expr and panel["type"] == "timeseries"]
    assert panels, f"{uid} has no panel with {wanted}"
    if alert in defaults():
        drawn = [panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []) for panel in panels]
        limits = [step.get("value") for steps in drawn for step in steps]
        assert defaults()[alert].value in limits, f"{[panel['title'] for panel in panels]} draw {limits}"


@pytest.mark.parametrize("alert", sorted(BURNING))
def test_each_window_of_an_alert_on_a_budget_has_its_burn_rate_drawn(alert: str) -> None:
    uid, expression = linked()[alert]
    rate = r"slo:sli_error:(ratio_rate\w+)\{[^}]*\} / ignoring \(sloth_window\) slo:error_budget:ratio\{[^}]*\} >"
    windows = re.findall(rate, plain(expression))
    drawn = [expr for panel, expr in shown(uid) if panel["title"].startswith("Burn rate, ")]
    assert len(windows) == 4
    for window in windows:
        assert any(f"slo:sli_error:{window})" in expr and "/ max by" in expr for expr in drawn), window


def test_every_alert_leads_to_a_dashboard() -> None:
    rules = [
        rule for text in files.sources().values() for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
    ]
    assert {rule["alert"] for rule in rules if "alert" in rule} - linked().keys() == WITHOUT_LINK
    assert {uid for uid, _ in linked().values()} <= CATALOGUE.keys()
