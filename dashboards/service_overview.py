"""One service at a glance: rate, errors, duration, saturation."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import queries, variables
from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import coloured, drawn
from dashboards.links import of_services, runbook, to_menu
from dashboards.panels import ERROR_SHARES, levels, meaning, stat, target, time_series, with_limits
from dashboards.queries import LEGEND

UID = "service-overview"
FOLDER = Folder.SERVICES
OF_SERVICE = 'service_name=~"$service"'


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/service.rules.yaml link to it."""
    return (
        board(UID, "Service overview", "Is a service healthy, and where does its time go?", variables.service())
        .with_row(row("Is it healthy?"))
        .with_panel(
            stat("Requests", "Requests per second of all chosen services.", "reqps", target(queries.request_rate(), ""))
        )
        .with_panel(
            stat(
                "Worst error share",
                "Share of failed requests of the worst chosen service; a warning fires at 5 %, a page at 10 %.",
                "percentunit",
                target(f"max({queries.error_share()})", ""),
            ).thresholds(levels(*ERROR_SHARES))
        )
        .with_panel(
            coloured(
                stat("p95", "One request in twenty takes longer.", "s", target(queries.latency(0.95), "")),
                "ServiceLatencyHigh",
            )
        )
        .with_panel(
            stat("Alerts firing", "Of the chosen tenants.", "short", target(queries.firing_alerts(), "")).thresholds(
                levels(yellow=1)
            )
        )
        .with_row(row("What is affected?"))
        .with_panel(
            meaning(
                time_series(
                    "Rate by status",
                    "Requests per second by span status.",
                    "reqps",
                    target(queries.request_rate_by_status(), "{{status_code}}"),
                ),
                {"ERROR$": "red", "UNSET$|OK$": "green"},
            )
        )
        .with_panel(
            of_services(
                with_limits(
                    time_series(
                        "Error share",
                        "Of the twenty services that fail most; a point leads to its logs and traces.",
                        "percentunit",
                        target(queries.worst(queries.error_share()), LEGEND),
                    ),
                    *ERROR_SHARES,
                ),
            )
        )
        .with_panel(
            of_services(
                time_series(
                    "Busiest operations",
                    "The ten operations with most requests.",
                    "reqps",
                    target(queries.busiest_operations(), f"{LEGEND} {{{{span_name}}}}"),
                )
            )
        )
        .with_panel(
            time_series(
                "Targets that do not answer",
                "By job; their metrics are lost, and most often they are down.",
                "short",
                target(queries.targets_down(), "{{tenant}} {{namespace}} {{job}}"),
            )
        )
        .with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Duration",
                "p50, p95 and p99; the points are traces, click one to open it.",
                "s",
                target(queries.latency(0.5), "p50"),
                target(queries.latency(0.95), "p95"),
                target(queries.latency(0.99), "p99", exemplar=True),
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "p95 by service",
                        "Of the twenty slowest: one request in twenty takes longer; a warning fires above 1 s.",
                        "s",
                        target(queries.worst(queries.slowest_services()), LEGEND),
                    ),
                    "ServiceLatencyHigh",
                ),
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "p99 by service",
                        "Of the twenty slowest: one request in a hundred takes longer.",
                        "s",
                        target(queries.worst(compared("ServiceTailLatencyHigh", OF_SERVICE)), LEGEND),
                    ),
                    "ServiceTailLatencyHigh",
                ),
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "Error share, 2 minutes",
                        "Of the twenty services that failed most in the last two minutes, which a page goes by.",
                        "percentunit",
                        target(queries.worst(compared("ServiceErrorRateCritical", OF_SERVICE)), LEGEND),
                    ),
                    "ServiceErrorRateCritical",
                ),
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "CPU of request",
                    "CPU in use of what is requested, of the twenty busiest pods. Above 1 a pod borrows.",
                    "percentunit",
                    target(queries.worst(queries.cpu_saturation()), "{{tenant}} {{namespace}}/{{pod}}"),
                ),
                0.8,
                1,
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "Memory of limit",
                    "Memory in use of its limit, of the twenty fullest pods. At 1 a pod is killed.",
                    "percentunit",
                    target(queries.worst(queries.memory_saturation()), "{{tenant}} {{namespace}}/{{pod}}"),
                ),
                0.8,
                0.95,
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Resident memory",
                    "Of the ten largest processes that say it themselves.",
                    "bytes",
                    target(queries.largest("process_resident_memory_bytes"), "{{tenant}} {{namespace}}/{{pod}}"),
                ),
                "ProcessMemoryHigh",
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Goroutines",
                    "Of the ten processes with most; a number that only grows is a leak.",
                    "short",
                    target(queries.largest("go_goroutines"), "{{tenant}} {{namespace}}/{{pod}}"),
                ),
                "GoroutinesHigh",
            )
        )
        .with_row(row("What changed?"))
        .with_panel(
            of_services(
                time_series(
                    "Against yesterday",
                    "Requests per second over those of a day ago; 1 is as always.",
                    "none",
                    target(queries.request_rate_against_yesterday(), LEGEND),
                )
            )
        )
        .with_panel(
            time_series(
                "Restarts",
                "Of containers within an hour, by pod of the tenant's namespaces.",
                "short",
                target(queries.restarts(), "{{tenant}} {{namespace}}/{{pod}}"),
            )
        )
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Errors: {runbook('ServiceErrorRateCritical')}, {runbook('ServiceErrorRateHigh')}. "
                f"Slow: {runbook('ServiceLatencyHigh')}. Down: {runbook('TargetDown')}.",
                f"Its traces: {to_menu('Trace explorer', 'trace-explorer')}. "
                f"Its lines: {to_menu('Logs explorer', 'logs-explorer')}.",
                f"What it may still spend: {to_menu('SLOs and error budgets', 'slo')}.",
                "A blue line is a deploy: did it begin there? Roll back first, look afterwards.",
            )
        )
    )
