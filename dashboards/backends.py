"""Panels on what stands behind the collectors: Loki, Tempo, Prometheus' long-term store, certificates."""

from __future__ import annotations

from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.limits import drawn
from dashboards.panels import target, time_series
from dashboards.queries import SELECTOR

PUSHES = f'{SELECTOR}, route=~"otlp_v1_logs|loki_api_v1_push|/logproto.Pusher/Push"'
"""Loki's requests that bring lines."""


def _rate(counter: str, matchers: str = SELECTOR, by: str = "region") -> str:
    return f"sum by ({by}) (rate({counter}{{{matchers}}}[5m]))"


def panels() -> list[TimeSeries]:
    """Return one panel per way in which a backend can fail, with the limits of the alerts that tell of it."""
    return [_ingest(), _flushes(), _buckets(), _remote_write(), _compaction(), _compaction_errors(), _certificates()]


def _ingest() -> TimeSeries:
    failed = _rate("loki_request_duration_seconds_count", f'{PUSHES}, status_code=~"5..|error"')
    loki = f"{failed} / {_rate('loki_request_duration_seconds_count', PUSHES)}"
    tempo = (
        f"{_rate('tempo_distributor_ingester_append_failures_total')}"
        f" / {_rate('tempo_distributor_ingester_appends_total')}"
    )
    panel = time_series(
        "Ingest that fails",
        "Share of pushes that Loki, and of appends that Tempo cannot take; collectors then hold them in their queues.",
        "percentunit",
        target(loki, "Loki {{region}}"),
        target(tempo, "Tempo {{region}}"),
    )
    return drawn(panel, "LokiIngestFailing", "TempoIngestFailing")


def _flushes() -> TimeSeries:
    return time_series(
        "Flushes that fail",
        "Per second by ingester; what cannot be flushed stays in memory and on the volume.",
        "cps",
        target(_rate("loki_ingester_chunks_flush_failures_total", by="region, pod"), "{{pod}}"),
        target(_rate("tempo_ingester_failed_flushes_total", by="region, pod"), "{{pod}}"),
    )


def _buckets() -> TimeSeries:
    panel = time_series(
        "Bucket requests that fail",
        "Share of requests to the object store that Loki and Tempo see fail.",
        "percentunit",
        target(
            f"max by (tenant, region, store) (store:bucket_requests:failed_ratio_rate5m{{{SELECTOR}}})",
            "{{store}} {{region}}",
        ),
    )
    return drawn(panel, "BucketRequestsFailing")


def _compaction() -> TimeSeries:
    last = "loki_boltdb_shipper_compact_tables_operation_last_successful_run_timestamp_seconds"
    panel = time_series(
        "Since the last compaction of Loki",
        "Retention runs with it. Only the compactor that runs has a time.",
        "s",
        target(f"time() - max by (region) ({last}{{{SELECTOR}}} > 0)", "Loki {{region}}"),
    )
    return drawn(panel, "LokiCompactionStalled")


def _compaction_errors() -> TimeSeries:
    errors, retention = (
        f"sum by (region) (increase({counter}{{{SELECTOR}}}[1h]))"
        for counter in ("tempodb_compaction_errors_total", "tempodb_retention_errors_total")
    )
    panel = time_series(
        "Compactions of Tempo that fail",
        "Within an hour, retention included.",
        "short",
        target(f"{errors} + {retention}", "{{region}}"),
    )
    return drawn(panel, "TempoCompactionFailing")


def _remote_write() -> TimeSeries:
    newest, sent = (
        f"prometheus_remote_storage_queue_highest_{name}timestamp_seconds{{{SELECTOR}}}" for name in ("", "sent_")
    )
    by = "max by (region, pod, remote_name)"
    panel = time_series(
        "Behind the long-term store",
        "How old the newest sample is that the store has; after about two hours samples are lost.",
        "s",
        target(f"{by} ({newest}) - {by} ({sent})", "{{pod}} {{remote_name}}"),
    )
    return drawn(panel, "RemoteWriteBehind")


def _certificates() -> TimeSeries:
    panel = time_series(
        "Until a certificate expires",
        "The first to expire of each namespace; cert-manager renews them long before.",
        "s",
        target(f"min by (tenant, region, namespace) (certificate:seconds_left:min{{{SELECTOR}}})", "{{namespace}}"),
    )
    return panel.span(24)
