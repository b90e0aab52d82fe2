"""Which metrics and tenants the series are of, and what makes new ones."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import drawn
from dashboards.links import of_row, runbook
from dashboards.panels import levels, stat, target, time_series
from dashboards.queries import SELECTOR
from dashboards.tables import Column, table

UID = "cardinality"
FOLDER = Folder.PLATFORM
BY = "tenant, region"
SERIES = "tenant:active_series:count"
LIMIT = f'tenant_limit{{{SELECTOR}, limit="active_series"}}'
TOP = 20


def build() -> Dashboard:
    """Return the dashboard; alerts on series growth link to it."""
    made = board(UID, "Cardinality", "Whose series are these, and what makes ever new ones?", since="now-24h")
    return (
        _changed(_metrics(_tenants(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Near the limit: {runbook('TenantSeriesNearLimit')}. Growing: {runbook('TenantSeriesGrowing')}.",
                "A label with a value per user or request: add it to `collection.dropped_metric_attributes`, "
                "or have the tenant drop it.",
                "A metric nobody asks for: have the tenant drop it by metricRelabelings.",
                "All of it needed: raise the tenant's `limits.active_series`, and Prometheus' memory (8 KiB a series).",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    near = f"count(tenant:active_series:limit_ratio{{{SELECTOR}}} > 0.8) or vector(0)"
    grown = f"sum({SERIES}{{{SELECTOR}}}) / sum({SERIES}{{{SELECTOR}}} offset 1d) - 1"
    fullest = f"max(tenant:active_series:limit_ratio{{{SELECTOR}}})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat("Active series", "Of the chosen tenants.", "short", target(f"sum({SERIES}{{{SELECTOR}}})", ""))
        )
        .with_panel(
            stat(
                "Nearest to its limit", "Of all tenants' active series.", "percentunit", target(fullest, "")
            ).thresholds(levels(0.8, 1))
        )
        .with_panel(stat("Tenants above 80 %", "Of their limit.", "short", target(near, "")).thresholds(levels(1, 2)))
        .with_panel(stat("Grown in a day", "Of yesterday's series.", "percentunit", target(grown, "")))
    )


def _tenants(made: Dashboard) -> Dashboard:
    labels = {
        "tenant": Column("Tenant", links=[of_row("Cost and volume", "cost-volume")]),
        "region": Column("Region"),
    }
    used = [(None, "green"), (0.8, "yellow"), (1.0, "red")]
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "Tenants",
            "Active series of each tenant beside its limit.",
            labels,
            Column("Series", "short", f"sum by ({BY}) ({SERIES}{{{SELECTOR}}})"),
            Column("Limit", "short", f"max by ({BY}) ({LIMIT})"),
            Column("Used", "percentunit", f"max by ({BY}) (tenant:active_series:limit_ratio{{{SELECTOR}}})", used),
            Column(
                "Grown in an hour",
                "short",
                f"sum by ({BY}) ({SERIES}{{{SELECTOR}}} - {SERIES}{{{SELECTOR}}} offset 1h)",
            ),
        )
    )


def _metrics(made: Dashboard) -> Dashboard:
    named = {"__name__": Column("Metric")}
    owned = {"__name__": Column("Metric"), "tenant": Column("Tenant")}
    every = f'{{{SELECTOR}, __name__!=""}}'
    by_job = (
        f"topk({TOP}, sum by (tenant, region, namespace, job) (scrape_samples_post_metric_relabeling{{{SELECTOR}}}))"
    )
    jobs = {
        "tenant": Column("Tenant"),
        "region": Column("Region"),
        "namespace": Column("Namespace"),
        "job": Column("Job"),
    }
    return (
        made.with_row(row("Where do the series go?"))
        .with_panel(
            table(
                f"Top {TOP} metrics",
                "Metrics with most series of the chosen tenants.",
                named,
                Column("Series", "short", f"topk({TOP}, count by (__name__) ({every}))"),
                span=12,
            )
        )
        .with_panel(
            table(
                f"Top {TOP} metrics of one tenant",
                "Metric and tenant with most series: whom to talk to.",
                owned,
                Column("Series", "short", f"topk({TOP}, count by (__name__, tenant) ({every}))"),
                span=12,
            )
        )
        .with_panel(
            table(
                f"Top {TOP} scrapes",
                "Samples of one scrape by job. Metrics that are pushed are not among them.",
                jobs,
                Column("Samples", "short", by_job),
            )
        )
    )


def _changed(made: Dashboard) -> Dashboard:
    added = f"topk(10, sum by (tenant, job) (sum_over_time(scrape_series_added{{{SELECTOR}}}[1h])))"
    head = f"max by (region, pod) (prometheus_tsdb_head_series{{{SELECTOR}}})"
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            drawn(
                time_series(
                    "Series of limit",
                    "By tenant; above 1 Prometheus' memory is not sized for it.",
                    "percentunit",
                    target(f"max by ({BY}) (tenant:active_series:limit_ratio{{{SELECTOR}}})", "{{tenant}} {{region}}"),
                ),
                "TenantSeriesNearLimit",
            )
        )
        .with_panel(
            time_series(
                "New series", "Added by scrapes within an hour: churn.", "short", target(added, "{{tenant}} {{job}}")
            )
        )
        .with_panel(
            time_series(
                "Series in memory",
                "Of each Prometheus, ended ones of the last hours included.",
                "short",
                target(head, "{{pod}} {{region}}"),
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Growth in an hour",
                    "Share by which a tenant's series became more; a rollout of many pods is seen here too.",
                    "percentunit",
                    target(compared("TenantSeriesGrowing"), "{{tenant}} {{region}}"),
                    least=None,
                ),
                "TenantSeriesGrowing",
            )
        )
    )
