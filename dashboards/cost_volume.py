"""What each tenant sends, how near it is to its limits, and what it costs by the prices at the top."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import stores
from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import drawn
from dashboards.links import of_row, to_menu
from dashboards.panels import latest, levels, stat, target, time_series
from dashboards.queries import SELECTOR
from dashboards.tables import Column, table
from dashboards.volumes import (
    LOG_BYTES,
    LOG_DISCARDED,
    LOG_STREAMS,
    OWNED,
    SPAN_BYTES,
    SPANS,
    as_tenant,
    per_tenant,
)

UID = "cost-volume"
FOLDER = Folder.PLATFORM
GIGABYTE = "1e9"
MONTH = "30 * 86400"
PRICES = {
    "log_price": ("USD per GB of logs", "0.06"),
    "trace_price": ("USD per GB of spans", "0.04"),
    "series_price": ("USD per 1000 series and month", "0.25"),
}
"""Variables and what they start with: rough costs of bucket, requests, memory and CPU on AWS; type in your own."""
LOGS = f"sum(rate({LOG_BYTES}{{{OWNED}}}[1d]))"
TRACES = f"sum(rate({SPAN_BYTES}{{{OWNED}}}[1d]))"
SERIES = f"tenant:active_series:count{{{SELECTOR}}}"


def _month(rate: str, price: str) -> str:
    """Return what a rate of bytes costs in 30 days."""
    return f"{rate} * {MONTH} / {GIGABYTE} * ${price}"


def build() -> Dashboard:
    """Return the dashboard that says what to ask of whom."""
    made = board(UID, "Cost and volume", "What does each tenant send, and what does it cost?", since="now-24h")
    for name, (label, price) in PRICES.items():
        made = made.with_variable(stores.text(name, label, price))
    return (
        _changed(_where(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                "Costs are estimates: volume times the prices at the top. OpenCost has nodes and volumes.",
                f"Many series: {to_menu('Cardinality', 'cardinality')}.",
                f"Many lines: {to_menu('Logs explorer', 'logs-explorer')}.",
                "Lines or spans are discarded: the tenant is above its limits. Raise them, or have it send less.",
                "Traces: lower `collection.background_sample_percent`, or raise the tenant's `slow_trace`.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    total = (
        f"({_month(LOGS, 'log_price')} or vector(0)) + ({_month(TRACES, 'trace_price')} or vector(0))"
        f" + (sum({SERIES}) / 1000 * $series_price or vector(0))"
    )
    discarded = f"sum(rate({LOG_DISCARDED}{{{OWNED}}}[5m])) or vector(0)"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("Cost of a month", "At the rate of the last day, all pillars.", "currencyUSD", latest(total)))
        .with_panel(stat("Logs of a day", "Ingested, before compression.", "decbytes", latest(f"{LOGS} * 86400")))
        .with_panel(stat("Spans of a day", "Stored, before compression.", "decbytes", latest(f"{TRACES} * 86400")))
        .with_panel(
            stat("Lines discarded", "Above limits or too old.", "cps", target(discarded, "")).thresholds(
                levels(0.001, 100)
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    by = "sum by (tenant, region)"
    logs = as_tenant(per_tenant(LOG_BYTES, window="1d"))
    traces = as_tenant(per_tenant(SPAN_BYTES, window="1d"))
    labels = {
        "tenant": Column("Tenant", links=[of_row("Cardinality", "cardinality")]),
        "region": Column("Region"),
    }
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "Cost of a month by tenant",
            "At the rate of the last day. Sums of the three pillars are the tenant's share of what telemetry costs.",
            labels,
            Column("Logs", "currencyUSD", _month(logs, "log_price"), decimals=2),
            Column("Traces", "currencyUSD", _month(traces, "trace_price"), decimals=2),
            Column("Metrics", "currencyUSD", f"{by} ({SERIES}) / 1000 * $series_price", decimals=2),
            Column("Log bytes a day", "decbytes", f"{logs} * 86400"),
            Column("Span bytes a day", "decbytes", f"{traces} * 86400"),
            Column("Series", "short", f"{by} ({SERIES})"),
        )
    )


def _where(made: Dashboard) -> Dashboard:
    streams = f"sum by (exported_tenant, region) ({LOG_STREAMS}{{{OWNED}}})"
    limit = f'max by (tenant, region) (tenant_limit{{{SELECTOR}, limit="spans_per_second"}})'
    return (
        made.with_row(row("Where does it go?"))
        .with_panel(
            time_series(
                "Log bytes", "By tenant.", "Bps", target(per_tenant(LOG_BYTES), "{{exported_tenant}} {{region}}")
            )
        )
        .with_panel(
            time_series(
                "Spans stored",
                "By tenant, after sampling, beside what it may send before sampling.",
                "cps",
                target(per_tenant(SPANS), "{{exported_tenant}} {{region}}"),
                target(limit, "{{tenant}} {{region}} limit"),
            )
        )
        .with_panel(
            time_series(
                "Log streams", "Open streams by tenant.", "short", target(streams, "{{exported_tenant}} {{region}}")
            )
        )
        .with_panel(
            time_series(
                "Active series",
                "By tenant.",
                "short",
                target(f"sum by (tenant, region) ({SERIES})", "{{tenant}} {{region}}"),
            )
        )
    )


def _changed(made: Dashboard) -> Dashboard:
    now, before = (
        f"sum by (exported_tenant, region) (rate({LOG_BYTES}{{{OWNED}}}[1h]{offset}))" for offset in ("", " offset 7d")
    )
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Logs against last week",
                "Bytes of an hour over those of the same hour a week ago.",
                "percentunit",
                target(f"{now} / ({before} > 0)", "{{exported_tenant}} {{region}}"),
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Discarded",
                    "Lines and spans per second that were refused, by reason.",
                    "cps",
                    target(compared("LokiDiscardingLogs", chosen=OWNED), "{{tenant}} logs {{reason}}"),
                    target(compared("TempoDiscardingSpans", chosen=OWNED), "{{tenant}} spans {{reason}}"),
                ),
                "LokiDiscardingLogs",
            )
        )
    )
