"""Every dashboard of the catalogue: its variables, its queries read by promtool, its delivery."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.dashboards import Dashboards
from components.values.dashboard_files import DashboardFile, dashboard_files
from components.values.rule_files import runbook_uid
from dashboards import queries
from dashboards.catalogue import CATALOGUE
from rules import files
from settings import names
from tests.contexts import context
from tests.recording import record
from tests.running import run

FILES = {each.uid: each for each in dashboard_files(context())}
FILTERS = {
    "prometheus": ('tenant=~"$tenant"', 'region=~"$region"'),
    "loki": ('tenant=~"$tenant"', 'region=~"$region"'),
    "tempo": ('resource.tenant=~"$tenant"', 'resource.region=~"$region"'),
}
"""What each selector holds, by kind of data source."""
DATASOURCES = {"${datasource}", "${logs}", "${traces}"}
"""Variables that hold one: none is named."""
PROSE = {"logs", "traces", "alertlist"}
"""Kinds of panels that show no numbers."""
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\{([^{}]*)\}")
WITHIN_AN_HOUR = re.compile(r"[1-5]?\dm|1h")
SELDOM = [("max_over_time", "7d")]
"""Over a recording that is made every five minutes, as the alert of the same panel asks it."""
FUNCTIONS_OF_GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


def model(uid: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(FILES[uid].text)
    return parsed


def panels(uid: str) -> Iterator[dict[str, Any]]:
    for panel in model(uid)["panels"]:
        yield from panel.get("panels") or []
        if panel["type"] != "row":
            yield panel


def expressions(uid: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind of data source, panel's title and query of every target."""
    for panel in panels(uid):
        for target in panel.get("targets") or []:
            kind = target.get("datasource", panel["datasource"])["type"]
            yield kind, panel["title"], target["query" if kind == "tempo" else "expr"]


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_tenant_and_region_can_be_chosen(uid: str) -> None:
    variables = {each["name"]: each for each in model(uid)["templating"]["list"]}
    assert {"datasource", "region", "tenant"} <= variables.keys()
    assert list(variables).index("region") < list(variables).index("tenant")
    assert 'region=~"$region"' in variables["tenant"]["query"]
    for name in ("region", "tenant"):
        assert (variables[name]["multi"], variables[name]["includeAll"]) == (True, True)
        assert variables[name]["allValue"] == ".*"


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_tenant_and_region_filter_every_series_of_every_panel(uid: str) -> None:
    seen = list(expressions(uid))
    assert seen
    for kind, title, expression in seen:
        selectors = SELECTOR.findall(expression)
        assert selectors, title
        for metric, matchers in selectors:
            missing = [each for each in FILTERS[kind] if each not in matchers]
            assert not missing, f"{title}: {metric} is not filtered by {missing}"
        if kind == "prometheus":
            unfiltered = bare_names(expression)
            assert not unfiltered, f"{title}: {unfiltered} without a filter"


def typed(uid: str) -> dict[str, str]:
    """Return the values that a dashboard's text boxes start with, by variable."""
    return {f"${each['name']}": each["query"] for each in model(uid)["templating"]["list"] if each["type"] == "textbox"}


def bare_names(expression: str) -> set[str]:
    """Return the metrics that an expression names without braces behind them."""
    rest = re.sub(r'"[^"]*"', '""', expression)
    rest = re.sub(r"(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?\{[^{}]*\}|\[[^\]]*\]|\$[a-z_]+", "", rest)
    rest = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right) *\([^()]*\)", "", rest)
    names = set(re.findall(r"(?<![0-9.$])\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?! *\()", rest))
    return names - {"and", "or", "unless", "bool", "offset"}


def test_a_metric_without_a_filter_would_be_seen() -> None:
    assert bare_names('sum by (le) (rate(a_total{x="y"}[5m])) / on (x) group_left () b:c:d or vector(0)') == {"b:c:d"}


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    """As recording rules, all in one file: one process instead of one per query."""
    rules = []
    for uid in sorted(CATALOGUE):
        for number, (kind, _, expression) in enumerate(expressions(uid)):
            if kind != "prometheus":
                continue
            for variable, value in (FUNCTIONS_OF_GRAFANA | typed(uid)).items():
                expression = expression.replace(variable, value)
            rules.append({"record": f"panel:{uid.replace('-', '_')}:q{number}", "expr": expression})
    file = tmp_path / "panels.rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_panels_say_what_they_show_in_which_unit_and_when_there_is_nothing(uid: str) -> None:
    for panel in panels(uid):
        assert panel["title"]
        assert panel["description"]
        if panel["type"] == "text":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        for each in (panel, *panel["targets"]):
            assert each.get("datasource", panel["datasource"])["uid"] in DATASOURCES, panel["title"]
        if panel["type"] == "timeseries":
            assert all(each["legendFormat"] for each in panel["targets"]), panel["title"]
        if panel["type"] not in PROSE:
            assert defaults["unit"], panel["title"]
            assert defaults["noValue"], panel["title"]


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_no_line_reads_more_than_an_hour_for_each_of_its_points(uid: str) -> None:
    """A day of points, each over hours of samples, takes seconds: that much is recorded, or asked once."""
    for panel in panels(uid):
        for each in panel.get("targets") or []:
            windows = re.findall(r"(\w+)\([^()]*?\[(\w+)\]", each.get("expr", ""))
            wide = [window for window in windows if not WITHIN_AN_HOUR.fullmatch(window[1])]
            assert each.get("instant") or wide in ([], SELDOM), (panel["title"], wide)


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_a_number_has_thresholds_of_its_own(uid: str) -> None:
    """Where a panel has none, Grafana shows whatever is above 80 in red."""
    for panel in panels(uid):
        if panel["type"] == "stat":
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


