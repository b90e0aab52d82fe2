"""Who hears of what, asked of the real amtool with the tree as delivered; receivers in full and in order."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.alert_routing import AlertRouting
from components.values import addresses
from components.values.alert_routing import alertmanager_config
from components.values.alerting import matching
from components.values.alerting.intervals import time_intervals
from components.values.context import Context
from components.values.secrets import mounted
from settings.alerting import Alerting, MuteInterval, Smtp, SmtpLogin, Weekday
from settings.references import given_secrets
from settings.vocabulary import Severity
from tests.contexts import context
from tests.recording import Secret, record
from tests.routing import amtool, resolved, with_everything, written

STACKS = ["dev.us-east", "prod.us-east", "prod.eu-west", "prod.ap-southeast"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {stack: written(context(stack), tmp_path_factory.mktemp("tree")) for stack in STACKS}


@pytest.mark.parametrize("stack", STACKS)
def test_alertmanager_accepts_the_tree_and_its_templates(files: dict[str, Path], stack: str) -> None:
    said = amtool("check-config", str(files[stack]))
    assert "SUCCESS" in said
    assert "1 templates" in said
    given = context(stack)
    supports = sum(given.name in tenant.channels.support for tenant in given.tenants.values())
    dba = given.platform.alerting.dba is not None
    assert f"{4 + dba + len(given.tenants) + supports} receivers" in said


CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "the watchdog": ({"alertname": "Watchdog", "severity": "info", "tenant": "platform"}, ["watchdog"]),
    "a tenant's own Watchdog": (
        {"alertname": "Watchdog", "severity": "page", "tenant": "payments"},
        ["on-call-eu-west", "tenant-payments"],
    ),
    "a tenant's page": ({"tenant": "payments", "severity": "page"}, ["on-call-eu-west", "tenant-payments"]),
    "a tenant's warning": ({"tenant": "payments", "severity": "warn"}, ["tenant-payments"]),
    "a tenant's note": ({"tenant": "payments", "severity": "info"}, ["info-digest"]),
    "a tenant's alert without severity": ({"tenant": "payments"}, ["tenant-payments"]),
    "a page with support": (
        {"tenant": "storefront", "severity": "page"},
        ["on-call-eu-west", "support-storefront", "tenant-storefront"],
    ),
    "a warning with support": (
        {"tenant": "storefront", "severity": "warn"},
        ["support-storefront", "tenant-storefront"],
    ),
    "a note with support": ({"tenant": "storefront", "severity": "info"}, ["info-digest"]),
    "support is of this region only": (
        {"tenant": "storefront", "severity": "warn", "region": "us-east"},
        ["tenant-storefront"],
    ),
    "a page of the cluster": ({"severity": "page"}, ["on-call-eu-west", "platform-team"]),
    "a warning of the cluster": ({"severity": "warn"}, ["platform-team"]),
    "a note of the cluster": ({"severity": "info"}, ["info-digest"]),
    "a page of the platform": ({"tenant": "platform", "severity": "page"}, ["on-call-eu-west", "platform-team"]),
    "a warning of the platform": ({"tenant": "platform", "severity": "warn"}, ["platform-team"]),
    "a page of an unknown tenant": ({"tenant": "nobody", "severity": "page"}, ["on-call-eu-west", "platform-team"]),
    "a warning of an unknown tenant": ({"tenant": "nobody", "severity": "warn"}, ["platform-team"]),
    "a warning of a tenant of other regions": ({"tenant": "recommendations", "severity": "warn"}, ["platform-team"]),
    "a database's page": (
        {"alertname": "PostgresConnectionsHigh", "tenant": "payments", "severity": "page"},
        ["dba-team", "on-call-eu-west", "tenant-payments"],
    ),
    "a database's warning": (
        {"alertname": "DBReplicationLag", "tenant": "payments", "severity": "warn"},
        ["dba-team", "tenant-payments"],
    ),
    "a database's note": ({"alertname": "DBX", "tenant": "payments", "severity": "info"}, ["dba-team", "info-digest"]),
    "a database without a tenant": ({"alertname": "PostgresDown", "severity": "warn"}, ["dba-team", "platform-team"]),
    "a name that only holds DB": ({"alertname": "RocksDBSlow", "severity": "warn"}, ["platform-team"]),
    "a page that says another region": (
        {"tenant": "payments", "severity": "page", "region": "us-east"},
        ["on-call-eu-west", "tenant-payments"],
    ),
    "nothing but a name": ({}, ["platform-team"]),
}


def test_each_special_case_is_heard_by_exactly_these(files: dict[str, Path]) -> None:
    asked = [{"alertname": "X", "region": "eu-west", **labels} for labels, _ in CASES.values()]
    heard = dict(zip(CASES, resolved(files["prod.eu-west"], asked), strict=True))
    assert heard == {name: receivers for name, (_, receivers) in CASES.items()}


@pytest.mark.parametrize("stack", STACKS)
def test_each_cell_of_tenant_region_and_severity_is_heard_by_exactly_these(files: dict[str, Path], stack: str) -> None:
    given = context(stack)
    cells = list(product(given.tenants, Severity))
    heard = resolved(
        files[stack], [_alert(alertname="X", tenant=name, region=given.name, severity=level) for name, level in cells]
    )
    for (name, severity), receivers in zip(cells, heard, strict=True):
        expected = ["info-digest"] if severity is Severity.INFO else [f"tenant-{name}"]
        if given.name in given.tenants[name].channels.support and severity is not Severity.INFO:
            expected.insert(0, f"support-{name}")
        if severity is Severity.PAGE:
            expected.insert(0, f"on-call-{given.name}")
        assert receivers == expected, (name, severity)


def test_routers_of_ones_own_hear_of_their_severities_beside_everybody_else(tmp_path: Path) -> None:
    levels = {
        "page": ["webhook-audit", "webhook-incidents", "on-call-eu-west", "tenant-payments"],
        "warn": ["webhook-audit", "webhook-incidents", "tenant-payments"],
        "info": ["webhook-audit", "info-digest"],
    }
    asked = [_alert(alertname="X", tenant="payments", region="eu-west", severity=level) for level in levels]
    file = written(with_everything(), tmp_path)
    assert resolved(file, asked) == list(levels.values())
    assert "SUCCESS" in amtool("check-config", str(file))


def _alert(**labels: str) -> dict[str, str]:
    return dict(labels)


def _ends(labels: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Return receivers with their mute intervals."""
    route = alertmanager_config(with_everything())["route"]
    return [(end["receiver"], end.get("mute_time_intervals", [])) for end in matching.found(route, labels)]


