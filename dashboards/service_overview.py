"""One service at a glance: rate, errors, duration, saturation."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards import queries, variables
from dashboards.panels import ERROR_SHARES, shares, stat, target, time_series, with_limits

UID = "service-overview"
FOLDER = "Services"


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/service.rules.yaml link to it."""
    return (
        Dashboard("Service overview")
        .uid(UID)
        .description("Rate, errors, duration and saturation of a service, counted before sampling.")
        .tags(["platform", "red"])
        .time("now-3h", "now")
        .refresh("1m")
        .timezone("browser")
        .with_variable(variables.datasource())
        .with_variable(variables.region())
        .with_variable(variables.tenant())
        .with_variable(variables.service())
        .with_panel(
            stat("Requests", "Requests per second of all chosen services.", "reqps", target(queries.request_rate(), ""))
        )
        .with_panel(
            stat(
                "Worst error share",
                "Share of failed requests of the worst chosen service; a warning fires at 5 %, a page at 10 %.",
                "percentunit",
                target(f"max({queries.error_share()})", ""),
            ).thresholds(shares(*ERROR_SHARES))
        )
        .with_panel(stat("p95", "One request in twenty takes longer.", "s", target(queries.latency(0.95), "")))
        .with_panel(stat("Alerts firing", "Of the chosen tenants.", "short", target(queries.firing_alerts_total(), "")))
        .with_row(Row("Requests"))
        .with_panel(
            time_series(
                "Rate by status",
                "Requests per second by span status.",
                "reqps",
                target(queries.request_rate_by_status(), "{{status_code}}"),
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "Error share",
                    "Share of failed requests by service.",
                    "percentunit",
                    target(queries.error_share(), "{{service_name}}"),
                ),
                *ERROR_SHARES,
            )
        )
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
            time_series(
                "Busiest operations",
                "The ten operations with most requests.",
                "reqps",
                target(queries.busiest_operations(), "{{service_name}} {{span_name}}"),
            )
        )
        .with_row(Row("Saturation"))
        .with_panel(
            with_limits(
                time_series(
                    "CPU of request",
                    "CPU in use of what is requested, by pod of the tenant's namespaces. Above 1 it borrows.",
                    "percentunit",
                    target(queries.cpu_saturation(), "{{namespace}}/{{pod}}"),
                ),
                0.8,
                1,
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "Memory of limit",
                    "Memory in use of its limit, by pod of the tenant's namespaces. At 1 it is killed.",
                    "percentunit",
                    target(queries.memory_saturation(), "{{namespace}}/{{pod}}"),
                ),
                0.8,
                0.95,
            )
        )
    )
