"""A service level objective: ten lines from which every recording and alert rule of it follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import Model, Words
from settings.thresholds import ServiceName
from settings.units import Duration
from settings.vocabulary import SliSource, SloWindow

SloName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Words("lower-case letters, digits and hyphens, a letter first, 63 characters at most"),
]
Label = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$"),
    Words("a label's name: letters, digits and underscores"),
]
LabelValue = Annotated[
    str,
    StringConstraints(pattern=r'^[^"\\\n]{1,256}$'),
    Words("the label's value as it is, without quotes and backslashes"),
]
Query = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    Words("PromQL with {$owner, ...} in every selector and [$window] as every range"),
]

OWNER = "$owner"
"""Stands in a query for the matchers that keep it to the tenant's own series."""
WINDOW = "$window"
"""Stands in a query for the length of time it counts over."""


class Slo(Model):
    """One objective of one service; its key in `slos` becomes `sloth_slo`, tenant and key become `sloth_id`."""

    service: ServiceName
    """The service, as the `service_name` label has it; pages of it hold back its warnings."""
    objective: Annotated[float, Field(ge=50, lt=100)]
    """Share of requests that must be good, in percent (`99.9`). What is missing to 100 is the error budget."""
    window: SloWindow
    """Over how long the objective must hold; the burn rates that alert follow from it. Changing it keeps history."""
    source: SliSource
    """Which metrics count the requests. Changing it goes on with the history of the old ones."""
    latency: Duration | None = None
    """Requests slower than this are bad, whatever they answer; unset counts failed ones as bad. A histogram's bound."""
    errors: Query | None = None
    """Bad requests per second, with `source: query` only: `sum(rate(jobs_failed_total{$owner}[$window]))`."""
    total: Query | None = None
    """All requests per second, with `source: query` only. Where it is 0 or has no series nothing pages."""
    matchers: dict[Label, LabelValue] = {}
    """Labels that the series must have, instead of the source's own label for the service; for ready sources."""
    minimum_failures: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Bad requests within an alert's long window below which it stays quiet: one failure of ten is no burn rate."""
    owner: Annotated[str, Field(min_length=1)]
    """Which of the tenant's owners answers for it; on its alerts. Changing it keeps the history."""
