"""The right person is woken, once, and only then: the whole way from a failing request to a telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from automation import cli, silences, waiting
from automation.problem import Exit
from automation.silences import Scope
from components.values import alert_routing
from rules.slo import conventions, recordings
from rules.slo.windows import PAIRS
from settings.units import Duration
from settings.vocabulary import Severity
from tests import alertmanagers
from tests.rules import paging
from tests.rules.paging import STEP_SECONDS, Pace, Region
from tests.rules.played_shop import OTHER_SERVICE, SERVICE, SLO, TENANT

PAGE, WARN = "SLOBudgetBurningFast", "ServiceErrorRateHigh"
SECOND_PAGE = "ServiceErrorRateCritical"
GRAFANA = "https://grafana.us-east.dev.observability.example.com"
CHANNEL = "#shop-dev"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(paging.QUICK, id="quick"),
        pytest.param(paging.DEPLOYED, id="deployed", marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def region(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    pace: Pace = request.param
    with paging.running(tmp_path_factory.mktemp("paging"), pace) as found:
        yield found


def wait(region: Region, condition: Callable[[], object]) -> None:
    assert waiting.until(lambda: bool(condition()), region.pace.deadline), paging.dumped(region)


def foreign_silences(region: Region) -> None:
    """Silence another tenant here, and this tenant elsewhere."""
    now = datetime.now(UTC)
    for scope in (Scope("payments", "us-east"), Scope(TENANT, "eu-west")):
        silences.create(region.alertmanager, scope, now, now + timedelta(hours=2), "somebody else's work", "test")


def first_burning(region: Region) -> float:
    """Return the first evaluation at which a pair of windows of the objective burns fast enough to page."""
    objective = region.given.tenants[TENANT].slos[SLO]
    budget = 1 - float(recordings.objective(objective))
    pairs = [each for each in PAIRS if each.severity is Severity.PAGE]
    recorded = {
        window: region.recorded(f'{conventions.ratio(window)}{{sloth_slo="{SLO}"}}')
        for pair in pairs
        for window in (pair.long, pair.short)
    }
    return min(
        at
        for pair in pairs
        for at, ratio in recorded[pair.long].items()
        if min(ratio, recorded[pair.short].get(at, 0)) > pair.factor(objective.window.days) * budget
    )


def evaluations_until_fired(region: Region) -> int:
    """Return how many evaluations of the windows there were from the first that burned to the alert, both included."""
    (alert,) = alertmanagers.alerts(region.alertmanager, alertname=PAGE)
    crossed, fired = first_burning(region), datetime.fromisoformat(alert["startsAt"]).timestamp()
    assert crossed <= fired
    return sum(crossed <= at <= fired for at in region.recorded(f'{conventions.ratio("5m")}{{sloth_slo="{SLO}"}}'))


def test_a_burst_pages_the_regions_on_call_once_and_recovery_ends_it(region: Region) -> None:
    # All is well: nobody hears of anything, and the switch outside is pinged.
    foreign_silences(region)
    wait(region, lambda: len(region.recorder.to("/watchdog")) >= 2)
    assert not region.recorder.to("/pagerduty")
    assert not region.recorder.to("/slack")

    # A burst of failures pages, whatever is silent for others, and the tenant reads it in its channel.
    region.shop.burst(SERVICE)
    wait(region, lambda: region.pages(SERVICE, alert=PAGE))
    wait(region, lambda: any(PAGE in text for text in region.told(CHANNEL)))
    waits = alert_routing.alertmanager_config(region.given)["route"]["group_wait"]
    assert evaluations_until_fired(region) * STEP_SECONDS + Duration(waits).seconds <= 3 * STEP_SECONDS
    if region.pace is paging.DEPLOYED:
        assert region.pages(SERVICE, alert=PAGE)[0].at - first_burning(region) <= 3 * STEP_SECONDS
    _shows_everything(region)

    # The warning of the same service fires as well, and nobody hears of it.
    wait(region, lambda: region.states(alertname=WARN) == ["suppressed"])
    wait(region, lambda: region.pages(SERVICE, alert=SECOND_PAGE))
    assert not any(WARN in text for text in region.told(CHANNEL))

    # A rollout of Alertmanager loses nothing and repeats nothing.
    pages = [each.body["dedup_key"] for each in region.pages(SERVICE)]
    assert len(pages) == len(set(pages)) == 2
    region.restart_alertmanager()
    pings = len(region.recorder.to("/watchdog"))
    wait(region, lambda: region.states(alertname=PAGE) == ["active"])
    wait(region, lambda: len(region.recorder.to("/watchdog")) >= pings + 3)
    assert [each.body["dedup_key"] for each in region.pages(SERVICE)] == pages

    # Recovery resolves each incident, and the channel hears of it.
    region.shop.recover(SERVICE)
    wait(region, lambda: len(region.pages(SERVICE, "resolve")) == 2)
    assert {each.body["dedup_key"] for each in region.pages(SERVICE, "resolve")} == set(pages)
    wait(region, lambda: any(text.startswith(f"[RESOLVED] {PAGE}") for text in region.told(CHANNEL)))
    assert [each.body["dedup_key"] for each in region.pages(SERVICE)] == pages


def _shows_everything(region: Region) -> None:
    event = region.pages(SERVICE, alert=PAGE)[0].body
    details, links = event["payload"]["custom_details"], paging.links(event)
    assert (details["tenant"], details["region"], details["severity"]) == (TENANT, "us-east", "page")
    assert "spends the error budget of cart-availability" in details["summary"]
    assert links["Runbook"] == f"{GRAFANA}/d/runbook-slobudgetburningfast"
    assert links["Dashboard"].startswith(f"{GRAFANA}/d/slo?var-tenant=shop&var-region=us-east")
    assert "&from=" in links["Dashboard"]
    assert links["Dashboard"].endswith("&to=now")
    assert links["Logs"].startswith(f"{GRAFANA}/explore?")
    assert "service_name%3D%5C%22cart" in links["Logs"]
    assert "resource.service.name%3D%5C%22cart" in links["Traces"]
    assert links["Silence"] == (
        f"{GRAFANA}/alerting/silence/new?alertmanager=Alertmanager"
        f"&matcher=tenant%3Dshop&matcher=region%3Dus-east&matcher=alertname%3D{PAGE}"
    )


def test_its_own_silence_keeps_a_burst_from_everybody(region: Region, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"--env": "dev", "--region": "us-east", "--tenant": TENANT, "--for": "2h", "--reason": "load test"}
    arguments = [part for option in options.items() for part in option]
    assert cli.run(["silence", "--alertmanager", region.alertmanager, *arguments]) == Exit.OK
    assert "Every alert of shop in us-east is silent until" in capsys.readouterr().out
    told = region.told(CHANNEL)
    region.shop.burst(OTHER_SERVICE)
    wait(region, lambda: region.states(alertname=SECOND_PAGE, service_name=OTHER_SERVICE) == ["suppressed"])
    pings = len(region.recorder.to("/watchdog"))
    wait(region, lambda: len(region.recorder.to("/watchdog")) >= pings + 3)
    assert not region.pages(OTHER_SERVICE)
    assert not [text for text in region.told(CHANNEL)[len(told) :] if OTHER_SERVICE in text]


def test_the_dead_mans_switch_raises_the_alarm_when_prometheus_is_gone(region: Region) -> None:
    wait(region, lambda: not region.alarm_raised())
    region.kill_prometheus()
    wait(region, region.alarm_raised)
