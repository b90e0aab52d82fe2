"""Webhooks by event type, and the orders behind them: what partners were told, and what never ended."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import of_services, runbook, to_menu
from dashboards.panels import ERROR_SHARES, levels, stat, target, time_series, with_limits
from dashboards.queries import SELECTOR

UID = "webhooks"
FOLDER = Folder.SERVICES
CHOSEN = f'{SELECTOR}, event_type=~"$event_type"'
ATTEMPTS = "webhook_deliveries_total"
ALL = f"rate({ATTEMPTS}{{{CHOSEN}}}[$__rate_interval])"
FAILED = f'rate({ATTEMPTS}{{{CHOSEN}, outcome="failed"}}[$__rate_interval])'
BUCKETS = f"rate(webhook_delivery_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])"
OLDEST = f"saga:oldest_unfinished:seconds{{{SELECTOR}}}"
UNFINISHED = f"saga:unfinished:ratio_day{{{SELECTOR}}}"
BY_TYPE = "tenant, region, event_type"


def _share(by: str) -> str:
    """Return the share of failed attempts, 0 where all were delivered."""
    every = f"sum by ({by}) ({ALL})"
    return f"(sum by ({by}) ({FAILED}) or {every} * 0) / ({every} > 0)"


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/business.rules.yaml about sagas link to it."""
    event = variables.query("event_type", "Event type", f"label_values({ATTEMPTS}{{{SELECTOR}}}, event_type)")
    made = board(UID, "Webhooks and orders", "What were partners told, and which orders never ended?", event)
    return (
        _time(_affected(_health(made)))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"An order that hangs: {runbook('SagaOrderStalled')}. "
                f"Many that never ended: {runbook('SagaOrdersUnfinished')}.",
                "One event type fails: its receiver or its payload. All fail: the sender's way out.",
                f"What is tried no more lies in a dead-letter queue: {to_menu('Kafka and queues', 'kafka')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("Deliveries", "Attempts per second.", "reqps", target(f"sum({ALL})", "")))
        .with_panel(
            stat(
                "Worst failed share", "Of one event type.", "percentunit", target(f"max({_share(BY_TYPE)})", "")
            ).thresholds(levels(*ERROR_SHARES))
        )
        .with_panel(
            coloured(
                stat("Oldest paid order", "That has not ended.", "s", target(f"max({OLDEST})", "")), "SagaOrderStalled"
            )
        )
        .with_panel(
            coloured(
                stat(
                    "Orders unfinished", "Of those paid within a day.", "percentunit", target(f"max({UNFINISHED})", "")
                ),
                "SagaOrdersUnfinished",
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            with_limits(
                time_series(
                    "Failed share by event type",
                    "Attempts that the receiver did not take; most are tried again.",
                    "percentunit",
                    target(_share(BY_TYPE), "{{tenant}} {{event_type}}"),
                ),
                *ERROR_SHARES,
            )
        )
        .with_panel(
            time_series(
                "Deliveries by event type",
                "Attempts per second.",
                "reqps",
                target(f"sum by ({BY_TYPE}) ({ALL})", "{{tenant}} {{event_type}}"),
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "Age of the oldest paid order",
                        "In state PAYMENT_CREATED and not ended. It rises by a second per second where one hangs.",
                        "s",
                        target(OLDEST, "{{tenant}} {{region}} {{service_name}}"),
                    ),
                    "SagaOrderStalled",
                )
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Orders of a day that never ended",
                    "Neither COMPLETED nor COMPENSATION_COMPLETE half an hour later; counters hide up to 2 %.",
                    "percentunit",
                    target(UNFINISHED, "{{tenant}} {{region}}"),
                    least=None,
                ),
                "SagaOrdersUnfinished",
            )
        )
    )


def _time(made: Dashboard) -> Dashboard:
    states = f'sum by (tenant, region, state) (rate(saga_transitions_total{{{SELECTOR}, saga="order"}}[10m]))'
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Duration of a delivery",
                "p50 and p95 of an attempt, receiver's time included.",
                "s",
                *(
                    target(
                        f"histogram_quantile({q:g}, sum by (event_type, le) ({BUCKETS}))",
                        f"p{q * 100:g} {{{{event_type}}}}",
                    )
                    for q in (0.5, 0.95)
                ),
            )
        )
        .with_panel(
            time_series(
                "Orders by state that they enter",
                "Per second. Where a state is entered and the next is not, orders stop there.",
                "cps",
                target(states, "{{tenant}} {{state}}"),
            )
        )
        .with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Deliveries against a week ago",
                "1 is as many as a week ago at this hour.",
                "none",
                target(
                    f"sum by ({BY_TYPE}) (rate({ATTEMPTS}{{{CHOSEN}}}[1h])) "
                    f"/ (sum by ({BY_TYPE}) (rate({ATTEMPTS}{{{CHOSEN}}}[1h] offset 1w)) > 0)",
                    "{{tenant}} {{event_type}}",
                ),
            ).span(24)
        )
    )
