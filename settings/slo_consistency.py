"""What must hold within an SLO and around it: one named check per rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings import slo_queries
from settings.problem import Problem
from settings.slo import Slo
from settings.units import Duration
from settings.vocabulary import Integration, SliSource

if TYPE_CHECKING:
    from settings.platform import Platform
    from settings.tenant import Tenant

SPAN_BOUNDS = ("5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s", "30s")
"""Bounds of the histogram that the gateways make of spans; a test holds them against the collector's."""
CONVENTION_BOUNDS = (
    *("5ms", "10ms", "25ms", "50ms", "75ms", "100ms", "250ms", "500ms", "750ms"),
    *("1s", "2500ms", "5s", "7500ms", "10s"),
)
"""Bounds that the semantic conventions advise for http.server.request.duration and rpc.server.call.duration."""
ISTIO_BOUNDS = (
    *("1ms", "5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms"),
    *("1s", "2500ms", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h"),
)
"""Bounds of Envoy's histograms in whole milliseconds (envoyproxy.io, *Statistics*: default histogram buckets)."""
BOUNDS = {
    SliSource.SPAN_METRICS: SPAN_BOUNDS,
    SliSource.KAFKA_CONSUMER: SPAN_BOUNDS,
    SliSource.HTTP_SERVER: CONVENTION_BOUNDS,
    SliSource.RPC_SERVER: CONVENTION_BOUNDS,
    SliSource.ISTIO: ISTIO_BOUNDS,
}
"""Bounds by source, where they are known; applications choose those of `http_requests` and `grpc_server`."""
LONGEST_ALERT = Duration("3d")
"""The longest window of a burn-rate alert (rules/slo/windows.py)."""


def problems(platform: Platform) -> Iterator[Problem]:
    """Yield what is wrong with the SLOs of all tenants."""
    for tenant_name, tenant in platform.tenants.items():
        for name, slo in tenant.slos.items():
            path = f"tenants.{tenant_name}.slos.{name}"
            yield from _owner(path, slo, tenant)
            yield from _source(path, slo)
            yield from _latency(path, slo)
            yield from slo_queries.problems(path, slo)
            yield from _mesh(path, slo, tenant, platform)
        if tenant.slos:
            yield from _retention(tenant_name, platform)


def _owner(path: str, slo: Slo, tenant: Tenant) -> Iterator[Problem]:
    if slo.owner not in tenant.owners:
        yield Problem(
            f"{path}.owner",
            f"is {slo.owner!r}, who does not own this tenant",
            ", ".join(tenant.owners),
            "choose one of these, or add the team to the tenant's owners",
        )


def _source(path: str, slo: Slo) -> Iterator[Problem]:
    own = slo.source is SliSource.QUERY
    for field in ("errors", "total"):
        given = getattr(slo, field) is not None
        if own and not given:
            yield Problem(f"{path}.{field}", "is missing, though source is 'query'", "PromQL", f"add {field}")
        if given and not own:
            yield Problem(
                f"{path}.{field}",
                f"is set, though source is {str(slo.source)!r}, which has queries of its own",
                "nothing",
                "remove it, or choose source: query",
            )
    for field, given in (("latency", slo.latency is not None), ("matchers", bool(slo.matchers))):
        if own and given:
            yield Problem(
                f"{path}.{field}",
                "is set, though source is 'query', whose queries say it themselves",
                "nothing",
                "remove it, and write it into errors and total",
            )


def _latency(path: str, slo: Slo) -> Iterator[Problem]:
    bounds = BOUNDS.get(slo.source)
    if slo.latency is None or bounds is None:
        return
    if slo.latency.milliseconds not in {Duration(bound).milliseconds for bound in bounds}:
        yield Problem(
            f"{path}.latency",
            f"is {str(slo.latency)!r}, between two bounds of the histogram, which cannot tell what is slower",
            ", ".join(bounds),
            "choose the nearest bound",
        )


def _mesh(path: str, slo: Slo, tenant: Tenant, platform: Platform) -> Iterator[Problem]:
    if slo.source is not SliSource.ISTIO:
        return
    for name, region in platform.regions.items():
        runs_here = tenant.regions is None or name in tenant.regions
        if runs_here and Integration.ISTIO not in region.integrations:
            yield Problem(
                f"{path}.source",
                f"is 'istio', which region {name!r} does not scrape",
                "a source that each of the tenant's regions has",
                f"add istio to regions.{name}.integrations, or choose source: span_metrics",
            )


def _retention(tenant: str, platform: Platform) -> Iterator[Problem]:
    kept = platform.retention.metrics
    if kept.seconds < LONGEST_ALERT.seconds:
        yield Problem(
            "retention.metrics",
            f"is {str(kept)!r}, shorter than the longest window that the SLOs of tenant {tenant!r} alert on",
            f"at least {LONGEST_ALERT}",
            "lengthen it",
        )
