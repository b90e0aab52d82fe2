"""Metrics made of spans before any is dropped: requests, errors, durations, edges between services, orphans.

Tempo's generator makes the like of what is stored, that is of sampled traces. The names differ, so that nothing is
counted twice: traces_span_metrics_* and traces_service_graph_* here (all requests), traces_spanmetrics_* and
traces_stored_service_graph_* there (of stored traces). These carry `source="gateway"`, those `source="tempo"`.
"""

from __future__ import annotations

from components.values.collection.identity import region_statements
from components.values.collection.pieces import Config, attribute, ottl
from components.values.context import Context
from settings import names
from settings.sizing import RATES
from settings.vocabulary import Workload

BUCKETS = ["5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s", "30s"]
"""Histogram bounds; 500ms and 1s are limits that alerts ask for."""
FLUSH = "15s"
EXPIRY = "1h"
"""A series that has had no span for this long is forgotten; shorter would reset the counters of rare requests."""
SERVICES = 10_000
"""Services whose metrics a gateway keeps; the one seen least lately is forgotten."""
SERIES_PER_SERVICE = 2_000
"""Series of one service; what comes after is counted under otel_metric_overflow="true"."""
ORPHANS = "traces.orphan.spans"
"""Prometheus writes it traces_orphan_spans_total."""
EDGE_TTL_SECONDS = 10
"""How long an edge waits for its other span: client and server report at different times."""
IDENTITY = [names.TENANT_LABEL, "service.name", "service.namespace", "k8s.namespace.name"]
"""What a span metric's resource is reduced to: a service, not one of its pods. Prometheus makes labels of these
(`prometheus.PROMOTED_RESOURCE_ATTRIBUTES`), so they are no dimensions, which would be looked up for every span."""
SOURCE_LABEL = "source"


def _dimensions(*keys: str) -> list[Config]:
    return [{"name": key} for key in keys]


def _common() -> Config:
    return {
        # Said here since it is the owner's only place: a feature gate is to turn it off by default one day.
        "add_resource_attributes": True,
        "metrics_flush_interval": FLUSH,
        "metrics_expiration": EXPIRY,
        "series_expiration": EXPIRY,
        "resource_metrics_cache_size": SERVICES,
        "resource_metrics_key_attributes": IDENTITY,
        "aggregation_cardinality_limit": SERIES_PER_SERVICE,
    }


def requests() -> Config:
    """Return the span_metrics connector: calls and durations by service, span, kind and status, with exemplars.

    The instance is the gateway's pod, set in `generated`; the connector's own is a new random one at each start,
    which would double every series.
    """
    return {
        **_common(),
        "histogram": {"unit": "s", "explicit": {"buckets": BUCKETS}},
        "calls_dimensions": _dimensions("http.response.status_code", "rpc.grpc.status_code"),
        "exclude_dimensions": ["collector.instance.id"],
        "exemplars": {"enabled": True, "max_per_data_point": 5},
    }


def orphans() -> Config:
    """Return the span_metrics connector that counts the spans it is given, by tenant and service."""
    return {
        **_common(),
        "namespace": ORPHANS,
        "histogram": {"disable": True},
        "exclude_dimensions": ["collector.instance.id", "span.name", "status.code"],
        "exemplars": {"enabled": True, "max_per_data_point": 5},
    }


def edges(context: Context) -> Config:
    """Return the service_graph connector: who calls whom, how often and how long."""
    replicas = context.sizing[Workload.COLLECTOR_GATEWAY].replicas
    spans = RATES[context.region.size].spans_per_second / replicas
    return {
        "latency_histogram_buckets": BUCKETS,
        "dimensions": [names.TENANT_LABEL],
        # Every span opens an edge at worst; twice the rated spans of that time.
        "store": {"ttl": f"{EDGE_TTL_SECONDS}s", "max_items": int(2 * spans * EDGE_TTL_SECONDS)},
        "metrics_flush_interval": FLUSH,
        "virtual_node_peer_attributes": ["peer.service", "db.namespace", "db.name", "db.system.name", "db.system"],
        "database_name_attributes": ["db.namespace", "db.name"],
    }


def generated(context: Context) -> Config:
    """Return the transform of metrics made here: one writer per series, the tenant on edges, names.

    An edge belongs to the tenant that serves it, or, when nobody reports the server side (a database), to the one
    that calls.
    """
    tenant = attribute(names.TENANT_LABEL, "datapoint")
    server, client = (attribute(f"{side}_{names.TENANT_LABEL}", "datapoint") for side in ("server", "client"))
    service = attribute("service.name")
    return {
        "error_mode": "ignore",
        "metric_statements": [
            {
                "context": "resource",
                "statements": [
                    f"keep_keys(resource.attributes, {ottl(IDENTITY)})",
                    *region_statements(context),
                    f"set({service}, {ottl('service-graph')}) where {service} == nil",
                    f"set({attribute('service.instance.id')}, {ottl('${env:POD_NAME}')})",
                ],
            },
            {
                "context": "metric",
                "statements": [f"set(metric.name, {ottl(ORPHANS)}) where metric.name == {ottl(f'{ORPHANS}.calls')}"],
            },
            {
                "context": "datapoint",
                "statements": [
                    f"set({tenant}, {client}) where {client} != nil",
                    f"set({tenant}, {server}) where {server} != nil",
                    f"set({attribute(SOURCE_LABEL, 'datapoint')}, {ottl('gateway')})",
                ],
            },
        ],
    }
