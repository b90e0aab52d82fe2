"""A runbook as a dashboard, so that an alert's link leads to a page wherever the alert does."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import page

FOLDER = "Runbooks"


def build(alert: str, uid: str, markdown: str) -> Dashboard:
    """Return the page of one alert.

    Args:
        alert: the alert's name, the title.
        uid: what the alert's runbook_url ends with.
        markdown: the text of runbooks/<alert>.md.
    """
    return Dashboard(f"Runbook: {alert}").uid(uid).tags(["platform", "runbook"]).with_panel(page(markdown))
