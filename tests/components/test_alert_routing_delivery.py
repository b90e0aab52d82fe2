"""Every kind of receiver, sent to by a real Alertmanager with credentials from files; only addresses are swapped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from automation import waiting
from components.alert_routing import secret_data
from components.values.alerting import receivers
from components.values.context import Context
from lab.instance import Instance
from lab.process import Processes
from settings.alerting import MuteInterval
from tests import alertmanagers
from tests.alertmanagers import Intervals, Recorder
from tests.routing import with_everything
from tests.serving import serving

DEADLINE = 60.0
QUICK = Intervals(wait="1s", interval="1s", ping="1s")
PAGE = {"alertname": "PostgresDown", "severity": "page", "tenant": "payments", "region": "eu-west"}
WARN = {**PAGE, "alertname": "LedgerSlow", "severity": "warn"}
SECRETS = {
    receivers.PAGERDUTY_FILE: "a" * 32,
    receivers.TELEGRAM_FILE: "1:bot-token",
    receivers.bearer_file("incidents"): "bearer-token",
}


def always_night() -> Context:
    """Return a context of every kind of receiver, in which the tenant's warnings wait at any time of day."""
    given = with_everything()
    alerting = given.platform.alerting.model_copy(update={"mute_intervals": {"nights": MuteInterval()}})
    return Context(given.platform.model_copy(update={"alerting": alerting}), given.name)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """Post a page of a tenant about its database, and a warning, and record whom Alertmanager tells."""
    folder: Path = tmp_path_factory.mktemp("delivery")
    found = Recorder()
    instance = Instance.of("prod.delivery", folder)
    instance.create()
    processes = Processes(instance)
    with serving(found.answer) as sink:
        try:
            tree = alertmanagers.place(always_night(), folder / "tree", sink, QUICK)
            for key, value in SECRETS.items():
                (tree.parent / key).write_text(f"{value}\n", encoding="utf-8")
            url = alertmanagers.start(processes, tree)
            posted = [{"labels": each, "annotations": {"summary": "The database is down"}} for each in (PAGE, WARN)]
            requests.post(f"{url}/api/v2/alerts", json=posted, timeout=10).raise_for_status()
            assert waiting.until(lambda: len(found.sent) >= 9 and muted(url), DEADLINE), found.sent
            yield found
        finally:
            processes.stop()


def muted(url: str) -> bool:
    """Tell whether Alertmanager holds the warning back from the tenant by a mute interval, and nothing else."""
    groups = requests.get(f"{url}/api/v2/alerts/groups", timeout=10).json()
    held = {
        (group["receiver"]["name"], alert["labels"]["alertname"])
        for group in groups
        for alert in group["alerts"]
        if alert["status"]["mutedBy"] == ["nights"]
    }
    return held == {("tenant-payments", "LedgerSlow")}


def named(recorder: Recorder, alert: str) -> list[str]:
    """Return where an alert was sent to."""
    return sorted(each.to for each in recorder.sent if alert in json.dumps(each.body))


def test_each_receiver_of_the_page_is_told_once_and_nobody_else(recorder: Recorder) -> None:
    assert named(recorder, "PostgresDown") == [
        "/bot1:bot-token/sendMessage",
        "/bot1:bot-token/sendMessage",
        "/pagerduty",
        "/slack",
        "/slack",
        "/webhook/audit",
        "/webhook/incidents",
    ]
    assert {each.body["channel"] for each in recorder.to("/slack")} == {"#payments-alerts", "#dba-alerts"}
    chats = {each.body["chat_id"] for each in recorder.to("/bot1:bot-token/sendMessage")}
    assert chats == {"-1001", "-1002"}


def test_a_warning_waits_and_a_router_of_ones_own_hears_of_it_nevertheless(recorder: Recorder) -> None:
    assert named(recorder, "LedgerSlow") == ["/webhook/audit", "/webhook/incidents"]


def test_credentials_come_from_files(recorder: Recorder) -> None:
    (page,) = recorder.to("/pagerduty")
    assert page.body["routing_key"] == SECRETS[receivers.PAGERDUTY_FILE]
    incidents, _ = recorder.to("/webhook/incidents")
    assert incidents.headers["Authorization"] == "Bearer bearer-token"
    audit, _ = recorder.to("/webhook/audit")
    assert "Authorization" not in audit.headers
    delivered = "".join(secret_data(with_everything()).values())
    assert not [value for value in SECRETS.values() if value in delivered]


def test_telegram_gets_html_that_it_reads(recorder: Recorder) -> None:
    message = recorder.to("/bot1:bot-token/sendMessage")[0].body
    assert message["parse_mode"] == "HTML"
    assert message["text"].startswith("<b>[PAGE x1] PostgresDown (payments, eu-west)</b>\nThe database is down\n")
