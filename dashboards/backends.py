"""Panels on what stands behind the collectors: Loki, Tempo, Prometheus' long-term store, certificates."""

from __future__ import annotations

from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.compared import compared
from dashboards.limits import drawn, drawn_below
from dashboards.panels import target, time_series
from dashboards.queries import SELECTOR


def panels() -> list[TimeSeries]:
    """Return one panel per way in which a backend can fail, with the limits of the alerts that tell of it."""
    return [_ingest(), _flushes(), _buckets(), _remote_write(), _compaction(), _compaction_errors(), _certificates()]


def _ingest() -> TimeSeries:
    panel = time_series(
        "Ingest that fails",
        "Share of pushes that Loki, and of appends that Tempo cannot take; collectors then hold them in their queues.",
        "percentunit",
        target(compared("LokiIngestFailing"), "Loki {{region}}"),
        target(compared("TempoIngestFailing"), "Tempo {{region}}"),
    )
    return drawn(panel, "LokiIngestFailing", "TempoIngestFailing")


def _flushes() -> TimeSeries:
    return time_series(
        "Flushes that fail",
        "Per second by ingester; what cannot be flushed stays in memory and on the volume.",
        "cps",
        target(compared("LokiFlushFailing"), "{{pod}} {{region}}"),
        target(compared("TempoFlushFailing"), "{{pod}} {{region}}"),
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
    panel = time_series(
        "Since the last compaction of Loki",
        "Retention runs with it. Only the compactor that runs has a time.",
        "s",
        target(compared("LokiCompactionStalled"), "Loki {{region}}"),
    )
    return drawn(panel, "LokiCompactionStalled")


def _compaction_errors() -> TimeSeries:
    panel = time_series(
        "Compactions of Tempo that fail",
        "Within an hour, retention included.",
        "short",
        target(compared("TempoCompactionFailing"), "{{region}}"),
    )
    return drawn(panel, "TempoCompactionFailing")


def _remote_write() -> TimeSeries:
    panel = time_series(
        "Behind the long-term store",
        "How old the newest sample is that the store has; after about two hours samples are lost.",
        "s",
        target(compared("RemoteWriteBehind"), "{{pod}} {{remote_name}}"),
    )
    return drawn(panel, "RemoteWriteBehind")


def _certificates() -> TimeSeries:
    panel = time_series(
        "Until a certificate expires",
        "cert-manager renews them long before.",
        "s",
        target(compared("CertificateExpiringSoon"), "{{exported_namespace}}/{{name}}"),
    )
    return drawn_below(panel, "CertificateExpiryImminent", "CertificateExpiringSoon").span(24)
