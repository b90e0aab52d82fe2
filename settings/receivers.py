"""What must hold between the receivers of alerts: one named check per rule, for `consistency.check`."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.alerting import Receiver
from settings.problem import Problem

if TYPE_CHECKING:
    from settings.platform import Platform
    from settings.tenant import Tenant

_PROBE = "Europe/London"
"""A zone that every time zone database has: without it this machine has none to check names against."""


def problems(platform: Platform) -> Iterator[Problem]:
    """Yield what contradicts itself among receivers, mute intervals and channels."""
    yield from _mute_names(platform)
    yield from _telegram(platform)
    yield from _intervals(platform)
    yield from _shared_channels(platform)


def _receivers(platform: Platform) -> Iterator[tuple[str, Receiver]]:
    """Yield every team and tenant that hears of alerts, with the path of its entry."""
    yield "alerting.platform_team", platform.alerting.platform_team
    if platform.alerting.dba is not None:
        yield "alerting.dba", platform.alerting.dba
    for name, tenant in platform.tenants.items():
        yield f"tenants.{name}.channels", tenant.channels


def _mute_names(platform: Platform) -> Iterator[Problem]:
    known = platform.alerting.mute_intervals
    for path, receiver in _receivers(platform):
        for index, name in enumerate(receiver.mute):
            if name not in known:
                yield Problem(
                    f"{path}.mute[{index}]",
                    f"names the mute interval {name!r}, which this environment does not have",
                    ", ".join(sorted(known)) or "none",
                    "correct the name, or add the interval under alerting.mute_intervals",
                )


def _telegram(platform: Platform) -> Iterator[Problem]:
    """Refuse a chat that nobody could write to."""
    if platform.alerting.telegram_bot is not None:
        return
    for path, receiver in _receivers(platform):
        if receiver.telegram is not None:
            yield Problem(
                f"{path}.telegram",
                f"is {receiver.telegram}, though no bot is named that could write there",
                "nothing, unless alerting.telegram_bot is set",
                "add alerting.telegram_bot: the name of the secret with the bot's token, or remove the chat",
            )


def _intervals(platform: Platform) -> Iterator[Problem]:
    for name, interval in platform.alerting.mute_intervals.items():
        path = f"alerting.mute_intervals.{name}"
        if interval.start == interval.end or interval.start == "24:00":
            yield Problem(
                f"{path}.start",
                f"is {interval.start!r}, which leaves nothing until the end at {interval.end!r}",
                'a time before "24:00" that differs from end',
                'correct it; a whole day is start: "00:00" and end: "24:00"',
            )
        if not _known(interval.time_zone):
            yield Problem(
                f"{path}.time_zone",
                f"is {interval.time_zone!r}, which the time zone database does not have",
                "a name such as Europe/Dublin, America/New_York, Asia/Singapore or UTC",
                "correct the name",
            )


def _known(zone: str) -> bool:
    """Tell whether a zone exists, as far as this machine can tell; Alertmanager refuses its whole tree otherwise."""
    for name in (zone, _PROBE):
        try:
            zoneinfo.ZoneInfo(name)
        except zoneinfo.ZoneInfoNotFoundError:
            continue
        return name == zone
    return True


def _shared_channels(platform: Platform) -> Iterator[Problem]:
    """Refuse a channel in which one tenant's people would read another's alerts.

    Tenants that a team owns together may share one. Support channels are the support desk's, not a tenant's.
    """
    teams = [(path, team) for path, team in _receivers(platform) if path.startswith("alerting.")]
    before: dict[str, Tenant] = {}
    for name, tenant in platform.tenants.items():
        for field in ("slack", "telegram"):
            channel = getattr(tenant.channels, field)
            path, what = f"tenants.{name}.channels.{field}", f"is {channel!r}"
            if channel is None:
                continue
            for place, team in teams:
                if getattr(team, field) == channel:
                    yield Problem(
                        path,
                        f"{what}, which {place}.{field} is too, where alerts of other tenants arrive",
                        "a channel of the tenant's own",
                        "choose another channel for one of the two",
                    )
            for other, earlier in before.items():
                if getattr(earlier.channels, field) == channel and not {*tenant.owners} & {*earlier.owners}:
                    yield Problem(
                        path,
                        f"{what}, where tenant {other!r}, which has other owners, hears of its alerts",
                        "a channel of the tenant's own, or tenants with an owner in common",
                        f"choose another channel, or name an owner of {other!r} in tenants.{name}.owners",
                    )
        before[name] = tenant