def test_warnings_wait_in_the_intervals_that_somebody_wishes_for_and_pages_never() -> None:
    shared = {"alertname": "PostgresX", "tenant": "payments", "region": "eu-west"}
    always: list[tuple[str, list[str]]] = [("webhook-audit", []), ("webhook-incidents", [])]
    assert _ends({**shared, "severity": "warn"}) == [*always, ("dba-team", ["nights"]), ("tenant-payments", ["nights"])]
    assert _ends({**shared, "severity": "page"}) == [
        *always,
        ("dba-team", []),
        ("on-call-eu-west", []),
        ("tenant-payments", []),
    ]
    assert _ends({**shared, "severity": ""}) == [("dba-team", []), ("tenant-payments", [])]


def test_an_interval_over_midnight_is_two_and_the_second_is_of_the_day_after() -> None:
    friday = MuteInterval(start="20:00", end="07:00", weekdays=[Weekday.SUNDAY, Weekday.FRIDAY], time_zone="Asia/Tokyo")
    (interval,) = time_intervals({"nights": friday})
    assert interval == {
        "name": "nights",
        "time_intervals": [
            {
                "times": [{"start_time": "20:00", "end_time": "24:00"}],
                "weekdays": ["friday", "sunday"],
                "location": "Asia/Tokyo",
            },
            {
                "times": [{"start_time": "00:00", "end_time": "07:00"}],
                "weekdays": ["monday", "saturday"],
                "location": "Asia/Tokyo",
            },
        ],
    }


@pytest.mark.parametrize(
    ("given", "times"),
    [
        (MuteInterval(), [("00:00", "24:00")]),
        (MuteInterval(start="12:00", end="13:30"), [("12:00", "13:30")]),
        (MuteInterval(start="20:00", end="00:00"), [("20:00", "24:00")]),
    ],
)
def test_an_interval_within_a_day_is_one_of_every_day(given: MuteInterval, times: list[tuple[str, str]]) -> None:
    (interval,) = time_intervals({"x": given})
    assert interval["time_intervals"] == [
        {"times": [{"start_time": start, "end_time": end}], "location": "UTC"} for start, end in times
    ]


