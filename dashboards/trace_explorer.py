"""Traces of the chosen services: failed, slow and orphaned ones."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import queries, stores, variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import drawn
from dashboards.links import of_services, runbook, to_menu
from dashboards.panels import ERROR_SHARES, levels, stat, target, time_series
from dashboards.queries import CALLS, DURATION, ENTRY_SPANS, LEGEND, SERVICE
from dashboards.stores import found_traces
from dashboards.volumes import SPANS, SPANS_DISCARDED, per_tenant

UID = "trace-explorer"
FOLDER = Folder.SERVICES
ORPHANS = "traces_orphan_spans_total"
BY = "tenant, region, service_name"


def build() -> Dashboard:
    """Return the dashboard that logs and service panels lead to."""
    made = (
        board(UID, "Trace explorer", "Which requests fail or wait, and where?", variables.service(), since="now-1h")
        .with_variable(stores.trace_source())
        .with_variable(stores.text("slow", "Slower than", "1s"))
    )
    return (
        _changed(_where(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                "Open a trace and follow the deepest span that is red or long; its logs are one click away.",
                f"Orphans: {runbook('OrphanSpansHigh')}. Something in between drops the traceparent header.",
                "Nothing found though requests fail? Gateways sample, but keep all that failed: see "
                f"{to_menu('Collector pipeline', 'collector-pipeline')}.",
                f"The same requests: {to_menu('Logs explorer', 'logs-explorer')}, "
                f"{to_menu('Service overview', 'service-overview')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    share = f"max(service:orphan_spans:ratio_rate15m{{{SERVICE}}})"
    kept = f"sum({per_tenant(SPANS)})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("Requests", "Per second, all counted.", "reqps", target(queries.request_rate(), "")))
        .with_panel(
            stat(
                "Worst error share",
                "Of the chosen services.",
                "percentunit",
                target(f"max({queries.error_share()})", ""),
            ).thresholds(levels(*ERROR_SHARES))
        )
        .with_panel(
            stat(
                "Worst share of orphans", "Requests whose caller's span never came.", "percentunit", target(share, "")
            ).thresholds(levels(*ERROR_SHARES))
        )
        .with_panel(stat("Spans stored", "Per second, after sampling, of the tenants.", "cps", target(kept, "")))
    )


def _affected(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What is affected?"))
        .with_panel(found_traces("Failed", "Traces with a failed span; all of them are kept.", "status=error"))
        .with_panel(
            found_traces(
                "Slow",
                "Traces with a span slower than chosen; those above the tenant's limit are all kept.",
                "duration>$slow",
            )
        )
    )


def _where(made: Dashboard) -> Dashboard:
    rate = f"sum by ({BY}) (rate({ORPHANS}{{{SERVICE}}}[$__rate_interval]))"
    operation = f"{BY}, span_name"
    buckets = f"sum by (le, {operation}) (rate({DURATION}{{{SERVICE}, {ENTRY_SPANS}}}[$__rate_interval]))"
    bad = f'rate({CALLS}{{{SERVICE}, {ENTRY_SPANS}, status_code="STATUS_CODE_ERROR"}}[$__rate_interval])'
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            of_services(
                time_series(
                    "Slowest operations",
                    "p95 of the ten slowest; points are traces.",
                    "s",
                    target(
                        f"topk(10, histogram_quantile(0.95, {buckets}))", f"{LEGEND} {{{{span_name}}}}", exemplar=True
                    ),
                )
            )
        )
        .with_panel(
            of_services(
                time_series(
                    "Failing operations",
                    "Failed requests per second of the ten worst.",
                    "reqps",
                    target(
                        f"topk(10, sum by ({operation}) ({bad}))",
                        f"{LEGEND} {{{{span_name}}}}",
                        exemplar=True,
                    ),
                )
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "Orphan spans, share",
                        "Requests that name a parent which has not arrived: a caller's span is lost.",
                        "percentunit",
                        target(f"max by ({BY}) (service:orphan_spans:ratio_rate15m{{{SERVICE}}})", LEGEND),
                    ),
                    "OrphanSpansHigh",
                )
            )
        )
        .with_panel(
            of_services(
                time_series("Orphan spans", "Per second by the service that was called.", "cps", target(rate, LEGEND))
            )
        )
    )


def _changed(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Spans stored",
                "Per second by tenant, after sampling.",
                "cps",
                target(per_tenant(SPANS), "{{exported_tenant}}"),
            )
        )
        .with_panel(
            time_series(
                "Spans refused",
                "Per second by reason; above the tenant's limit Tempo refuses.",
                "cps",
                target(per_tenant(SPANS_DISCARDED, "reason"), "{{exported_tenant}} {{reason}}"),
            )
        )
    )
