"""Samples that the gallery is drawn from: every exporter's, made lively, and what the rules record of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

from bench import samples
from bench.backfill import Backfilled, Window, shipped
from bench.samples import Owner, Series
from components.values.context import Context
from settings import names

MINUTE, HOUR, DAY = 60, 3600, 86_400
SHOWN: Final = 3 * HOUR
"""What each panel shows, in seconds."""
BEFORE: Final = 80 * MINUTE
"""How far back a query looks at most that needs every sample."""


def fill(prometheus: Backfilled, context: Context, end: int) -> None:
    """Give Prometheus samples of every tenant and of the platform, and what the rules record of them.

    Args:
        prometheus: empty.
        context: whose tenants.
        end: of the last sample, seconds since the epoch.

    Raises:
        LabError: promtool or Prometheus refuses.
    """
    factors = {name: 1 + 0.4 * number for number, name in enumerate([*context.tenants, names.PLATFORM_TENANT])}
    owners = [Owner(name, context.name, factor) for name, factor in factors.items()]
    made = samples.series(owners)
    times = sorted({time for window in sampled(end) for time in window.times})
    prometheus.add(lively(made, times, end))
    slos = next(tenant.slos for tenant in context.tenants.values() if tenant.slos)
    prometheus.record(shipped(context, owners, slos), recorded(end))


def sampled(end: int) -> list[Window]:
    """Return when samples are: every minute where a panel looks, every second one a day and a week before it."""
    fine = Window(end - SHOWN - BEFORE, end, MINUTE)
    earlier = [Window(end - back - SHOWN - BEFORE, end - back, 2 * MINUTE) for back in (DAY, 7 * DAY)]
    return [fine, *earlier, Window(end - 8 * DAY, end, HOUR)]


def recorded(end: int) -> list[Window]:
    """Return when rules are evaluated."""
    earlier = [Window(end - back - SHOWN, end - back, 5 * MINUTE) for back in (DAY, 7 * DAY)]
    return [Window(end - SHOWN - BEFORE, end, MINUTE), *earlier, Window(end - 8 * DAY, end, HOUR)]


def lively(given: Sequence[Series], times: Sequence[int], end: int) -> Iterator[str]:
    """Yield OpenMetrics lines of series whose recorded values rise and fall a little, the same on every run.

    Series that belong together, such as the buckets of a histogram, do so together; counts of things and states stay.
    """
    for each in given:
        phase = crc32(_together(each.name).encode()) % 628 / 100
        period = 2400 + crc32(each.name.partition("{")[0].encode()) % 2400
        for at in times:
            if each.there(at, end):
                yield f"{each.name} {_lively(each, at, end, phase, period):.12g} {at}\n"


def _together(name: str) -> str:
    without = re.sub(r'\b(?:le|status_code|code|reason|quantile)="[^"]*",?', "", name)
    return re.sub(r"_(?:bucket|count|sum|total)\{", "{", without)


def _lively(series: Series, at: int, end: int, phase: float, period: int) -> float:
    value = series.at(at, end)
    text = series.text(at, end)
    if text.startswith("now"):
        # A moment that passes again and again, such as that of the last backup.
        return value - (end - at)
    angle = 2 * math.pi * at / period + phase
    if text.endswith("/min"):
        slope = (value - series.at(at - MINUTE, end)) / MINUTE
        if slope <= 0 or series.before != series.since:
            return value
        # Its slope is never below zero, as a counter's is not.
        return value + 0.3 * slope * period / (2 * math.pi) * (1 + math.sin(angle))
    if value < 10 and float(value).is_integer():
        return value
    made = value * (1 + 0.08 * math.sin(angle) + 0.03 * math.sin(5.3 * angle))
    # What is few and whole in the file is a number of things.
    return round(made) if text.isdigit() and len(text) < 3 else made