def test_a_budget_is_red_when_it_is_spent_and_yellow_before() -> None:
    panel = next(each for each in panels("slo") if each["title"] == "Least budget left")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(each.get("value"), each["color"]) for each in steps] == [(None, "red"), (0, "yellow"), (0.25, "green")]


def test_the_error_share_turns_at_one_and_five_percent() -> None:
    panel = next(each for each in panels("service-overview") if each["title"] == "Error share")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(each.get("value"), each["color"]) for each in steps] == [(None, "green"), (0.01, "yellow"), (0.05, "red")]


def test_the_service_overview_shows_rate_errors_duration_and_saturation() -> None:
    shown: dict[str, str] = {}
    for _, title, expression in expressions("service-overview"):
        shown[title] = f"{shown.get(title, '')} {expression}"
    assert "status_code" in shown["Rate by status"]
    assert "service:errors:ratio_rate5m" in shown["Error share"]
    assert {"CPU of request", "Memory of limit"} <= shown.keys()
    durations = next(each for each in panels("service-overview") if each["title"] == "Duration")["targets"]
    assert [each["legendFormat"] for each in durations] == ["p50", "p95", "p99"]
    assert durations[-1]["exemplar"] is True


def test_what_dashboards_show_of_services_is_what_rules_record() -> None:
    recorded = set(re.findall(r"record: (\S+)", files.sources()["service"]))
    used = set(re.findall(r"service:[a-z_]+:[a-z0-9_]+", queries.error_share() + queries.request_rate()))
    assert used
    assert used <= recorded


@pytest.mark.parametrize("alert", sorted(files.runbooks()))
def test_the_link_of_an_alert_leads_to_its_runbook(alert: str) -> None:
    page = FILES[runbook_uid(alert)]
    (panel,) = json.loads(page.text)["panels"]
    assert page.folder == "Runbooks"
    assert panel["options"]["mode"] == "markdown"
    assert panel["options"]["content"].startswith(f"# {alert}\n")
    assert "@GRAFANA@" not in panel["options"]["content"]


@pytest.mark.parametrize("uid", sorted(FILES))
def test_uids_are_stable_and_nothing_is_changed_where_it_is_shown(uid: str) -> None:
    assert model(uid)["uid"] == uid
    assert len(uid) <= 40
    assert model(uid)["editable"] is False
    assert "id" not in model(uid) or model(uid)["id"] is None


def test_the_same_dashboards_are_the_same_texts() -> None:
    assert dashboard_files(context()) == list(FILES.values())
    first: DashboardFile = next(iter(FILES.values()))
    assert first.text == json.dumps(json.loads(first.text), sort_keys=True, indent=1) + "\n"


def test_each_is_a_config_map_that_the_sidecar_finds_and_puts_into_its_folder() -> None:
    made = record(lambda: Dashboards("dashboards", context()))
    maps = made.of_type("kubernetes:core/v1:ConfigMap")
    delivered = {key: text for each in maps for key, text in each.inputs["data"].items()}
    assert delivered == {f"{uid}.json": file.text for uid, file in FILES.items()}
    for each in maps:
        group = each.name.removeprefix("dashboards-")
        metadata = each.inputs["metadata"]
        assert (metadata["name"], metadata["namespace"]) == (f"dashboard-{group}", names.NAMESPACE)
        assert metadata["labels"]["grafana_dashboard"] == "1"
        held = [FILES[key.removesuffix(".json")] for key in each.inputs["data"]]
        assert {file.group for file in held} == {group}
        assert {file.folder for file in held} == {metadata["annotations"]["grafana_folder"]}
        assert each.parent.endswith("::dashboards")


def test_all_runbooks_are_one_object_that_an_api_server_takes() -> None:
    together = [file for file in FILES.values() if file.group == "runbooks"]
    assert {file.uid for file in together} == {runbook_uid(alert) for alert in files.runbooks()}
    assert sum(len(file.text.encode()) for file in together) < 2**20 / 2, "half of what a ConfigMap may hold"
