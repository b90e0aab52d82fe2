"""Loki and Tempo as data sources: their variables, and what every query of theirs carries."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, TextBoxVariable
from grafana_foundation_sdk.builders.logs import Panel as Logs
from grafana_foundation_sdk.builders.loki import Dataquery as LogQuery
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.tempo import TempoQuery
from grafana_foundation_sdk.models.common import LogsSortOrder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue
from grafana_foundation_sdk.models.tempo import SearchTableType

from dashboards import variables
from dashboards.links import of_trace
from dashboards.panels import NO_DATA

LOGS = "logs"
TRACES = "traces"
"""Names of the variables that hold the data sources."""
LINES = 'tenant=~"$tenant", region=~"$region", service_name=~"$service", cluster=~".+"'
"""Stream selector of the chosen; Loki refuses one that could match everything, so that the cluster must be there."""
SPANS = 'resource.tenant=~"$tenant" && resource.region=~"$region" && resource.service.name=~"$service"'
"""TraceQL conditions of the chosen."""


def log_source() -> DatasourceVariable:
    """Return the variable that chooses Loki."""
    return variables.datasource(LOGS, "loki", "Logs")


def trace_source() -> DatasourceVariable:
    """Return the variable that chooses Tempo."""
    return variables.datasource(TRACES, "tempo", "Traces")


def text(name: str, label: str, value: str = "") -> TextBoxVariable:
    """Return a variable that people type; links fill it."""
    return TextBoxVariable(name).label(label).default_value(value)


def loki() -> DataSourceRef:
    """Return the reference to the chosen Loki."""
    return variables.source(LOGS, "loki")


def tempo() -> DataSourceRef:
    """Return the reference to the chosen Tempo."""
    return variables.source(TRACES, "tempo")


def log_query(expr: str, legend: str = "") -> LogQuery:
    """Return a LogQL query over the range."""
    return LogQuery().expr(expr).legend_format(legend).query_type("range").datasource(loki())


def log_lines(title: str, description: str, expr: str, height: int = 16) -> Logs:
    """Return log lines, the newest first; a line's trace id is a link to its trace (the data source's own)."""
    return (
        Logs()
        .title(title)
        .description(description)
        .datasource(loki())
        .no_value(NO_DATA)
        .height(height)
        .span(24)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(LogsSortOrder.DESCENDING)
        .with_target(log_query(expr).max_lines(500).ref_id("A"))
    )


def found_traces(title: str, description: str, conditions: str, span: int = 12) -> Table:
    """Return a table of traces that hold a span with these conditions; an id opens its trace, a name its log lines."""
    query = TempoQuery().query(f"{{{SPANS} && {conditions}}}").query_type("traceql").limit(20)
    return (
        Table()
        .title(title)
        .description(description)
        .unit("short")
        .datasource(tempo())
        .no_value(NO_DATA)
        .height(10)
        .span(span)
        .with_target(query.table_type(SearchTableType.TRACES).datasource(tempo()).ref_id("A"))
        .override_by_name("traceName", [DynamicConfigValue(id_val="links", value=[of_trace()])])
    )
