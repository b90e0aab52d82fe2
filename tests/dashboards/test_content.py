"""What panels ask for exists, what is clicked on leads on, and every page goes from healthy to what to do."""

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
from dashboards.links import SIGNALS
from rules import files
from rules.slo.windows import PAIRS
from tests.contexts import context
from tests.dashboards.test_dashboards import FILES, SELECTOR, expressions, model, panels

HERE = context("prod.us-east")
SHIPPED = [*everywhere(HERE).values(), *slo_rule_files(HERE).values()]
RULES: list[dict[str, Any]] = [rule for file in SHIPPED for group in file["groups"] for rule in group["rules"]]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


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


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_a_page_goes_from_healthy_over_affected_and_changed_to_what_to_do(uid: str) -> None:
    rows = [panel["title"] for panel in model(uid)["panels"] if panel["type"] == "row"]
    assert rows[:2] == ["Is it healthy?", "What is affected?"]
    assert rows[-2:] == ["What changed?", "What to do?"]
    assert len(rows) >= 5
    assert all(title.endswith("?") for title in rows)


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_deploys_and_firing_alerts_are_on_the_time_axis_in_the_same_colours(uid: str) -> None:
    marks = {each["name"]: each for each in model(uid)["annotations"]["list"]}
    assert set(marks) == {"Deploys", "Firing alerts"}
    assert (marks["Deploys"]["iconColor"], marks["Firing alerts"]["iconColor"]) == (DEPLOY_COLOR, ALERT_COLOR)
    assert marks["Deploys"]["target"]["tags"] == ["deploy"]
    assert all(filter_ in marks["Firing alerts"]["expr"] for filter_ in ('tenant=~"$tenant"', 'region=~"$region"'))


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_page_leads_to_the_others_with_tenant_region_and_time(uid: str) -> None:
    (menu,) = model(uid)["links"]
    assert (menu["tags"], menu["includeVars"], menu["keepTime"]) == ([COLLECTION_TAG], True, True)
    assert COLLECTION_TAG in model(uid)["tags"]
    assert CATALOGUE[uid].folder in set(Folder)


def links(uid: str) -> list[tuple[str, str]]:
    """Return every way to another dashboard, as uid and query, of data links and of texts."""
    return re.findall(r"/d/([a-z0-9-]+)(\?[^\"\\)\s]*)?", FILES[uid].text)


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_link_leads_somewhere_and_says_for_whom_and_when(uid: str) -> None:
    runbooks = {runbook_uid(alert) for alert in files.runbooks()}
    assert links(uid)
    for target, query in links(uid):
        assert target in CATALOGUE or target in runbooks, target
        if target in CATALOGUE:
            assert "tenant" in query, (target, query)
            assert "region" in query, (target, query)
            assert "${__url_time_range}" in query or "from=${__from}&to=${__to}" in query, (target, query)


def titled(value: Any) -> str:
    """Name a case by the dashboard's uid and the panel's title."""
    return value["title"] if isinstance(value, dict) else str(value)


def of_a_service(panel: dict[str, Any]) -> bool:
    """Return whether each line of a panel is of one service, by what it is called."""
    legends = [each.get("legendFormat", "") for each in panel.get("targets") or []]
    return panel["type"] == "timeseries" and all(re.search("service_name|sloth_slo", each) for each in legends)


@pytest.mark.parametrize(
    ("uid", "panel"), [(uid, each) for uid in CATALOGUE for each in panels(uid) if of_a_service(each)], ids=titled
)
def test_a_line_of_a_service_leads_to_its_metrics_logs_and_traces(uid: str, panel: dict[str, Any]) -> None:
    found = {link["title"]: link["url"] for link in panel["fieldConfig"]["defaults"]["links"]}
    assert set(found) == {"Service overview", "Traces", "Logs"}
    for target, title in SIGNALS.items():
        owner = "var-tenant=${__field.labels.tenant}&var-region=${__field.labels.region}"
        service = "var-service=${__field.labels.service_name}"
        assert found[title] == f"/d/{target}?{owner}&{service}&${{__url_time_range}}"
        assert {"tenant", "region", "service"} <= {each["name"] for each in model(target)["templating"]["list"]}
    for each in panel["targets"]:
        # Those of Prometheus are looked at in its answers (test_panels.py).
        if each.get("datasource", panel["datasource"])["type"] == "loki":
            assert "by (tenant, region, service_name)" in each["expr"], uid


def test_a_found_trace_leads_to_its_lines() -> None:
    tables = [each for each in panels("trace-explorer") if each["type"] == "table"]
    assert [each["title"] for each in tables] == ["Failed", "Slow"]
    for each in tables:
        ((matcher, (links,)),) = [
            (override["matcher"], override["properties"]) for override in each["fieldConfig"]["overrides"]
        ]
        assert matcher == {"id": "byName", "options": "traceName"}
        (link,) = links["value"]
        assert "&var-trace=${__data.fields.traceID}&" in link["url"]
    assert "trace" in {each["name"] for each in model("logs-explorer")["templating"]["list"]}
    assert "trace_id=~`$trace.*`" in FILES["logs-explorer"].text


def test_the_slo_page_draws_the_factor_of_each_pair() -> None:
    by_title = {panel["title"]: panel for panel in panels("slo")}
    for pair in PAIRS:
        steps = by_title[f"Burn rate, {pair.long} and {pair.short}"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[-1]["value"] == max(float(pair.factor(30)), 1.01)


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
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


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_a_page_ends_with_the_runbook_of_each_alert_that_leads_to_it(uid: str) -> None:
    last = model(uid)["panels"][-1]
    assert (last["type"], last["title"]) == ("text", "What to do")
    for alert, leads in files.dashboards().items():
        assert leads != uid or f"[{alert}](/d/{runbook_uid(alert)})" in last["options"]["content"]


def test_a_word_has_the_same_colour_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for uid in CATALOGUE:
        for panel in panels(uid):
            for each in panel.get("fieldConfig", {}).get("overrides") or []:
                colors = {each["value"]["fixedColor"] for each in each["properties"] if each["id"] == "color"}
                for word in re.findall(r"\w+", each["matcher"]["options"]) if colors else ():
                    found.setdefault(word, set()).update(colors)
    assert {"error", "failed", "sent"} <= found.keys()
    assert {word: colors for word, colors in found.items() if len(colors) > 1} == {}
