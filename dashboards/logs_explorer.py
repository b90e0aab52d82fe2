"""Logs of the chosen services: how many, how bad, and the lines themselves, with the way to their traces."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards import queries, stores, variables
from dashboards.board import Folder, advice, board, row
from dashboards.links import of_services, to_menu
from dashboards.panels import meaning, target, time_series
from dashboards.queries import LEGEND
from dashboards.stores import LINES, log_lines, log_query

UID = "logs-explorer"
FOLDER = Folder.SERVICES
LEVELS = "trace, debug, info, warn, error, fatal"
CHOSEN = f'{{{LINES}, level=~"$level"}} |~ `(?i)$search` | trace_id=~`$trace.*`'
"""Lines of the chosen level and trace that hold the text; what has no trace id matches where none is asked for."""
BAD = f'{{{LINES}, level=~"error|fatal"}}'


def build() -> Dashboard:
    """Return the dashboard that traces and service panels lead to, with service and trace id filled in."""
    made = (
        board(UID, "Logs explorer", "What do the chosen services say?", variables.service(), since="now-1h")
        .with_variable(stores.log_source())
        .with_variable(
            CustomVariable("level").label("Level").values(LEVELS).include_all(True).multi(True).all_value(".*")
        )
        .with_variable(stores.text("search", "Text"))
        .with_variable(stores.text("trace", "Trace id"))
    )
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            meaning(
                _series(
                    "Lines by level",
                    "What became more, and how bad is it?",
                    f"sum by (level) (count_over_time({CHOSEN} [$__auto]))",
                    "{{level}}",
                ),
                {"error|fatal": "red", "warn": "yellow", "info": "green", "debug|trace": "blue"},
            )
        )
        .with_panel(
            of_services(
                _series(
                    "Errors by service",
                    "Lines of level error and fatal.",
                    f"topk(10, sum by (tenant, region, service_name) (count_over_time({BAD} [$__auto])))",
                    LEGEND,
                )
            )
        )
        .with_row(row("What is affected?"))
        .with_panel(
            _series(
                "Errors by namespace",
                "Where they come from.",
                f"topk(10, sum by (tenant, k8s_namespace_name) (count_over_time({BAD} [$__auto])))",
                "{{tenant}} {{k8s_namespace_name}}",
            )
        )
        .with_panel(
            of_services(
                time_series(
                    "Failed requests of the same services",
                    "Beside the lines: do requests fail, or do logs only complain?",
                    "percentunit",
                    target(queries.worst(queries.error_share()), LEGEND),
                )
            )
        )
        .with_row(row("Where does the time go?"))
        .with_panel(
            log_lines(
                "Lines",
                "The newest of what is chosen. Open a line: its trace_id leads to the trace.",
                CHOSEN,
            )
        )
        .with_row(row("What changed?"))
        .with_panel(
            of_services(
                _series(
                    "Volume by service",
                    "Bytes of lines, before compression; counted against the tenant's limit.",
                    f"topk(10, sum by (tenant, region, service_name) (bytes_over_time({{{LINES}}} [$__auto])))",
                    LEGEND,
                )
                .unit("bytes")
                .span(24)
            )
        )
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"A line with a trace: open it, or go to {to_menu('Trace explorer', 'trace-explorer')}.",
                f"Requests fail too: {to_menu('Service overview', 'service-overview')}.",
                "Nothing here though the service runs: its namespace belongs to no tenant, or its lines are refused: "
                f"{to_menu('Collector pipeline', 'collector-pipeline')}.",
            )
        )
    )


def _series(title: str, description: str, expr: str, legend: str) -> TimeSeries:
    return (
        time_series(title, description, "short")
        .datasource(stores.loki())
        .with_target(log_query(expr, legend).ref_id("A"))
    )
