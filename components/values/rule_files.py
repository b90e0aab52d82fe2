"""The rules of rules/, with the addresses of a region filled in."""

from __future__ import annotations

from typing import Any

import yaml

from components.values.context import Context
from rules import files
from settings import names

GRAFANA = "@GRAFANA@"
"""Stands in a rule file for the address of the region's Grafana."""
RUNBOOK = "@RUNBOOK@"
"""Stands in an alert for the address of its own runbook."""
PLACE_HOLDERS = (GRAFANA, RUNBOOK)
UID_MAX = 40
"""Grafana's limit on a dashboard's uid."""


def rule_files(context: Context) -> dict[str, dict[str, Any]]:
    """Return every rule file as it ships, by area: the spec of a PrometheusRule and a file for promtool alike.

    Raises:
        ValueError: an alert's name makes a uid that Grafana refuses.
    """
    return {area: filled(context, yaml.safe_load(text)) for area, text in files.sources().items()}


def filled(context: Context, document: dict[str, Any]) -> dict[str, Any]:
    """Return a rule file with the annotations of its alerts filled in."""
    grafana = names.grafana_url(context.platform, context.name)

    def rule(given: dict[str, Any]) -> dict[str, Any]:
        if "alert" not in given:
            return given
        page = f"{grafana}/d/{runbook_uid(given['alert'])}"
        annotations = {
            key: value.replace(GRAFANA, grafana).replace(RUNBOOK, page) for key, value in given["annotations"].items()
        }
        return {**given, "annotations": annotations}

    return {"groups": [{**group, "rules": [rule(each) for each in group["rules"]]} for group in document["groups"]]}


def runbook_uid(alert: str) -> str:
    """Return the uid of the dashboard that shows an alert's runbook.

    Runbooks are delivered with the dashboards, so that the page of an alert is there wherever the alert is.

    Raises:
        ValueError: the uid is longer than Grafana takes.
    """
    uid = f"runbook-{alert.lower()}"
    if len(uid) > UID_MAX:
        longest = UID_MAX - len("runbook-")
        raise ValueError(f"alert {alert} has {len(alert)} characters; allowed: {longest}; fix: shorten its name")
    return uid
