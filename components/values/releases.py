"""Every Helm release of a region: the one list that components install from, and that tests and benchmarks render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.values import addresses, logs, metrics, traces
from components.values.collection import operator
from components.values.context import Context
from settings import names


@dataclass(frozen=True)
class Release:
    """One chart with the values that it is installed with, in the platform's namespace."""

    name: str
    """Helm release name, and prefix of the names of the chart's resources."""
    chart: str
    """Key of charts.yaml."""
    values: dict[str, Any]
    """Helm values, plain."""
    namespace: str = names.NAMESPACE


def prometheus_stack(context: Context) -> Release:
    """Return the release of Prometheus, Alertmanager, Grafana and the exporters."""
    return Release(addresses.METRICS_RELEASE, metrics.CHART, metrics.helm_values(context))


def loki(context: Context) -> Release:
    """Return the release of Loki."""
    return Release(addresses.LOGS_RELEASE, logs.CHART, logs.helm_values(context))


def tempo(context: Context) -> Release:
    """Return the release of Tempo, in the layout of the environment."""
    return Release(addresses.TRACES_RELEASE, traces.chart(context), traces.helm_values(context))


def opentelemetry_operator(context: Context) -> Release:
    """Return the release of the OpenTelemetry operator."""
    return Release(addresses.OPERATOR_RELEASE, operator.CHART, operator.helm_values(context))


def all_of(context: Context) -> list[Release]:
    """Return every release of a region."""
    return [prometheus_stack(context), loki(context), tempo(context), opentelemetry_operator(context)]
