"""The limits of alerts, drawn where their values are: a panel shows what an alert compares, and with what."""

from __future__ import annotations

from functools import cache

from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

from rules import files
from settings.thresholds import defaults
from settings.vocabulary import Severity

COLORS = {Severity.PAGE: "red", Severity.WARN: "yellow", Severity.INFO: "blue"}
"""Colour of a limit by what happens beyond it; the same on every dashboard."""


@cache
def severities() -> dict[str, Severity]:
    """Return the severity of every alert of rules/, by alert."""
    return {rule["alert"]: Severity(rule["labels"]["severity"]) for rule in files.alerts()}


def steps(*alerts: str) -> ThresholdsConfig:
    """Return thresholds: green, then each alert's default in its colour. A tenant's own may differ.

    Raises:
        KeyError: an alert is not there or has no threshold.
    """
    found = [Threshold(value=defaults()[alert].value, color=COLORS[severities()[alert]]) for alert in alerts]
    found.sort(key=lambda each: each.value or 0.0)
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color="green"), *found])


def drawn(panel: TimeSeries, *alerts: str) -> TimeSeries:
    """Return a panel with a dashed line where each alert begins."""
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(steps(*alerts)).thresholds_style(style)


def drawn_below(panel: TimeSeries, worse: str, bad: str) -> TimeSeries:
    """Return a panel with a dashed line below which each alert begins, the worse one at the lower value."""
    limits = [(None, worse), (defaults()[worse].value, bad), (defaults()[bad].value, None)]
    found = [Threshold(value=value, color=COLORS[severities()[alert]] if alert else "green") for value, alert in limits]
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)).thresholds_style(style)


def coloured(panel: Stat, *alerts: str) -> Stat:
    """Return a number that takes the colour of the alert that it is beyond."""
    return panel.thresholds(steps(*alerts))