def test_notes_about_databases_come_to_the_dba_team_no_oftener_than_to_the_digest() -> None:
    route = alertmanager_config(context())["route"]
    (dba, digest) = matching.found(route, {"alertname": "PostgresX", "severity": "info"})
    rhythm = ("group_wait", "group_interval", "repeat_interval")
    assert [dba[key] for key in rhythm] == [digest[key] for key in rhythm] == ["30m", "6h", "24h"]


def test_groups_and_waits_are_the_platforms() -> None:
    route = alertmanager_config(context())["route"]
    assert route["group_by"] == ["tenant", "region", "alertname"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("30s", "5m", "4h")


def test_the_dead_mans_switch_is_pinged_every_minute_before_anything_else() -> None:
    first = alertmanager_config(context())["route"]["routes"][0]
    assert first["matchers"] == ['alertname="Watchdog"', 'tenant="platform"']
    assert (first["group_wait"], first["group_interval"], first["repeat_interval"]) == ("0s", "1m", "50s")
    assert "continue" not in first


def credentials(tree: Any) -> set[str]:
    """Return every file that a tree names."""
    if isinstance(tree, dict):
        own = {value for key, value in tree.items() if key.endswith("_file")}
        return own.union(*(credentials(value) for value in tree.values()))
    return set().union(*(credentials(value) for value in tree)) if isinstance(tree, list) else set()


@pytest.mark.parametrize("given", [*map(context, STACKS), with_everything()], ids=[*STACKS, "everything"])
def test_credentials_are_mounted_files_that_the_store_writes(given: Context) -> None:
    keys = {Path(file).name for file in credentials(alertmanager_config(given))}
    assert {str(Path(file).parent) for file in credentials(alertmanager_config(given))} == {addresses.RECEIVERS_MOUNT}
    assert keys == set(mounted(given)[addresses.RECEIVERS_SECRET].sources)
    named = set(given_secrets(given.platform, given.name).values())
    assert set(mounted(given)[addresses.RECEIVERS_SECRET].sources.values()) <= named


def alerting(smtp: Smtp | None) -> Context:
    given: Alerting = context().platform.alerting
    return context(platform={"alerting": given.model_copy(update={"smtp": smtp})})


def digest(given: Context) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in alertmanager_config(given)["receivers"] if each["name"] == "info-digest"
    )
    return found


def test_the_digest_goes_by_mail_where_there_is_a_relay_and_to_slack_where_there_is_none() -> None:
    relay = Smtp(relay="smtp.example.com:587", sender="alerts@example.com")
    (mail,) = digest(alerting(relay))["email_configs"]
    assert (mail["to"], mail["smarthost"]) == ("platform-digest@example.com", "smtp.example.com:587")
    assert (mail["from"], mail["require_tls"]) == ("alerts@example.com", True)
    assert "auth_username" not in mail
    (slack,) = digest(alerting(None))["slack_configs"]
    assert slack["channel"] == "#platform-alerts"


def test_a_relay_with_a_login_gets_its_password_from_a_file() -> None:
    login = SmtpLogin(username="alerts", password_secret="mail/password")
    (mail,) = digest(alerting(Smtp(relay="smtp.example.com:587", sender="a@example.com", login=login)))["email_configs"]
    assert mail["auth_username"] == "alerts"
    assert mail["auth_password_file"] == f"{addresses.RECEIVERS_MOUNT}/smtp-password"
    with_login = alerting(Smtp(relay="smtp.example.com:587", sender="a@example.com", login=login))
    assert mounted(with_login)[addresses.RECEIVERS_SECRET].sources["smtp-password"] == "mail/password"


def test_the_component_delivers_one_secret_and_shows_the_tree() -> None:
    made = record(lambda: AlertRouting("routing", context()))
    assert list(made) == ["routing", "routing-config"]
    secret = made["routing-config"]
    data = secret.inputs["stringData"]
    plain = data.value if isinstance(data, Secret) else data
    assert secret.type == "kubernetes:core/v1:Secret"
    assert secret.inputs["metadata"]["name"] == "alertmanager-config"
    assert set(plain) == {"alertmanager.yaml", "platform.tmpl"}
    assert yaml.safe_load(plain["alertmanager.yaml"]) == alertmanager_config(context())
    assert secret.parent.endswith("::routing")
