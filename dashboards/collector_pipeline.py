"""The collectors: what comes in, what goes out, what waits in between, and what is lost."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import coloured, drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import levels, stat, target, time_series, with_limits
from dashboards.queries import SELECTOR

UID = "collector-pipeline"
FOLDER = Folder.PLATFORM
KINDS = {"spans": "spans", "metric_points": "metric points", "log_records": "log records"}
"""What collectors count, by the end of a metric's name."""


def _all_kinds(metric: str, by: str) -> str:
    """Return the rate of a counter over the three signals, the signal as a label."""

    def rate(kind: str) -> str:
        return f"sum by ({by}) (rate({metric}_{kind}{{{SELECTOR}}}[$__rate_interval]))"

    return " or ".join(f'label_replace({rate(kind)}, "signal", "{words}", "", "")' for kind, words in KINDS.items())


def _lines(title: str, description: str, unit: str, expr: str, legend: str) -> TimeSeries:
    return time_series(title, description, unit, target(expr, legend))


def build() -> Dashboard:
    """Return the dashboard; alerts of the collection link to it."""
    made = board(UID, "Collector pipeline", "Does telemetry arrive, wait, or get lost?")
    return (
        _changed(_where(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Refused: {runbook('CollectorRefusingData')}: the memory limiter is closed, or the queues are full.",
                f"Failed: {runbook('CollectorExportFailing')}: a backend refuses for good; its log says why.",
                "A queue grows: its backend is slow or down. It drains by itself; nothing is lost until it is full.",
                f"One tenant alone: its limits are in the settings; see {to_menu('Cost and volume', 'cost-volume')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    refused = f"sum(collector:refused_items:rate5m{{{SELECTOR}}}) or vector(0)"
    failed = f"sum(collector:export_failed_items:rate5m{{{SELECTOR}}}) or vector(0)"
    dropped = f"sum(collector:dropped_items:rate5m{{{SELECTOR}}}) or vector(0)"
    queue = f"max(collector:queue:ratio{{{SELECTOR}}})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat(
                "Refused", "Items per second that receivers turn away; producers retry.", "cps", target(refused, "")
            ).thresholds(levels(0.001, 1))
        )
        .with_panel(
            stat("Failed", "Items per second that exporters gave up on.", "cps", target(failed, "")).thresholds(
                levels(0.001, 1)
            )
        )
        .with_panel(
            stat("Dropped", "Items per second that found no room in a queue.", "cps", target(dropped, "")).thresholds(
                levels(0.001, 1)
            )
        )
        .with_panel(
            coloured(
                stat("Fullest queue", "Share of the queue that is used.", "percentunit", target(queue, "")),
                "CollectorQueueNearlyFull",
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    worst = f"topk(10, max by (region, exporter) (collector:queue:ratio{{{SELECTOR}}}))"
    failed = f"sum by (region, exporter) (collector:export_failed_items:rate5m{{{SELECTOR}}}) > 0"
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            drawn(
                _lines(
                    "Queue by exporter",
                    "The ten fullest; the exporter's name ends with the tenant.",
                    "percentunit",
                    worst,
                    "{{exporter}} {{region}}",
                ),
                "CollectorQueueNearlyFull",
            )
        )
        .with_panel(
            _lines(
                "Failed by exporter",
                "Items per second that exporters gave up on.",
                "cps",
                failed,
                "{{exporter}} {{region}}",
            )
        )
        .with_panel(
            _lines(
                "Dropped by exporter",
                "Items per second that found no room in a queue: they are lost.",
                "cps",
                compared("CollectorDroppingData"),
                "{{exporter}} {{region}}",
            ).span(24)
        )
    )


def _where(made: Dashboard) -> Dashboard:
    accepted = _all_kinds("otelcol_receiver_accepted", "region, receiver")
    sent = _all_kinds("otelcol_exporter_sent", "region")
    refused = f"sum by (region, pod) (collector:refused_items:rate5m{{{SELECTOR}}}) > 0"
    memory = (
        f'sum by (region, pod) (container_memory_working_set_bytes{{{SELECTOR}, container="otc-container"}})'
        f' / sum by (region, pod) (kube_pod_container_resource_limits{{{SELECTOR}, container="otc-container", '
        'resource="memory"})'
    )
    return (
        made.with_row(row("Where does it go?"))
        .with_panel(
            _lines("Accepted", "Items per second by receiver.", "cps", accepted, "{{receiver}} {{signal}} {{region}}")
        )
        .with_panel(_lines("Sent", "Items per second that backends took.", "cps", sent, "{{signal}} {{region}}"))
        .with_panel(_lines("Refused by pod", "One pod, or all of them?", "cps", refused, "{{pod}}"))
        .with_panel(
            with_limits(
                _lines(
                    "Memory of limit",
                    "By collector; the memory limiter closes before 1.",
                    "percentunit",
                    memory,
                    "{{pod}}",
                ),
                0.7,
                0.85,
            )
        )
    )


def _changed(made: Dashboard) -> Dashboard:
    restarts = (
        f"sum by (region, pod) (increase(kube_pod_container_status_restarts_total"
        f'{{{SELECTOR}, container="otc-container"}}[1h])) > 0'
    )
    expired = f"min by (region, exported_namespace) (certificate:seconds_left:min{{{SELECTOR}}})"
    return (
        made.with_row(row("What changed?"))
        .with_panel(_lines("Restarts", "Of collectors within an hour.", "short", restarts, "{{pod}}"))
        .with_panel(
            _lines(
                "Certificates",
                "Until the first one of a namespace expires; collectors speak TLS.",
                "s",
                expired,
                "{{exported_namespace}}",
            )
        )
    )
