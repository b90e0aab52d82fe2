"""What must hold between receivers: every contradiction as the whole sentence that an operator reads."""

from __future__ import annotations

import zoneinfo
from typing import Any

import pytest

from settings import load
from settings.alerting import MuteInterval
from tests.settings.documents import SMALL, at, refusal

NIGHTS = {"nights": {"start": "20:00", "end": "07:00", "time_zone": "Europe/Dublin"}}

CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    (
        "a tenant's mute interval that is not there",
        {"alerting.mute_intervals": NIGHTS, "tenants.shop.channels.mute": ["nights", "weekends"]},
        "tenants.shop.channels.mute[1] names the mute interval 'weekends', which this environment does not have; "
        "allowed: nights; fix: correct the name, or add the interval under alerting.mute_intervals",
    ),
    (
        "a team's mute interval where there is none",
        {"alerting.dba": {"slack": "#dba", "mute": ["nights"]}},
        "alerting.dba.mute[0] names the mute interval 'nights', which this environment does not have; allowed: none; "
        "fix: correct the name, or add the interval under alerting.mute_intervals",
    ),
    (
        "a chat without a bot",
        {"alerting.platform_team.telegram": -100123},
        "alerting.platform_team.telegram is -100123, though no bot is named that could write there; allowed: nothing, "
        "unless alerting.telegram_bot is set; fix: add alerting.telegram_bot: the name of the secret with the bot's "
        "token, or remove the chat",
    ),
    (
        "an interval without length",
        {"alerting.mute_intervals": {"never": {"start": "07:00", "end": "07:00"}}},
        "alerting.mute_intervals.never.start is '07:00', which leaves nothing until the end at '07:00'; allowed: a "
        'time before "24:00" that differs from end; fix: correct it; a whole day is start: "00:00" and end: "24:00"',
    ),
    (
        "an interval that begins when the day is over",
        {"alerting.mute_intervals": {"never": {"start": "24:00", "end": "07:00"}}},
        "alerting.mute_intervals.never.start is '24:00', which leaves nothing until the end at '07:00'; allowed: a "
        'time before "24:00" that differs from end; fix: correct it; a whole day is start: "00:00" and end: "24:00"',
    ),
    (
        "a time zone that is not there",
        {"alerting.mute_intervals": {"nights": {"time_zone": "Europe/Atlantis"}}},
        "alerting.mute_intervals.nights.time_zone is 'Europe/Atlantis', which the time zone database does not have; "
        "allowed: a name such as Europe/Dublin, America/New_York, Asia/Singapore or UTC; fix: correct the name",
    ),
    (
        "a channel of two tenants with other owners",
        {"tenants.payments.channels.slack": "#shop"},
        "tenants.payments.channels.slack is '#shop', where tenant 'shop', which has other owners, hears of its alerts; "
        "allowed: a channel of the tenant's own, or tenants with an owner in common; fix: choose another channel, or "
        "name an owner of 'shop' in tenants.payments.owners",
    ),
    *(
        (
            f"a tenant in the channel of {team}",
            {f"alerting.{team}": {"slack": "#shop", **more}},
            f"tenants.shop.channels.slack is '#shop', which alerting.{team}.slack is too, where alerts of other "
            "tenants arrive; allowed: a channel of the tenant's own; fix: choose another channel for one of the two",
        )
        for team, more in (("dba", {}), ("platform_team", {"email": "platform@acme.example"}))
    ),
    (
        "a tenant in the chat of the DBA team",
        {
            "alerting.telegram_bot": "alerting/bot",
            "alerting.dba": {"slack": "#dba", "telegram": -5},
            "tenants.shop.channels.telegram": -5,
        },
        "tenants.shop.channels.telegram is -5, which alerting.dba.telegram is too, where alerts of other tenants "
        "arrive; allowed: a channel of the tenant's own; fix: choose another channel for one of the two",
    ),
    (
        "two tenants that share a channel, and no owner, with a third",
        {
            "tenants.desk": {**SMALL["tenants"]["shop"], "namespaces": ["desk"], "owners": ["team-a"]},
            "tenants.shop.owners": ["team-a", "team-b"],
            "tenants.payments.owners": ["team-b"],
            "tenants.payments.channels.slack": "#shop",
        },
        "tenants.desk.channels.slack is '#shop', where tenant 'payments', which has other owners, hears of its alerts; "
        "allowed: a channel of the tenant's own, or tenants with an owner in common; fix: choose another channel, or "
        "name an owner of 'payments' in tenants.desk.owners",
    ),
    (
        "a chat of two tenants with other owners",
        {
            "alerting.telegram_bot": "alerting/bot",
            "tenants.payments.channels.telegram": -5,
            "tenants.shop.channels.telegram": -5,
        },
        "tenants.payments.channels.telegram is -5, where tenant 'shop', which has other owners, hears of its alerts; "
        "allowed: a channel of the tenant's own, or tenants with an owner in common; fix: choose another channel, or "
        "name an owner of 'shop' in tenants.payments.owners",
    ),
]


@pytest.mark.parametrize(
    ("changes", "sentence"), [each[1:] for each in CONTRADICTIONS], ids=[each[0] for each in CONTRADICTIONS]
)
def test_a_contradiction_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(at(changes)) == f"Pulumi.dev.yaml: {sentence}"


@pytest.mark.parametrize(
    "changes",
    [
        {"tenants.payments.channels.slack": "#shop", "tenants.payments.owners": ["team-payments", "team-shop"]},
        {"tenants.payments.channels.support": {"us-east": "#s"}, "tenants.shop.channels.support": {"us-east": "#s"}},
        {"alerting.mute_intervals": NIGHTS, "tenants.shop.channels.mute": ["nights"]},
        {"alerting.telegram_bot": "alerting/bot", "tenants.shop.channels.telegram": -1001},
        {"alerting.webhooks": {"bot": {"url_secret": "bot/url"}}},
        {"alerting.dba": {"slack": "#platform"}},
    ],
)
def test_what_does_not_contradict_itself_is_taken(changes: dict[str, Any]) -> None:
    assert load.parse(at(changes), "file").tenants.keys() == {"shop", "payments"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alerting.mute_intervals": {"x": {"start": "7:00"}}}, 'a time of day in quotes, "00:00" to "24:00"'),
        ({"alerting.mute_intervals": {"x": {"weekdays": ["freitag"]}}}, "monday, tuesday, wednesday, thursday"),
        ({"alerting.telegram_bot": "b", "tenants.shop.channels.telegram": "shop"}, "the id of a Telegram chat"),
        (
            {"alerting.telegram_bot": "b", "tenants.shop.channels.telegram": 0},
            "tenants.shop.channels.telegram is 0; allowed: the id of a Telegram chat, a whole number but 0; a group's "
            "is negative; fix: correct it",
        ),
        ({"alerting.webhooks": {"x": {"url_secret": "a b"}}}, "the name of a secret in the region's secret store"),
        ({"alerting.webhooks": {"x": {"url_secret": "a", "severities": []}}}, "not empty"),
    ],
)
def test_a_field_says_what_it_takes(changes: dict[str, Any], words: str) -> None:
    assert words in refusal(at(changes))


def test_a_machine_without_time_zones_believes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", none)
    document = at({"alerting.mute_intervals": {"nights": {"time_zone": "Europe/Dublin"}}})
    assert load.parse(document, "file").alerting.mute_intervals == {"nights": MuteInterval(time_zone="Europe/Dublin")}
