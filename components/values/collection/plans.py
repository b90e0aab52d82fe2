"""A count of PostgreSQL's logged plans, by which an alert knows that auto_explain has stopped.

The plans themselves go to Loki as they are. A count of them is needed beside, since no exporter knows what was logged.
"""

from __future__ import annotations

from components.values.collection.pieces import CUMULATIVE, Config, attribute, cumulative, ottl, pipeline
from components.values.context import Context
from settings import names
from settings.vocabulary import Integration, Workload

CONNECTOR = "count/plans"
IDENTITY = "transform/plans"
LATEST = "interval/plans"
PAUSE = "15s"
"""How often a count is written: a store takes one sample of a series per millisecond, and a batch holds many lines."""
METRIC = "postgres.auto_explain.plans"
"""Prometheus writes it postgres_auto_explain_plans_total."""
LINE = r"duration: [0-9.]+ ms  plan:"
"""How auto_explain begins a message, in every log format alike (contrib/auto_explain, explain_ExecutorEnd)."""
KEPT = [
    names.TENANT_LABEL,
    names.REGION_LABEL,
    names.CLUSTER_LABEL,
    names.ENVIRONMENT_LABEL,
    "k8s.namespace.name",
    "k8s.pod.name",
]
"""What a count keeps of the resource that logged."""
SERVICE = "postgres-plans"
"""service.name of the counts, and so their job: the servers' own names say nothing more than their namespaces do."""


def counted(context: Context) -> bool:
    """Return whether the region has PostgreSQL servers whose plans are worth counting."""
    return bool({Integration.CLOUDNATIVE_PG, Integration.POSTGRES_EXPORTER} & set(context.region.integrations))


def connectors(context: Context) -> Config:
    """Return the count connector, where there is something to count."""
    if not counted(context):
        return {}
    metric = {
        "description": "Plans that auto_explain logged",
        "conditions": [f"IsString(body) and IsMatch(body, {ottl(LINE)})"],
    }
    return {CONNECTOR: {"logs": {METRIC: metric}}}


def processors(context: Context) -> Config:
    """Return what a count goes through: whose it is, which pod logged, which gateway counted and when, then sums.

    With the gateway as instance no two of them write one series. A count comes with the times of the lines that it
    counts; files and nodes do not arrive in that order, and a delta older than the one before is not added up.
    """
    if not counted(context):
        return {}
    statements = [
        f"keep_keys(resource.attributes, {ottl(KEPT)})",
        f"set({attribute('service.name')}, {ottl(SERVICE)})",
        f"set({attribute('service.instance.id')}, {ottl('${env:POD_NAME}')})",
    ]
    arrival = ["set(datapoint.start_time, Now())", "set(datapoint.time, Now())"]
    return {
        IDENTITY: {
            "error_mode": "ignore",
            "metric_statements": [
                {"context": "resource", "statements": statements},
                {"context": "datapoint", "statements": arrival},
            ],
        },
        CUMULATIVE: cumulative(context, Workload.COLLECTOR_GATEWAY),
        LATEST: {"interval": PAUSE},
    }


def exporters(context: Context) -> list[str]:
    """Return what the pipeline of incoming logs writes to besides."""
    return [CONNECTOR] if counted(context) else []


def pipelines(context: Context, metrics: list[str]) -> Config:
    """Return the pipeline of the counts.

    Args:
        context: the region.
        metrics: exporters of metrics.
    """
    return {"metrics/plans": pipeline([CONNECTOR], [IDENTITY, CUMULATIVE, LATEST], metrics)} if counted(context) else {}
