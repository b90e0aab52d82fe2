"""Tempo's own configuration: one for both topologies, so that dev and prod treat a span alike."""

from __future__ import annotations

import math
from typing import Any

from components.values import addresses, tenants
from components.values.context import Context
from settings import names, sizing
from settings.tenant import Limits
from settings.units import Duration
from settings.vocabulary import Pillar

HTTP_PORT = 3200
LARGEST_MESSAGE_MIB = 32
"""Largest gRPC message between senders, roles and Grafana; at least a collector's batch (4 MiB is refused too soon)."""
CONNECTION_AGE = {"max_connection_age": "5m", "max_connection_age_grace": "30s"}
LEAST_BURST_BYTES = 8_000_000
"""Smallest burst: a push above the burst would be refused forever."""
LIVE_TRACE_SECONDS = 10
"""How long a trace stays live in an ingester without a new span (Tempo's default `trace_idle_period`)."""
GENERATED_SERIES_SHARE = 0.2
"""Share of a tenant's active series that its traces may generate."""
TAG_VALUES_BYTES = 1_000_000
"""Largest answer to a question for tag values; Tempo's default, which an override does not inherit."""
TRACE_ID_LABEL = "trace_id"
"""Exemplar label, the same that the OpenTelemetry SDKs use; Tempo's default is traceID."""
SOURCE_LABEL = "source"
SOURCE = "tempo"
"""Tells the generator's series from those that the collectors make of the spans before sampling."""
STORED_EDGES = "traces_stored_service_graph"
"""Prefix of the generator's edges; Grafana's service map reads traces_service_graph_*, which the collectors write."""
SPAN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Latency buckets in seconds: the Prometheus clients' own. 1 s is a bound, since objectives and alerts ask for it.

The two charts' defaults differ, and have none at 1 s.
"""
LATE_SECONDS = 30
"""How much later than the sampler's decision a span still counts in the generated metrics: queues and retries."""
UNKNOWN_ORG = Limits(active_series=1_000, log_mb_per_second=0.1, spans_per_second=10, max_trace_mb=1)
"""Limits of an org id that no tenant has; the collectors send none, so only a mistake ends here."""


def config(context: Context, overrides_file: str) -> dict[str, Any]:
    """Return what Tempo is told in every topology; rings and members are the charts' business.

    Args:
        context: the region.
        overrides_file: where the chart mounts the overrides.
    """
    retention = context.platform.retention.traces
    return {
        "multitenancy_enabled": True,
        # Grafana streams search results by gRPC over the HTTP port.
        "stream_over_http_enabled": True,
        "usage_report": {"reporting_enabled": False},
        "server": {
            "http_listen_port": HTTP_PORT,
            "grpc_server_max_recv_msg_size": _message_bytes(context),
            "grpc_server_max_send_msg_size": _message_bytes(context),
        },
        "distributor": {
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {
                            "endpoint": f"0.0.0.0:{addresses.OTLP_GRPC}",
                            "max_recv_msg_size_mib": LARGEST_MESSAGE_MIB,
                            # A client that connects again learns of distributors that came since.
                            "keepalive": {"server_parameters": CONNECTION_AGE},
                        },
                        "http": {"endpoint": f"0.0.0.0:{addresses.OTLP_HTTP}"},
                    }
                }
            },
            # Without it a collector takes the refusal above a tenant's limit for final and drops the batch.
            "retry_after_on_resource_exhausted": "5s",
        },
        "storage": {"trace": _storage(context)},
        "compactor": {"compaction": {"block_retention": retention.hours}},
        "query_frontend": {
            # The platform team reads `a|b|c`.
            "multi_tenant_queries_enabled": True,
            "search": {"max_duration": retention.hours},
        },
        "metrics_generator": _generator(context),
        "overrides": {
            "defaults": _override(UNKNOWN_ORG, retention),
            "per_tenant_override_config": overrides_file,
        },
    }


def overrides(context: Context) -> dict[str, dict[str, Any]]:
    """Return Tempo's overrides by org id.

    Tempo takes an org id's entry instead of the defaults, not on top of them, so each one is whole.
    """
    return {
        org: _override(limits, tenants.trace_retention(context, org)) for org, limits in tenants.limits(context).items()
    }


def _message_bytes(context: Context) -> int:
    """Return the largest message between Tempo's roles: a whole trace must fit when it is queried."""
    largest = max(limits.max_trace_mb for limits in tenants.limits(context).values())
    return max(LARGEST_MESSAGE_MIB, 2 * largest) * 2**20


def _storage(context: Context) -> dict[str, Any]:
    aws_region = context.region.aws_region
    return {
        "backend": "s3",
        "s3": {
            "bucket": names.bucket(context.platform, context.name, Pillar.TRACES),
            "endpoint": f"s3.{aws_region}.amazonaws.com",
            "region": aws_region,
        },
        "wal": {"path": "/var/tempo/wal"},
    }


def _generator(context: Context) -> dict[str, Any]:
    """Return the metrics generator: its series carry the tenant and the region themselves.

    Prometheus adds its external labels only to what leaves it, and knows no org id: `inject_tenant_id_as` is
    Tempo's documented way to put the org id on each generated series. A push reaches one Prometheus, so each
    replica is written to. Edges are renamed on the way, since the generator has no prefix of its own for them: under
    one name a service map would add up the same call twice.
    """
    wait = context.platform.collection.decision_wait
    return {
        "registry": {
            "collection_interval": "15s",
            "external_labels": {**context.identity, SOURCE_LABEL: SOURCE},
            "inject_tenant_id_as": names.TENANT_LABEL,
        },
        "processor": {
            "service_graphs": {"histogram_buckets": list(SPAN_BUCKETS)},
            "span_metrics": {"dimensions": ["k8s.namespace.name"], "histogram_buckets": list(SPAN_BUCKETS)},
        },
        "metrics_ingestion_time_range_slack": f"{math.ceil(wait.seconds) + LATE_SECONDS}s",
        "storage": {
            "path": "/var/tempo/generator/wal",
            "remote_write": [
                {"url": f"{url}/api/v1/write", "send_exemplars": True, "write_relabel_configs": [_renamed_edges()]}
                for url in addresses.prometheus_replica_urls(context)
            ],
        },
        "traces_storage": {"path": "/var/tempo/generator/traces"},
    }


def _renamed_edges() -> dict[str, Any]:
    return {
        "source_labels": ["__name__"],
        "regex": "traces_service_graph_(.+)",
        "target_label": "__name__",
        "replacement": f"{STORED_EDGES}_$1",
    }


def _override(limits: Limits, retention: Duration) -> dict[str, Any]:
    rate = limits.spans_per_second * sizing.BYTES_PER_SPAN
    largest = limits.max_trace_mb * 1_000_000
    return {
        "ingestion": {
            "rate_strategy": "global",
            "rate_limit_bytes": rate,
            "burst_size_bytes": max(2 * rate, largest, LEAST_BURST_BYTES),
            # At worst each span is a trace of its own.
            "max_traces_per_user": limits.spans_per_second * LIVE_TRACE_SECONDS,
        },
        "read": {"max_bytes_per_tag_values_query": TAG_VALUES_BYTES},
        "compaction": {"block_retention": retention.hours},
        "global": {"max_bytes_per_trace": largest},
        "metrics_generator": {
            "processors": ["service-graphs", "span-metrics"],
            "max_active_series": int(limits.active_series * GENERATED_SERIES_SHARE),
            "generate_native_histograms": "classic",
            "trace_id_label_name": TRACE_ID_LABEL,
        },
    }
