"""The platform of a region at a glance: does it take, keep and answer, and for whom does it not."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import backends
from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import coloured
from dashboards.links import of_row, runbook, to_menu
from dashboards.panels import ERROR_SHARES, levels, stat, target, time_series, with_limits
from dashboards.queries import SELECTOR, firing, firing_alerts
from dashboards.tables import Column, table
from dashboards.volumes import LOG_BYTES, SPANS, per_tenant

UID = "platform-overview"
FOLDER = Folder.PLATFORM
BY = "tenant, region"


def build() -> Dashboard:
    """Return the dashboard that the platform team opens first."""
    made = board(UID, "Platform overview", "Does the platform take, keep and answer; for whom does it not?")
    return (
        _change(_behind(_time(_tenants(_health(made)))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"No data from anybody: {runbook('CollectorRefusingData')}, {runbook('CollectorExportFailing')}; "
                f"{to_menu('Collector pipeline', 'collector-pipeline')} shows where it stops.",
                f"A target is down: {runbook('TargetDown')}. Rules fail: {runbook('RuleEvaluationFailing')}.",
                f"One tenant floods: {to_menu('Cost and volume', 'cost-volume')}, "
                f"{to_menu('Cardinality', 'cardinality')}.",
                f"A tenant's service: {to_menu('Service overview', 'service-overview')}, {to_menu('SLOs', 'slo')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    down = f"count(up{{{SELECTOR}}} == 0) or vector(0)"
    pages = target(firing_alerts("page"), "")
    lost = (
        f"(sum(collector:refused_items:rate5m{{{SELECTOR}}}) or vector(0))"
        f" + (sum(collector:export_failed_items:rate5m{{{SELECTOR}}}) or vector(0))"
    )
    queue = f"max(collector:queue:ratio{{{SELECTOR}}})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat("Targets down", "Targets that do not answer.", "short", target(down, "")).thresholds(levels(1, 5))
        )
        .with_panel(stat("Pages", "Alerts that wake somebody.", "short", pages).thresholds(levels(red=1)))
        .with_panel(
            stat(
                "Refused or lost", "Items per second that collectors refuse or give up on.", "cps", target(lost, "")
            ).thresholds(levels(0.001, 1))
        )
        .with_panel(
            coloured(
                stat(
                    "Fullest queue",
                    "Of the collectors' exporters; a full one loses data.",
                    "percentunit",
                    target(queue, ""),
                ),
                "CollectorQueueNearlyFull",
            )
        )
    )


def _tenants(made: Dashboard) -> Dashboard:
    labels = {
        "tenant": Column("Tenant", links=[of_row("Services", "service-overview")]),
        "region": Column("Region"),
    }
    errors = [(None, "green"), (ERROR_SHARES[0], "yellow"), (ERROR_SHARES[1], "red")]
    near = [(None, "green"), (0.8, "yellow"), (1.0, "red")]
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "Tenants",
            "What fires, its requests, the worst of its services, and how much of its limit it uses.",
            labels,
            Column("Firing", "short", f"count by ({BY}) ({firing('page|warn')})"),
            Column("Requests", "reqps", f"sum by ({BY}) (service:requests:rate5m{{{SELECTOR}}})", decimals=1),
            Column(
                "Worst error share", "percentunit", f"max by ({BY}) (service:errors:ratio_rate5m{{{SELECTOR}}})", errors
            ),
            Column(
                "Series of limit",
                "percentunit",
                f"max by ({BY}) (tenant:active_series:limit_ratio{{{SELECTOR}}})",
                near,
            ),
        )
    )


def _time(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Slowest service of each tenant",
                "p95 of its slowest service; a warning fires above 1 s.",
                "s",
                target(f"max by ({BY}) (service:latency_seconds:p95_rate5m{{{SELECTOR}}})", "{{tenant}} {{region}}"),
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "Worst error share of each tenant",
                    "Share of failed requests of its worst service.",
                    "percentunit",
                    target(f"max by ({BY}) (service:errors:ratio_rate5m{{{SELECTOR}}})", "{{tenant}} {{region}}"),
                ),
                *ERROR_SHARES,
            )
        )
        .with_panel(
            time_series(
                "Rule evaluation",
                "How long each group of rules took; above its interval, alerts come late.",
                "s",
                target(
                    f"topk(10, max by ({BY}, rule_group) (prometheus_rule_group_last_duration_seconds{{{SELECTOR}}}))",
                    "{{rule_group}}",
                ),
            )
        )
        .with_panel(
            time_series(
                "Rules that fail",
                "Evaluations of the last 5 minutes that failed: these rules see nothing. After 5 minutes it pages.",
                "short",
                target(compared("RuleEvaluationFailing"), "{{rule_group}}"),
            )
        )
    )


def _behind(made: Dashboard) -> Dashboard:
    made = made.with_row(row("Do its backends keep up?"))
    for panel in backends.panels():
        made = made.with_panel(panel)
    return made


def _change(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Logs",
                "Ingested by tenant, before compression.",
                "Bps",
                target(per_tenant(LOG_BYTES), "{{exported_tenant}}"),
            )
        )
        .with_panel(
            time_series(
                "Spans", "Stored by tenant, after sampling.", "cps", target(per_tenant(SPANS), "{{exported_tenant}}")
            )
        )
        .with_panel(
            time_series(
                "Active series",
                "By tenant; each costs about 8 KiB of Prometheus' memory.",
                "short",
                target(f"sum by ({BY}) (tenant:active_series:count{{{SELECTOR}}})", "{{tenant}} {{region}}"),
            )
        )
        .with_panel(
            time_series(
                "Requests",
                "Per second by tenant, counted before sampling.",
                "reqps",
                target(f"sum by ({BY}) (service:requests:rate5m{{{SELECTOR}}})", "{{tenant}} {{region}}"),
            )
        )
    )
