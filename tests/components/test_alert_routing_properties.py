"""What holds of the routes of any fleet. The search is matching.py's, which is first held against the real amtool."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.values.alert_routing import alertmanager_config
from components.values.alerting import lint, matching
from components.values.context import Context
from settings import load
from tests.routing import resolved, with_everything, written
from tests.settings.documents import SMALL

REGIONS = ["us-east", "eu-west", "ap-southeast"]
SEVERITIES = ["page", "warn", "info", "", "disaster"]
NAMES = ["X", "PostgresDown", "DB", "Watchdog", "RocksDBSlow"]
SAMPLES = 40

fleet_wide = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Return the settings of a fleet of 1 to 200 tenants, and one of its regions."""
    regions = REGIONS[: draw(st.integers(1, 3))]
    count = draw(st.sampled_from([1, 2, 3, 10, 50, 200]))
    # The choices of 200 tenants are too many to draw one by one; a drawn seed makes them as repeatable.
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - no secret
    tenants = {f"t{number}": _tenant(chance, number, regions) for number in range(count)}
    alerting: dict[str, Any] = {
        "platform_team": {"slack": "#platform", "email": "platform@acme.example"},
        "telegram_bot": "alerting/bot",
        "mute_intervals": {"nights": {"start": "20:00", "end": "07:00"}},
    }
    if draw(st.booleans()):
        alerting["dba"] = {"slack": "#dba", "mute": draw(st.sampled_from([[], ["nights"]]))}
    levels = draw(st.sampled_from([[], ["page"], ["page", "warn", "info"]]))
    if levels:
        alerting["webhooks"] = {"incidents": {"url_secret": "x/url", "severities": levels}}
    small = SMALL["regions"]["us-east"]
    made = {name: {**small, "cluster": {"name": f"c-{name}", "context": f"c-{name}"}} for name in regions}
    return {**SMALL, "alerting": alerting, "regions": made, "tenants": tenants}, draw(st.sampled_from(regions))


def _tenant(chance: random.Random, number: int, regions: list[str]) -> dict[str, Any]:
    channels: dict[str, Any] = {"slack": f"#c{number}"}
    home = chance.sample(regions, chance.randint(1, len(regions)))
    if chance.random() < 0.3:
        channels["support"] = {home[0]: f"#s{number}"}
    if chance.random() < 0.2:
        channels["telegram"] = -number - 1
    if chance.random() < 0.2:
        channels["mute"] = ["nights"]
    own = {"namespaces": [f"n{number}"], "owners": [f"team-{number}"], "channels": channels, "regions": home}
    return {**SMALL["tenants"]["shop"], **own}


def context_of(fleet: dict[str, Any], region: str) -> Context:
    return Context(load.parse(fleet, "file"), region)


def alerts(given: Context) -> list[dict[str, str]]:
    """Return an alert of each tenant of the fleet, of nobody, of a stranger and of the platform, of each kind."""
    owners = [*given.platform.tenants, "", "stranger", "platform"]
    if len(owners) > 12:
        owners = [*owners[:6], *owners[-6:]]
    return [
        {key: value for key, value in labels.items() if value}
        for tenant in owners
        for severity in SEVERITIES
        for name in NAMES
        for labels in [{"alertname": name, "severity": severity, "tenant": tenant, "region": given.name}]
    ]


@pytest.fixture(scope="module")
def sample() -> Context:
    return with_everything()


def test_the_search_is_amtools_own(sample: Context, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - a fixed sample
    asked = chance.sample([*alerts(sample), *({**each, "region": "mars"} for each in alerts(sample))], SAMPLES)
    heard = resolved(written(sample, tmp_path), asked)
    tree = alertmanager_config(sample)
    assert [matching.receivers(tree, labels) for labels in asked] == heard
    assert len({tuple(each) for each in heard}) >= 8


@fleet_wide
@given(fleets())
def test_every_alert_is_heard_and_only_by_whom_it_concerns(drawn: tuple[dict[str, Any], str]) -> None:
    context = context_of(*drawn)
    tree = alertmanager_config(context)
    for labels in alerts(context):
        heard = matching.receivers(tree, labels)
        tenant, severity = labels.get("tenant", ""), labels.get("severity", "")
        watchdog = labels["alertname"] == "Watchdog" and tenant == "platform"
        assert heard, labels
        assert len(heard) == len(set(heard)), labels
        on_call = [name for name in heard if name.startswith("on-call-")]
        assert on_call == ([f"on-call-{context.name}"] if severity == "page" and not watchdog else []), labels
        of_tenants = {name for name in heard if name.startswith(("tenant-", "support-"))}
        assert of_tenants <= {f"tenant-{tenant}", f"support-{tenant}"}, labels
        here = tenant in context.tenants and severity != "info"
        assert (f"tenant-{tenant}" in heard) is here, labels
        assert ("platform-team" in heard) is (not here and not watchdog and severity != "info"), labels
        assert ("info-digest" in heard) is (severity == "info" and not watchdog), labels


@fleet_wide
@given(fleets())
def test_no_channel_is_of_two_tenants_and_no_receiver_writes_to_anothers(drawn: tuple[dict[str, Any], str]) -> None:
    context = context_of(*drawn)
    owner: dict[object, str] = {}
    for receiver in alertmanager_config(context)["receivers"]:
        kind, _, tenant = receiver["name"].partition("-")
        # Without a mail relay the digest is the platform team's.
        whose = tenant if kind in {"tenant", "support"} else receiver["name"].replace("info-digest", "platform-team")
        for config in receiver.get("slack_configs", []):
            assert owner.setdefault(config["channel"], whose) == whose
        for config in receiver.get("telegram_configs", []):
            assert owner.setdefault(config["chat_id"], whose) == whose


@fleet_wide
@given(fleets())
def test_no_route_is_unreachable_and_nothing_else_is_wrong_with_a_tree(drawn: tuple[dict[str, Any], str]) -> None:
    assert lint.problems(alertmanager_config(context_of(*drawn))) == []


@fleet_wide
@given(fleets(), st.sampled_from(NAMES))
def test_a_page_never_waits(drawn: tuple[dict[str, Any], str], name: str) -> None:
    context = context_of(*drawn)
    route = alertmanager_config(context)["route"]
    for tenant in context.platform.tenants:
        page = {"alertname": name, "severity": "page", "tenant": tenant, "region": context.name}
        assert not [end for end in matching.found(route, page) if end.get("mute_time_intervals")]
