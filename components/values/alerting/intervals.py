"""Mute intervals as Alertmanager reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from settings.alerting import MuteInterval, Weekday

_DAYS = list(Weekday)
_MIDNIGHT = {"start": "00:00", "end": "24:00"}


def time_intervals(intervals: Mapping[str, MuteInterval]) -> list[dict[str, Any]]:
    """Return the tree's `time_intervals`, sorted by name."""
    return [{"name": name, "time_intervals": _periods(interval)} for name, interval in sorted(intervals.items())]


def _periods(interval: MuteInterval) -> list[dict[str, Any]]:
    """Return one period, or two where the interval crosses midnight, which a period may not.

    The second is of the day after.
    """
    if interval.start < interval.end:
        return [_period(interval, interval.weekdays, interval.start, interval.end)]
    periods = [_period(interval, interval.weekdays, interval.start, _MIDNIGHT["end"])]
    if interval.end != _MIDNIGHT["start"]:
        after = [_DAYS[(_DAYS.index(day) + 1) % len(_DAYS)] for day in interval.weekdays]
        periods.append(_period(interval, after, _MIDNIGHT["start"], interval.end))
    return periods


def _period(interval: MuteInterval, days: list[Weekday], start: str, end: str) -> dict[str, Any]:
    period: dict[str, Any] = {"times": [{"start_time": start, "end_time": end}], "location": interval.time_zone}
    if set(days) != set(_DAYS):
        period["weekdays"] = [str(day) for day in sorted(days, key=_DAYS.index)]
    return period
