"""Who hears of alerts, when they want quiet, and which secrets hold the receivers' credentials."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from settings.base import DnsLabel, HostPort, Model, RegionName, SecretName, SlackChannel, Words
from settings.vocabulary import Severity

EmailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$"), Words("an e-mail address")]


def _some_chat(chat: int) -> int:
    if chat == 0:
        raise ValueError("0 is no chat")
    return chat


TelegramChat = Annotated[
    int,
    Field(ge=-(2**52), le=2**52),
    AfterValidator(_some_chat),
    Words("the id of a Telegram chat, a whole number but 0; a group's is negative"),
]
"""A chat's id; Telegram keeps ids within 52 bits. Alertmanager takes 0 for none, and then refuses its whole tree."""

ClockTime = Annotated[
    str,
    StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
    Words('a time of day in quotes, "00:00" to "24:00"'),
]

TimeZone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z][A-Za-z]*(/[A-Z][A-Za-z0-9_+-]*)*$"),
    Words("a name of the time zone database, such as Europe/Dublin"),
]


class Weekday(StrEnum):
    """A day of the week, as Alertmanager writes it."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class MuteInterval(Model):
    """A time in which warnings wait; one that still fires at the end is sent then. Pages never wait."""

    start: ClockTime = "00:00"
    """When it begins on each of its days."""
    end: ClockTime = "24:00"
    """When it ends: later than `start` on the same day, or earlier, and then on the day after."""
    weekdays: Annotated[list[Weekday], Field(min_length=1)] = list(Weekday)
    """Days on which it begins; all of them unless said."""
    time_zone: TimeZone = "UTC"
    """Whose clock counts, summer time included."""


class Receiver(Model):
    """Where somebody hears of alerts, and when not."""

    slack: SlackChannel
    """Slack channel that gets pages and warnings."""
    telegram: TelegramChat | None = None
    """Telegram chat that gets them too; needs `alerting.telegram_bot`, which must be a member of the chat."""
    mute: list[DnsLabel] = []
    """Names of `alerting.mute_intervals` in which warnings wait. Pages never do."""


class Channels(Receiver):
    """Where a tenant hears of its alerts."""

    support: dict[RegionName, SlackChannel] = {}
    """Extra support channel per region; gets that region's pages and warnings of this tenant too."""


class PlatformTeam(Receiver):
    """Who hears of what no tenant owns."""

    email: EmailAddress
    """Address of the info digest."""


class SmtpLogin(Model):
    """How Alertmanager proves to the mail relay who it is."""

    username: str = Field(min_length=1)
    """User name at the relay; not a secret."""
    password_secret: SecretName
    """Name of the secret in the store that holds the password."""


class Smtp(Model):
    """The mail relay that takes the info digest."""

    relay: HostPort
    """Host and port of the relay; TLS is required."""
    sender: EmailAddress
    """Address that the digest comes from."""
    login: SmtpLogin | None = None
    """Credentials; unset where the relay knows the cluster by its network."""


class Webhook(Model):
    """A router of your own that takes alerts as JSON, such as an incident bot; it gets them beside everybody else."""

    url_secret: SecretName
    """Secret with the address that is posted to, which is one since such addresses commonly hold a token."""
    bearer_secret: SecretName | None = None
    """Secret with a token that is sent as `Authorization: Bearer`; unset sends none."""
    severities: Annotated[list[Severity], Field(min_length=1)] = [Severity.PAGE, Severity.WARN]
    """Which alerts it gets, of every tenant."""


class Alerting(Model):
    """Receivers that exist once per environment; their credentials are named, never written."""

    platform_team: PlatformTeam
    """Cluster-level alerts and alerts of unknown tenants go here."""
    dba: Receiver | None = None
    """DBA team; hears of alerts of every tenant whose names start with Postgres or DB as well. Unset adds nobody."""
    pagerduty_key: SecretName = "alerting/pagerduty-routing-key"
    """Secret with the region's on-call routing key (Events API v2)."""
    slack_webhook: SecretName = "alerting/slack-webhook-url"
    """Secret with the Slack incoming-webhook URL."""
    watchdog_url: SecretName = "alerting/watchdog-url"
    """Secret with the dead man's switch URL that the region's watchdog pings."""
    telegram_bot: SecretName | None = None
    """Secret with the token of the Telegram bot; required as soon as a `telegram` chat is named."""
    webhooks: dict[DnsLabel, Webhook] = {}
    """Routers of your own, by name; each gets a copy of the alerts of its severities."""
    mute_intervals: dict[DnsLabel, MuteInterval] = {}
    """Times in which warnings may wait, by name; `mute` of a team or tenant chooses among them."""
    smtp: Smtp | None = None
    """Mail relay of the info digest; unset sends the digest to the platform team's Slack channel instead."""
