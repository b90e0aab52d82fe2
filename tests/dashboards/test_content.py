"""What panels ask for exists, what alerts lead to shows them, and every page goes from healthy to what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.values.rule_files import everywhere, runbook_uid
from components.values.slo_rules import slo_rule_files
from dashboards.board import ALERT_COLOR, COLLECTION_TAG, DEPLOY_COLOR, Folder
from dashboards.catalogue import CATALOGUE
from rules import files
from rules.slo.windows import PAIRS
from tests.contexts import context
from tests.dashboards.test_dashboards import FILES, SELECTOR, expressions, model, panels

HERE = context("prod.us-east")
SHIPPED = [*everywhere(HERE).values(), *slo_rule_files(HERE).values()]
RULES: list[dict[str, Any]] = [rule for file in SHIPPED for group in file["groups"] for rule in group["rules"]]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
LINKED = {
    rule["alert"]: (uid[1], rule["expr"])
    for rule in RULES
    if "alert" in rule and (uid := re.search(r"/d/([a-z0-9-]+)", rule["annotations"]["dashboard_url"]))
}
CORE = {
    *("alerts-silences", "cardinality", "collector-pipeline", "cost-volume", "logs-explorer"),
    *("platform-overview", "service-overview", "slo", "trace-explorer"),
}
"""The dashboards of the platform itself and of services; those of exporters have tests of their own."""


def given() -> set[str]:
    """Return the metrics that exporters give, as the catalogues of rules and of dashboards say."""
    own = yaml.safe_load((Path(files.RULES).parent / "dashboards" / "exporters.yaml").read_text(encoding="utf-8"))
    known = {metric for metrics in own.values() for metric in metrics}
    for path in files.RULES.glob("exporters/*.yaml"):
        known |= set(yaml.safe_load(path.read_text(encoding="utf-8"))["metrics"])
    return known | asked(" ".join(rule["expr"] for rule in RULES))


def asked(text: str) -> set[str]:
    """Return the metrics and recordings that a query of rules names: `make lint` knows that those exist."""
    bare = re.sub(r'"[^"]*"|\b(?:by|on|ignoring|without|group_left)\s*\([^()]*\)|\{[^{}]*\}', " ", text)
    return set(re.findall(r"\b(?:[a-z]+:[a-z0-9_:]+|[a-z]+_[a-z0-9_]+|up)\b(?!\s*\()", bare))


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_metric_of_every_panel_is_recorded_or_given_by_an_exporter(uid: str) -> None:
    known = given() | RECORDED
    for kind, title, expression in expressions(uid):
        if kind == "prometheus":
            unknown = {metric for metric, _ in SELECTOR.findall(expression) if metric} - known
            assert not unknown, f"{title}: nothing gives {unknown}"


@pytest.mark.parametrize("alert", sorted(alert for alert, (uid, _) in LINKED.items() if uid in CORE))
def test_the_dashboard_that_an_alert_leads_to_shows_what_it_compares(alert: str) -> None:
    uid, expression = LINKED[alert]
    shown = " ".join(expr for kind, _, expr in expressions(uid) if kind == "prometheus")
    compared = {name for name in asked(expression) if name != "alert_threshold"}
    assert compared
    assert any(re.search(rf"(?<![a-z_:]){re.escape(name)}(?![a-z0-9_:])", shown) for name in compared), (uid, compared)


@pytest.mark.parametrize("uid", sorted(CORE))
def test_a_page_goes_from_healthy_over_affected_and_changed_to_what_to_do(uid: str) -> None:
    rows = [panel["title"] for panel in model(uid)["panels"] if panel["type"] == "row"]
    assert rows[:2] == ["Is it healthy?", "What is affected?"]
    assert rows[-2:] == ["What changed?", "What to do?"]
    assert len(rows) >= 5
    assert all(title.endswith("?") for title in rows)


@pytest.mark.parametrize("uid", sorted(CORE))
def test_deploys_and_firing_alerts_are_on_the_time_axis_in_the_same_colours(uid: str) -> None:
    marks = {each["name"]: each for each in model(uid)["annotations"]["list"]}
    assert set(marks) == {"Deploys", "Firing alerts"}
    assert (marks["Deploys"]["iconColor"], marks["Firing alerts"]["iconColor"]) == (DEPLOY_COLOR, ALERT_COLOR)
    assert marks["Deploys"]["target"]["tags"] == ["deploy"]
    assert all(filter_ in marks["Firing alerts"]["expr"] for filter_ in ('tenant=~"$tenant"', 'region=~"$region"'))


@pytest.mark.parametrize("uid", sorted(CORE))
def test_every_page_leads_to_the_others_with_tenant_region_and_time(uid: str) -> None:
    (menu,) = model(uid)["links"]
    assert (menu["tags"], menu["includeVars"], menu["keepTime"]) == ([COLLECTION_TAG], True, True)
    assert COLLECTION_TAG in model(uid)["tags"]
    assert CATALOGUE[uid].folder in set(Folder)


def links(uid: str) -> list[tuple[str, str]]:
    """Return every way to another dashboard, as uid and query, of data links and of texts."""
    return re.findall(r"/d/([a-z0-9-]+)(\?[^\"\\)\s]*)?", FILES[uid].text)


@pytest.mark.parametrize("uid", sorted(CORE))
def test_every_link_leads_somewhere_and_says_for_whom_and_when(uid: str) -> None:
    runbooks = {runbook_uid(alert) for alert in files.runbooks()}
    assert links(uid)
    for target, query in links(uid):
        assert target in CATALOGUE or target in runbooks, target
        if target in CATALOGUE:
            assert "tenant" in query, (target, query)
            assert "region" in query, (target, query)
            assert "${__url_time_range}" in query or "from=${__from}&to=${__to}" in query, (target, query)


def test_metrics_lead_to_logs_and_traces_of_the_same_service() -> None:
    (panel,) = [each for each in panels("service-overview") if each["title"] == "Error share"]
    found = {link["title"]: link["url"] for link in panel["fieldConfig"]["defaults"]["links"]}
    assert set(found) == {"Traces", "Logs"}
    for uid, url in (("trace-explorer", found["Traces"]), ("logs-explorer", found["Logs"])):
        assert url.startswith(f"/d/{uid}?")
        assert "var-service=${__field.labels.service_name}" in url
    variables = {each["name"] for each in model("logs-explorer")["templating"]["list"]}
    assert {"service", "level", "search", "trace"} <= variables


def test_the_slo_page_draws_the_factor_of_each_pair() -> None:
    by_title = {panel["title"]: panel for panel in panels("slo")}
    for pair in PAIRS:
        steps = by_title[f"Burn rate, {pair.long} and {pair.short}"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[-1]["value"] == max(float(pair.factor(30)), 1.01)


@pytest.mark.parametrize("uid", sorted(CORE))
def test_panels_stand_side_by_side_without_gaps_at_1366_pixels(uid: str) -> None:
    """A row's panels fill Grafana's 24 columns and none is narrower than a quarter, about 330 pixels."""
    widths: dict[int, int] = {}
    for panel in model(uid)["panels"]:
        place = panel["gridPos"]
        assert place["w"] >= 6
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {24}


def test_runbooks_are_not_in_the_menu_of_dashboards() -> None:
    alert = next(iter(files.runbooks()))
    assert COLLECTION_TAG not in model(runbook_uid(alert))["tags"]
