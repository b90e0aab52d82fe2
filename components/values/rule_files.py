"""The rules of rules/, with the addresses and thresholds of a region filled in, and those that settings make."""

from __future__ import annotations

from typing import Any

from components.values import thresholds
from components.values.context import Context
from dashboards import alert_panels
from rules import files
from rules.filling import GRAFANA, RUNBOOK, THRESHOLD, UID_MAX, filled, runbook_uid
from settings import names
from settings.vocabulary import Integration

__all__ = ["GRAFANA", "PLACE_HOLDERS", "UID_MAX", "everywhere", "rule_files", "runbook_uid"]

PLACE_HOLDERS = (GRAFANA, RUNBOOK, THRESHOLD)
INTEGRATIONS = {
    "gpu": {Integration.GPU},
    "kafka": {Integration.KAFKA_JMX},
    "postgres": {Integration.CLOUDNATIVE_PG, Integration.POSTGRES_EXPORTER},
    "postgres-baselines": {Integration.CLOUDNATIVE_PG, Integration.POSTGRES_EXPORTER},
    "postgres-queries": {Integration.CLOUDNATIVE_PG, Integration.POSTGRES_EXPORTER},
    "rabbitmq": {Integration.RABBITMQ},
}
"""Areas that ship only where one of these exporters is scraped: elsewhere their rules could never fire."""


def rule_files(context: Context) -> dict[str, dict[str, Any]]:
    """Return every rule file that ships to a region, by area: a PrometheusRule's spec and promtool's file alike.

    Raises:
        ValueError: an alert's name makes a uid that Grafana refuses, or a threshold has no default.
    """
    on = set(context.region.integrations)
    return {
        area: document
        for area, document in everywhere(context).items()
        if area not in INTEGRATIONS or INTEGRATIONS[area] & on
    }


def everywhere(context: Context) -> dict[str, dict[str, Any]]:
    """Return every rule file with a region's addresses and thresholds, whether it ships there or not."""
    grafana = names.grafana_url(context.platform, context.name)
    own = thresholds.thresholds(context)
    panels = alert_panels.by_alert()
    documents = {area: filled(document, grafana, own, panels) for area, document in files.documents().items()}
    return {**documents, thresholds.AREA: thresholds.recordings(context)}
