"""Ids of panels: unique, the same whatever stands around a panel, and where alerts lead to."""

from __future__ import annotations

import re

import pytest
from grafana_foundation_sdk.builders.dashboard import Dashboard

from components.values.rule_files import everywhere
from dashboards import alert_panels
from dashboards.board import row
from dashboards.catalogue import CATALOGUE
from dashboards.panel_ids import numbered, panel_id
from dashboards.panels import page, stat, target
from rules.filling import filled_tests, opened
from tests.contexts import context
from tests.dashboards.test_dashboards import model


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_panel_and_row_has_an_id_of_its_own(uid: str) -> None:
    ids = [panel["id"] for panel in model(uid)["panels"]]
    assert all(0 < each <= 1_000_000 for each in ids)
    assert len(set(ids)) == len(ids)


def test_an_id_stays_when_panels_come_before_it() -> None:
    few = numbered(Dashboard("a").with_panel(page("x")).build())
    more = numbered(
        Dashboard("a").with_row(row("q?")).with_panel(stat("s", "", "", target("up", ""))).with_panel(page("x")).build()
    )
    assert few.panels is not None
    assert more.panels is not None
    assert few.panels[-1].id_val == more.panels[-1].id_val == panel_id("text", "")


def test_two_panels_of_one_kind_and_title_are_refused_with_the_fix() -> None:
    twice = Dashboard("a").uid("a").with_panel(page("x")).with_panel(page("y")).build()
    with pytest.raises(
        ValueError, match=r"^dashboard a: text '' has the id of text ''; fix: no two panels .* one title$"
    ):
        numbered(twice)


def test_the_link_of_an_alert_opens_the_panel_of_its_dashboard() -> None:
    linked = alert_panels.by_alert()
    links = {
        rule["alert"]: rule["annotations"]["dashboard_url"]
        for file in everywhere(context()).values()
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert linked
    for alert, panel in linked.items():
        found = re.fullmatch(r"https://[^/]+/d/(?P<uid>[a-z0-9-]+)\?.*&viewPanel=(?P<panel>\d+)", links[alert])
        assert found is not None, links[alert]
        assert int(found["panel"]) == panel
        assert panel in [each["id"] for each in model(found["uid"])["panels"]]
    assert all("viewPanel" not in links[alert] for alert in links.keys() - linked.keys())


def test_the_panel_over_time_that_asks_for_the_whole_of_an_alert_is_preferred() -> None:
    titles = {panel["id"]: panel["title"] for panel in model("service-overview")["panels"]}
    rate = alert_panels.shown_by(
        "service-overview", "ServiceErrorRateHigh", "service:errors:ratio_rate5m > @THRESHOLD@"
    )
    assert rate is not None
    assert titles[rate] == "Error share"
    assert alert_panels.shown_by("service-overview", "Unheard", "nobody_gives_this > 1") is None


def test_rule_tests_expect_the_panel_of_each_alert_and_nothing_else() -> None:
    asked = {"alertname": "A", "exp_alerts": [{"exp_annotations": {"summary": "s", "dashboard_url": "https://g/d/b"}}]}
    silent = {"alertname": "A", "exp_alerts": None}
    other = {**asked, "alertname": "B"}
    made = filled_tests({"tests": [{"alert_rule_test": [asked, silent, other]}, {"name": "no alerts"}]}, {"A": 7})
    first, quiet, untouched = made["tests"][0]["alert_rule_test"]
    assert first["exp_alerts"][0]["exp_annotations"] == {"summary": "s", "dashboard_url": "https://g/d/b?viewPanel=7"}
    assert quiet["exp_alerts"] == []
    assert untouched == other
    assert opened("https://g/d/b?var-tenant=a", 7) == "https://g/d/b?var-tenant=a&viewPanel=7"
