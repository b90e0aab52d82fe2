"""The dashboards and runbooks as Grafana's sidecar takes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from components.values.context import Context
from components.values.rule_files import GRAFANA, runbook_uid
from dashboards import runbook
from dashboards.catalogue import CATALOGUE
from dashboards.panel_ids import numbered
from rules import files
from settings import names

RUNBOOKS = "runbooks"
"""Together, since pages are many and small, and each object costs an `up` a tenth of a second."""


@dataclass(frozen=True)
class DashboardFile:
    """One dashboard, ready to deliver."""

    uid: str
    """Its uid in Grafana."""
    folder: str
    """Folder in Grafana."""
    text: str
    """Its JSON, keys sorted, so that equal dashboards are equal texts."""

    group: str
    """What is delivered together, as one ConfigMap: a dashboard by itself, all runbooks at once."""

    @property
    def object_name(self) -> str:
        """Name of its ConfigMap."""
        return f"dashboard-{self.group}"


def dashboard_files(context: Context) -> list[DashboardFile]:
    """Return every dashboard and every runbook, in the order of their uids; links lead to the region's Grafana."""
    grafana = names.grafana_url(context.platform, context.name)
    made = [DashboardFile(uid, entry.folder, _text(entry.build()), uid) for uid, entry in CATALOGUE.items()]
    for alert, markdown in files.runbooks().items():
        uid = runbook_uid(alert)
        page = _text(runbook.build(alert, uid, markdown.replace(GRAFANA, grafana)))
        made.append(DashboardFile(uid, runbook.FOLDER, page, RUNBOOKS))
    return sorted(made, key=lambda each: each.uid)


def as_text(model: Any) -> str:
    """Return a built dashboard's JSON, or that of one read from JSON: equal ones are equal texts."""
    return json.dumps(model, cls=JSONEncoder, sort_keys=True, indent=1) + "\n"


def _text(dashboard: Dashboard) -> str:
    """Return the JSON; what comes from files may not be changed where it is shown."""
    return as_text(numbered(dashboard.readonly().build()))
