"""What each org id may send and how long it is kept: the tenants of a region, and the platform itself."""

from __future__ import annotations

from components.values.context import Context
from settings import names, sizing
from settings.tenant import Limits
from settings.units import Duration

PLATFORM_SHARE = 0.5
"""Share of the region's rates that the platform's own org id may take: cluster components and unclaimed namespaces."""


def limits(context: Context) -> dict[str, Limits]:
    """Return the limits of every org id of the region, in the order of their names."""
    own = {name: tenant.limits for name, tenant in context.tenants.items()}
    return dict(sorted({**own, names.PLATFORM_TENANT: platform_limits(context)}.items()))


def platform_limits(context: Context) -> Limits:
    """Return the platform's own limits, which follow from the region's size.

    No tenant's entry says them, yet a namespace that nobody claims must not starve the tenants.
    """
    rates = sizing.RATES[context.region.size]
    return Limits(
        active_series=int(rates.samples_per_second * sizing.SCRAPE_INTERVAL_SECONDS * PLATFORM_SHARE),
        log_mb_per_second=rates.log_mb_per_second * PLATFORM_SHARE,
        spans_per_second=int(rates.spans_per_second * PLATFORM_SHARE),
    )


def log_retention(context: Context, org: str) -> Duration:
    """Return how long an org id's logs stay: its own retention, or the platform's."""
    tenant = context.tenants.get(org)
    return (tenant.retention.logs if tenant else None) or context.platform.retention.logs


def trace_retention(context: Context, org: str) -> Duration:
    """Return how long an org id's traces stay: its own retention, or the platform's."""
    tenant = context.tenants.get(org)
    return (tenant.retention.traces if tenant else None) or context.platform.retention.traces
