"""A tenant: whose namespaces these are, who is told, and how much they may send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.alerting import Channels
from settings.base import IdentityGroup, Model, Namespace, RegionName, Words
from settings.slo import Slo, SloName
from settings.thresholds import TenantThresholds
from settings.units import Duration

Owner = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*(@[a-z0-9.-]+)?$"),
    Words("a team's name or e-mail address, in lower case"),
]


class Limits(Model):
    """What a tenant may send to one region; above it the tenant is throttled and nobody else is."""

    active_series: int = Field(ge=1_000, le=20_000_000)
    """Active series in Prometheus. Alerted on at 80 %; one series costs about 8 KiB of Prometheus memory."""
    log_mb_per_second: float = Field(gt=0, le=500)
    """Log ingest in MB/s, averaged; bursts of twice this are taken. Above it Loki answers 429."""
    log_streams: int = Field(default=10_000, ge=100, le=1_000_000)
    """Active log streams (distinct sets of index labels). Above it Loki refuses new streams."""
    spans_per_second: int = Field(ge=10, le=1_000_000)
    """Spans per second before sampling. Sizes the tenant's share of Tempo's ingest limit (bytes)."""
    max_trace_mb: int = Field(default=5, ge=1, le=200)
    """Largest trace in MB; larger ones are cut by Tempo and cannot be queried whole."""


class RetentionOverride(Model):
    """Shorter or equal retention than the platform's, per signal; unset follows the platform."""

    logs: Duration | None = None
    """How long this tenant's logs stay queryable, at most the platform's. Shortening it deletes data."""
    traces: Duration | None = None
    """How long this tenant's traces stay queryable, at most the platform's. Shortening it deletes data."""


class GrafanaGroups(Model):
    """Who enters the tenant's organisation of Grafana, by groups of the identity provider."""

    viewers: list[IdentityGroup] = []
    """Groups whose members read the dashboards. Whoever is in none of a tenant's groups is refused."""
    editors: list[IdentityGroup] = []
    """Groups whose members also explore and make dashboards of their own, in this organisation only."""

    @property
    def members(self) -> list[str]:
        """Every group that enters."""
        return [*self.editors, *self.viewers]


class Tenant(Model):
    """One business tenant; its key in `tenants` is its org id in Loki and Tempo and its `tenant` label."""

    namespaces: Annotated[list[Namespace], Field(min_length=1)]
    """Kubernetes namespaces whose signals belong to this tenant. A namespace has exactly one tenant."""
    owners: Annotated[list[Owner], Field(min_length=1)]
    """Teams that answer for this tenant; shown on alerts and dashboards."""
    channels: Channels
    """Where its alerts go."""
    limits: Limits
    """How much it may send."""
    retention: RetentionOverride = RetentionOverride()
    """Retention overrides within the platform's maximum."""
    slow_trace: Duration | None = None
    """Traces longer than this are all kept; unset follows `collection.slow_trace`. Lower costs storage."""
    thresholds: TenantThresholds = TenantThresholds()
    """Its own thresholds of alerts, for all its services or for one; unset follows the environment."""
    slos: dict[SloName, Slo] = {}
    """Its service level objectives by name; each makes burn-rate alerts, and its error budget is on a dashboard."""
    grafana: GrafanaGroups = GrafanaGroups()
    """Who enters its organisation of Grafana, which reads this tenant only; needs `grafana.oidc`."""
    regions: Annotated[list[RegionName], Field(min_length=1)] | None = None
    """Regions this tenant runs in; unset means all of the environment's."""
