"""Lint of the rules: the tree is clean, and each mistake is found, in the words in which a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from charts.pull import resolve
from components.values.metrics import UNUSED_RULE_GROUPS, helm_values
from dashboards.catalogue import CATALOGUE
from rules import lint, lint_chart
from rules.lint_promql import read
from tests.contexts import context

BY = "by (tenant, region, cluster, environment)"
AREAS = lint.documents()
KNOWN = lint.Known(
    {"m": frozenset({"code"}), "level:m:sum": None}, dashboards={"service-overview"}, runbooks={"Broken"}
)
GOOD: dict[str, Any] = {
    "alert": "Broken",
    "expr": f"sum {BY} (m) > 1",
    "labels": {"severity": "warn"},
    "annotations": {
        "summary": "s",
        "description": "d",
        "runbook_url": "@RUNBOOK@",
        "dashboard_url": "@GRAFANA@/d/service-overview?var-tenant=x",
    },
}


def sentences(**changes: Any) -> list[str]:
    """Return what lint says of the good rule with some of its fields changed."""
    groups = [{"name": "a.b", "rules": [{**GOOD, **changes}]}]
    return [f"{each.what}; fix: {each.fix}" for each in lint.findings({"a": groups}, KNOWN) if each.area == "a"]


def test_the_tree_is_clean() -> None:
    assert list(map(str, lint.findings(AREAS, lint.known(AREAS, CATALOGUE.keys())))) == []


def test_no_alert_of_the_chart_doubles_ours_without_a_decision() -> None:
    theirs = lint_chart.shipped(resolve({})[lint_chart.CHART].path, UNUSED_RULE_GROUPS)
    assert len(theirs) > 80
    assert list(lint_chart.findings(AREAS, theirs)) == []
    without = {"service": AREAS["service"], "kubernetes": AREAS["kubernetes"]}
    replaced = {each.rule for each in lint_chart.findings(without, theirs)}
    assert replaced == {"KubePersistentVolumeFillingUp", "PrometheusRemoteWriteBehind", "PrometheusRuleFailures"}
    disabled = helm_values(context())["defaultRules"]["disabled"]
    assert disabled == dict.fromkeys(lint_chart.decisions()["replaced"], True)


def test_a_new_double_of_the_chart_is_found() -> None:
    rule = {**GOOD, "expr": "kube_job_failed > 0"}
    theirs = {"KubeJobFailed": {"kube_job_failed"}, "Broken": set()}
    said = [
        f"{each.what}; fix: {each.fix}" for each in lint_chart.findings({"a": [{"name": "g", "rules": [rule]}]}, theirs)
    ]
    assert (
        "asks kube_job_failed, as KubeJobFailed of kube-prometheus-stack does; fix: decide in chart_alerts.yaml" in said
    )
    assert "has the name of an alert of kube-prometheus-stack; fix: rename it, or switch theirs off" in said


def test_a_good_rule_is_good() -> None:
    assert sentences() == []


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("sum(m) > 1", "aggregates with sum and drops cluster, environment, region, tenant; fix: write by (tenant, "),
        ("max by (tenant) (m) > 1", "aggregates with max and drops cluster, environment, region; fix: write by"),
        ("count without (pod) (m) > 1", "aggregates with count and drops cluster, environment, region, tenant; fix"),
        ("m and on (pod) m > 1", "matches on labels without tenant; fix: add tenant"),
        ("m / on (tenant, pod) m > 1", "matches one to one and drops cluster, environment, region; fix: name them"),
        ("other > 1", "asks for other, which no exporter and no recording gives; fix: add it to rules/exporters/"),
        ('m{path="/"} > 1', "asks m for path, which it has not; fix: correct the label, or its exporter's file"),
        ("m > @THRESHOLD@", "writes @THRESHOLD@ and has no default; fix: add it to the area's thresholds file"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(expression: str, sentence: str) -> None:
    assert any(each.startswith(sentence) for each in sentences(expr=expression)), sentences(expr=expression)


@pytest.mark.parametrize(
    "expression",
    ["m * on (tenant, pod) group_left () m > 1", "m unless on (tenant) m", "level:m:sum > 1", 'm{code=~"5.."} > 1'],
)
def test_what_is_right_is_not_said(expression: str) -> None:
    assert sentences(expr=expression) == []


def test_what_is_wrong_with_labels_and_words_is_said() -> None:
    words = GOOD["annotations"]
    assert sentences(labels={}) == ["has the severity None; fix: one of page, warn, info"]
    assert sentences(annotations={"summary": "s"})[0].startswith(
        "has the annotations summary; fix: exactly dashboard_url"
    )
    assert sentences(alert="Other") == [
        "has no runbook; fix: write runbooks/Other.md, and runbook_url: '@RUNBOOK@'",
    ]
    lost = {**words, "dashboard_url": "@GRAFANA@/d/nowhere"}
    assert sentences(annotations=lost)[0].startswith("leads to @GRAFANA@/d/nowhere; fix: @GRAFANA@/d/<uid of")


def test_an_alert_apart_from_its_recording_is_said_unless_the_order_is_told() -> None:
    record = {"record": "level:m:sum", "expr": f"sum {BY} (m)"}
    groups = [{"name": "a", "rules": [record]}, {"name": "b", "rules": [{**GOOD, "expr": "level:m:sum > 1"}]}]
    told = lint.Known(KNOWN.metrics, KNOWN.dashboards, KNOWN.runbooks, ordered={"x"})
    said = [each.what for each in lint.findings({"x": groups}, KNOWN) if each.area == "x"]
    assert said == ["reads level:m:sum of another group"]
    assert [each for each in lint.findings({"x": groups}, told) if each.area == "x"] == []


def test_pages_thresholds_and_names_that_do_not_belong_are_said() -> None:
    twice = [{"name": "a.b", "rules": [GOOD, GOOD]}]
    said = {
        f"{each.rule} {each.what}" for each in lint.findings({"a": twice}, lint.Known({"m": frozenset()}, (), {"Old"}))
    }
    assert {"Broken stands in two places", "Old has a runbook and no rule"} <= said
    assert "ServiceErrorRateHigh has a threshold and no rule" in said


def test_words_of_an_expression_are_told_apart() -> None:
    text = """
      # a comment: sum(x)
      sum by (tenant) (rate(a{b="}", c!~"sum(z)"}[5m] offset 1h)) > bool 0.5
      or on (tenant, pod) group_left () {__name__="q", d=""} unless count:of:me
    """
    found = read(text)
    assert [(each.metric, set(each.labels)) for each in found.selectors] == [
        ("a", {"b", "c"}),
        ("", {"__name__", "d"}),
        ("count:of:me", set()),
    ]
    assert [(each.word, each.how, each.keeps) for each in found.groupings] == [("sum", "by", False), ("on", "on", True)]
