"""gRPC clients: which calls between services fail or take too long, as the caller sees them."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import of_services, runbook, to_menu
from dashboards.panels import meaning, stat, target, time_series
from dashboards.queries import SELECTOR, worst

UID = "grpc-clients"
FOLDER = Folder.SERVICES
CHOSEN = f'{SELECTOR}, service_name=~"$service", target=~"$target"'
CALLS = f"grpc_client:requests:rate5m{{{CHOSEN}}}"
ERRORS = f"grpc_client:errors:ratio_rate5m{{{CHOSEN}}}"
DEADLINES = f"grpc_client:deadline_exceeded:ratio_rate5m{{{CHOSEN}}}"
LEGEND = "{{tenant}} {{service_name}} → {{target}}"
SERVICE = f'{SELECTOR}, service_name=~"$service"'


def _quantile(quantile: float, metric: str, by: str, factor: str = "") -> str:
    buckets = f"sum by (tenant, region, service_name, {by}, le) (rate({metric}{{{SERVICE}}}[$__rate_interval]))"
    return worst(f"histogram_quantile({quantile:g}, {buckets}){factor}", 10)


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/business.rules.yaml about gRPC link to it."""
    series = f"grpc_client:requests:rate5m{{{SELECTOR}}}"
    service = variables.query("service", "Calling service", f"label_values({series}, service_name)")
    called = variables.query("target", "Target", f"label_values({series}, target)")
    made = board(UID, "gRPC clients", "Which calls between services fail, and who waits for whom?", service, called)
    return (
        _time(_affected(_health(made)))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Errors: {runbook('GrpcClientErrorsHigh')}. Deadlines: {runbook('GrpcClientDeadlineExceeded')}.",
                "One caller of a target fails, others do not: its connection or its network. All fail: the target.",
                f"The target itself: {to_menu('Service overview', 'service-overview')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("Calls", "Per second, of all chosen callers.", "reqps", target(f"sum({CALLS})", "")))
        .with_panel(
            coloured(
                stat("Worst error share", "Of one caller and target.", "percentunit", target(f"max({ERRORS})", "")),
                "GrpcClientErrorsHigh",
            )
        )
        .with_panel(
            coloured(
                stat(
                    "Worst deadline share", "Of one caller and target.", "percentunit", target(f"max({DEADLINES})", "")
                ),
                "GrpcClientDeadlineExceeded",
            )
        )
        .with_panel(stat("Callers and targets", "Pairs that call each other.", "short", target(f"count({CALLS})", "")))
    )


def _affected(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "Error share",
                        "Calls that the target failed, deadlines apart: the twenty worst. Warns above 0.05 per second.",
                        "percentunit",
                        target(worst(ERRORS), LEGEND),
                    ),
                    "GrpcClientErrorsHigh",
                )
            )
        )
        .with_panel(
            of_services(
                drawn(
                    time_series(
                        "Deadline share",
                        "Calls that the caller gave up waiting for: the twenty worst. Warns above 0.05 per second.",
                        "percentunit",
                        target(worst(DEADLINES), LEGEND),
                    ),
                    "GrpcClientDeadlineExceeded",
                )
            )
        )
    )


def _time(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            of_services(
                time_series(
                    "Duration, p95 by target",
                    "Of the ten slowest by library: one call in twenty takes longer. A flat top is a deadline.",
                    "s",
                    target(
                        _quantile(0.95, "grpc_client_call_duration_seconds_bucket", "grpc_target"),
                        "{{tenant}} {{service_name}} → {{grpc_target}}",
                    ),
                    target(
                        _quantile(0.95, "rpc_client_call_duration_seconds_bucket", "server_address"),
                        "{{tenant}} {{service_name}} → {{server_address}}",
                    ),
                    target(
                        _quantile(0.95, "rpc_client_duration_milliseconds_bucket", "rpc_service", " / 1000"),
                        "{{tenant}} {{service_name}} → {{rpc_service}}",
                    ),
                    target(
                        _quantile(0.95, "grpc_client_handling_seconds_bucket", "grpc_service"),
                        "{{tenant}} {{service_name}} → {{grpc_service}} (middleware)",
                    ),
                )
            )
        )
        .with_panel(
            meaning(
                time_series(
                    "Calls by code",
                    "How calls end, in the words or numbers of the library. Codes other than OK that are many and "
                    "constant are commonly part of the protocol.",
                    "reqps",
                    target(f"sum by (code) (grpc_client:requests_by_code:rate5m{{{CHOSEN}}})", "{{code}}"),
                ),
                {"^(OK|0)$": "green"},
            )
        )
        .with_row(row("What changed?"))
        .with_panel(
            of_services(
                time_series(
                    "Calls",
                    "The twenty callers and targets with most; a step without a deploy is retries.",
                    "reqps",
                    target(worst(CALLS), LEGEND),
                )
            )
        )
        .with_panel(
            of_services(
                time_series(
                    "Calls against an hour ago",
                    "1 is as many as an hour ago.",
                    "none",
                    target(f"{CALLS} / (grpc_client:requests:rate5m{{{CHOSEN}}} offset 1h > 0)", LEGEND),
                )
            )
        )
    )
