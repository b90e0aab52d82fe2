"""What fires, for whom, since when; what is silenced; and whether notifications go out."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import Folder, advice, board, row
from dashboards.links import of_row, runbook
from dashboards.panels import levels, meaning, stat, target, time_series
from dashboards.queries import SELECTOR, firing, firing_alerts
from dashboards.tables import Column, table

UID = "alerts-silences"
FOLDER = Folder.SERVICES
FIRING = firing()


def build() -> Dashboard:
    """Return the dashboard; it also tells what an alert's silence hides."""
    made = board(UID, "Alerts and silences", "What fires, and does anybody hear of it?", since="now-24h")
    return (
        _changed(_time(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                "Each alert links to its runbook: the folder *Runbooks*, or the notification.",
                "Silence one tenant in one region, for a time and with a reason: "
                "`python -m automation silence --tenant T --region R --for 2h --reason ...`.",
                "All silences, and when they end: [Silences](/alerting/silences).",
                f"Something fires and nobody hears: {runbook('Watchdog')}; the switch outside must have rung.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    pages, warnings = (target(firing_alerts(each), "") for each in ("page", "warn"))
    lost = f"sum(increase(alertmanager_notifications_failed_total{{{SELECTOR}}}[1h])) or vector(0)"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("Pages", "Somebody is awake.", "short", pages).thresholds(levels(red=1)))
        .with_panel(stat("Warnings", "For working hours.", "short", warnings).thresholds(levels(1, 10)))
        .with_panel(
            stat(
                "Silences",
                "Active ones in Alertmanager, of everybody in the region.",
                "short",
                target(f'max(alertmanager_silences{{{SELECTOR}, state="active"}})', ""),
            )
        )
        .with_panel(
            stat("Notifications lost", "Failed within an hour.", "short", target(lost, "")).thresholds(levels(1, 5))
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    keys = "alertname, severity, tenant, region, service_name, namespace"
    labels = {
        "alertname": Column("Alert"),
        "severity": Column("Severity"),
        "tenant": Column("Tenant"),
        "region": Column("Region"),
        "service_name": Column("Service", links=[of_row("Service overview", "service-overview", service="Service")]),
        "namespace": Column("Namespace"),
    }
    held = f"max by ({keys}) (time() - ALERTS_FOR_STATE{{{SELECTOR}}})"
    since = f"{held} and on ({keys}) {FIRING}"
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "Firing",
            "Alerts by name and owner, and for how long their condition has held. Silenced ones are among them.",
            labels,
            Column("Alerts", "short", f"count by ({keys}) ({FIRING})"),
            Column("For", "s", since),
        )
    )


def _time(made: Dashboard) -> Dashboard:
    duration = "alertmanager_notification_latency_seconds"
    sums, counts = (
        f"sum by (region, integration) (rate({duration}_{end}{{{SELECTOR}}}[5m]))" for end in ("sum", "count")
    )
    slow = f"{sums} / ({counts} > 0)"
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Firing by tenant",
                "Pages and warnings.",
                "short",
                target(
                    f"sum by (tenant, region) ({firing('page|warn')})",
                    "{{tenant}} {{region}}",
                ),
            )
        )
        .with_panel(
            time_series(
                "Duration of a notification", "Mean by receiver.", "s", target(slow, "{{integration}} {{region}}")
            )
        )
    )


def _changed(made: Dashboard) -> Dashboard:
    sent = f"sum by (region, integration) (rate(alertmanager_notifications_total{{{SELECTOR}}}[$__rate_interval]))"
    failed = (
        f"sum by (region, integration) (rate(alertmanager_notifications_failed_total{{{SELECTOR}}}[$__rate_interval]))"
    )
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Firing by alert",
                "The ten that fire most.",
                "short",
                target(f"topk(10, sum by (alertname) ({FIRING}))", "{{alertname}}"),
            )
        )
        .with_panel(
            meaning(
                time_series(
                    "Notifications",
                    "Sent and failed by receiver.",
                    "cps",
                    target(sent, "{{integration}} sent"),
                    target(failed, "{{integration}} failed"),
                ),
                {" failed$": "red", " sent$": "green"},
            )
        )
        .with_panel(
            time_series(
                "Silences",
                "By state; expired ones are forgotten after five days.",
                "short",
                target(f"max by (region, state) (alertmanager_silences{{{SELECTOR}}})", "{{state}} {{region}}"),
            ).span(24)
        )
    )
