"""What Loki takes from whom, how it labels it, and how long it keeps it."""

from __future__ import annotations

from typing import Any

from components.values import tenants
from components.values.context import Context
from settings import names

LEVEL_ATTRIBUTE = "level"
"""Log attribute, set by the collectors, that becomes the index label `level`."""
INDEX_RESOURCE_ATTRIBUTES = (
    names.CLUSTER_LABEL,
    names.ENVIRONMENT_LABEL,
    "k8s.namespace.name",
    names.REGION_LABEL,
    "service.name",
    names.TENANT_LABEL,
)
"""Resource attributes that become index labels (dots as underscores). Few values each: a stream is one combination.

`tenant` has one value within an org id, so it costs nothing, and a dashboard's variable can select by it.
"""
LARGEST_PUSH_MB = 16
"""Largest uncompressed push that a collector may send; a burst below it would refuse the same push forever."""
PART = "6h"
"""Length of the parts that a query's time is split into, instead of the chart's 15m and Loki's 1h.

Whoever asks for a number of lines has them, as a rule, from the newest part. The next one, already under way, is then
called off, and its worker at the querier pauses for half a second, then one, two, four and from then on five each time
(processorBackoffConfig in pkg/querier/worker of v3.7). Ten such queries a second, on a Loki that does nothing else,
took up to 2.5 s each with the chart's parts and four workers; one part took 16 ms at most. Queries stay parallel: Loki
also splits them by streams, for each 600 MB that it would read (tsdb_max_bytes_per_shard).
"""
RECENT_PART = "24h"
"""Longest part of what the ingesters are asked for, three hours at most: one part, but for the day's first hours (UTC),
when what is of the day before is another. With it the ingesters' part begins where theirs does (`logs.APART`)."""
UNKNOWN_ORG_MB_PER_SECOND = 0.1
"""Rate of an org id that no tenant has; the collectors send none, so only a mistake ends here."""
UNKNOWN_ORG_STREAMS = 100


def defaults(context: Context) -> dict[str, Any]:
    """Return Loki's `limits_config`: labels and retention of all, and next to nothing for an unknown org id.

    The `level` label: the pinned Loki honours `index_label` for log attributes too (pkg/loghttp/push/otlp.go of
    v3.7), though its documentation names resource attributes only; everything that is not listed, trace_id and
    span_id included, becomes structured metadata.
    """
    retention = context.platform.retention.logs
    return {
        "ingestion_rate_strategy": "global",
        "ingestion_rate_mb": UNKNOWN_ORG_MB_PER_SECOND,
        "ingestion_burst_size_mb": UNKNOWN_ORG_MB_PER_SECOND,
        "max_global_streams_per_user": UNKNOWN_ORG_STREAMS,
        "retention_period": retention.hours,
        "max_query_lookback": retention.hours,
        "split_queries_by_interval": PART,
        "split_ingester_queries_by_interval": RECENT_PART,
        "reject_old_samples": True,
        "reject_old_samples_max_age": "168h",
        "max_label_names_per_series": 15,
        # A query plan or a stack trace that is too long is worth more cut than refused.
        "max_line_size": "256KB",
        "max_line_size_truncate": True,
        "discover_log_levels": True,
        "volume_enabled": True,
        "allow_structured_metadata": True,
        "otlp_config": {
            "resource_attributes": {
                "ignore_defaults": True,
                "attributes_config": [{"action": "index_label", "attributes": list(INDEX_RESOURCE_ATTRIBUTES)}],
            },
            "log_attributes": [{"action": "index_label", "attributes": [LEVEL_ATTRIBUTE]}],
        },
    }


def overrides(context: Context) -> dict[str, dict[str, Any]]:
    """Return Loki's runtime overrides by org id.

    Loki lays them over the defaults, field by field. A rate is shared among the distributors, but a burst is
    each distributor's own, so it must hold one whole push.
    """
    return {
        org: {
            "ingestion_rate_mb": limits.log_mb_per_second,
            "ingestion_burst_size_mb": max(2 * limits.log_mb_per_second, LARGEST_PUSH_MB),
            "max_global_streams_per_user": limits.log_streams,
            "retention_period": tenants.log_retention(context, org).hours,
            "max_query_lookback": tenants.log_retention(context, org).hours,
        }
        for org, limits in tenants.limits(context).items()
    }
