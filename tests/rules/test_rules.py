"""The rule tree tests itself: files are found, not registered, and promtool reads what ships."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.rules import Rules
from components.values.prometheus import PROMOTED_RESOURCE_ATTRIBUTES
from components.values.rule_files import UID_MAX, everywhere, rule_files, runbook_uid
from components.values.slo_rules import slo_rule_files
from dashboards import alert_panels
from dashboards.catalogue import CATALOGUE
from rules import files
from rules.filling import filled_tests
from settings import names
from settings.vocabulary import Severity
from tests.contexts import context
from tests.recording import record
from tests.running import run

STACK = "dev.us-east"
"""The region whose addresses stand in the rule tests."""
AREAS = sorted(files.sources())
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
OWNER = ("tenant", "region", "cluster", "environment")
AGGREGATION = re.compile(r"(?<![:\w])(?:sum|max|min|avg|count|group|topk|quantile)\b(?:\s+(by|without)\s*\(([^)]*)\))?")


@cache
def shipped(area: str, stack: str = STACK) -> dict[str, Any]:
    return everywhere(context(stack))[area]


def rules(area: str, stack: str = STACK) -> list[dict[str, Any]]:
    return [rule for group in shipped(area, stack)["groups"] for rule in group["rules"]]


@cache
def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for area in AREAS for rule in rules(area) if "alert" in rule}


def promtool(*arguments: str) -> None:
    done = run(tools.ensure("promtool")["promtool"], *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("area", AREAS)
def test_promtool_accepts_what_ships_and_its_tests_pass(area: str, tmp_path: Path) -> None:
    file = tmp_path / f"{area}{files.SUFFIX}"
    file.write_text(yaml.safe_dump(shipped(area)), encoding="utf-8")
    tests = files.RULES / f"{area}.rules_test.yaml"
    expected = filled_tests(yaml.safe_load(tests.read_text(encoding="utf-8")), alert_panels.by_alert())
    (tmp_path / tests.name).write_text(yaml.safe_dump(expected), encoding="utf-8")
    promtool("check", "rules", str(file))
    promtool("test", "rules", str(tmp_path / tests.name))


@pytest.mark.parametrize("area", AREAS)
def test_every_alert_is_seen_quiet_firing_recovered_and_without_data(area: str) -> None:
    document = yaml.safe_load((files.RULES / f"{area}.rules_test.yaml").read_text(encoding="utf-8"))
    assert document["rule_files"] == [f"{area}{files.SUFFIX}"]
    for name in (rule["alert"] for rule in rules(area) if "alert" in rule):
        seen = [
            (bool(each["exp_alerts"]), bool(test.get("input_series")))
            for test in document["tests"]
            for each in test.get("alert_rule_test", [])
            if each["alertname"] == name
        ]
        fires = [firing for firing, _ in seen]
        assert True in fires, name
        if name == "Watchdog":
            continue
        assert False in fires[: fires.index(True)], f"{name} is not tested quiet before it fires"
        assert False in fires[fires.index(True) :], f"{name} is not tested recovered"


@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_alert_says_how_urgent_what_and_where_to_look(name: str) -> None:
    rule = alerts()[name]
    grafana = names.grafana_url(context(STACK).platform, "us-east")
    assert rule["labels"]["severity"] in set(Severity)
    assert set(rule["annotations"]) == ANNOTATIONS
    assert all(str(value).strip() for value in rule["annotations"].values())
    assert rule["annotations"]["runbook_url"] == f"{grafana}/d/{runbook_uid(name)}"
    dashboard = rule["annotations"]["dashboard_url"].removeprefix(grafana)
    uid = re.match(r"/d/([a-z0-9-]+)", dashboard)
    assert uid is None or uid[1] in CATALOGUE, f"{dashboard} leads to no dashboard of the catalogue"
    assert uid is not None or dashboard.startswith("/alerting/")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(files.runbooks()) == sorted(alerts())


@pytest.mark.parametrize("name", sorted(files.runbooks()))
def test_a_runbook_says_what_it_means_and_what_to_do(name: str) -> None:
    text = files.runbooks()[name]
    assert text.startswith(f"# {name}\n")
    assert "**Means:**" in text
    assert len(text.split()) > 60


@pytest.mark.parametrize("area", AREAS)
def test_no_aggregation_loses_the_owner(area: str) -> None:
    for rule in rules(area):
        for match in AGGREGATION.finditer(rule["expr"]):
            kept = {label.strip() for label in (match[2] or "").split(",")}
            assert match[1] == "by", f"{rule.get('record', rule.get('alert'))}: {match[0]} keeps no owner"
            assert set(OWNER) <= kept, f"{rule.get('record', rule.get('alert'))}: {match[0]} drops {set(OWNER) - kept}"


def test_what_rules_aggregate_by_is_on_pushed_metrics() -> None:
    assert set(OWNER) <= set(PROMOTED_RESOURCE_ATTRIBUTES)


def test_recordings_are_named_level_metric_operation() -> None:
    recorded = [rule["record"] for area in AREAS for rule in rules(area) if "record" in rule]
    assert recorded
    assert not [name for name in recorded if not re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", name)]


@pytest.mark.parametrize("stack", ["prod.eu-west", "prod.us-east"])
def test_addresses_are_those_of_the_region_and_no_place_holder_is_left(stack: str) -> None:
    text = yaml.safe_dump(rule_files(context(stack)))
    assert not re.search(r"@[A-Z]+@", text)
    assert f"https://grafana.{stack.partition('.')[2]}.observability.example.com/d/" in text


def test_an_alert_whose_runbook_grafana_could_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="^alert " + "A" * 33 + " has 33 characters; allowed: 32; fix: shorten its"):
        runbook_uid("A" * 33)
    assert len(runbook_uid("A" * 32)) == UID_MAX


def test_one_prometheus_rule_per_file() -> None:
    made = record(lambda: Rules("rules", context(STACK)))
    objects = {each.name: each for each in made.of_type("kubernetes:monitoring.coreos.com/v1:PrometheusRule")}
    shipping = {**rule_files(context(STACK)), **slo_rule_files(context(STACK))}
    assert sorted(objects) == sorted(f"rules-{area}" for area in shipping)
    for area in shipping:
        inputs = objects[f"rules-{area}"].inputs
        assert inputs["metadata"]["name"] == f"platform-{area}"
        assert inputs["metadata"]["namespace"] == names.NAMESPACE
        assert inputs["spec"] == shipping[area]
        assert objects[f"rules-{area}"].parent.endswith("::rules")
