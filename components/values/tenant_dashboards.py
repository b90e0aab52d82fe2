"""Dashboards of a tenant's own Grafana organization: the region's, without those for who runs the platform."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from components.values.context import Context
from components.values.dashboard_files import DashboardFile, as_text, dashboard_files
from components.values.rule_files import runbook_uid
from dashboards import runbook
from dashboards.board import Folder
from dashboards.catalogue import CATALOGUE
from rules import files

FOLDERS = (Folder.SERVICES, Folder.INFRASTRUCTURE, runbook.FOLDER)
"""What a tenant's people read: alerts of theirs lead to services and to what these stand on, and to runbooks."""
WIDTH: Final = 24
"""Columns of Grafana's grid."""
_OF_PLATFORM = re.compile(r"\b(?:alertmanager|kube_node|loki|tempo)_\w+")
"""Metrics of what runs in no tenant's namespace: the access proxy answers nobody but the platform with them."""
_LINK = re.compile(r"\[([^\]]+)\]\(/d/([A-Za-z0-9_-]+)[^)]*\)")


def tenant_dashboards(context: Context) -> list[DashboardFile]:
    """Return what a tenant's organization holds, in the order of the uids; the same for each tenant.

    No uid, title or query names a tenant: whose data is shown follows from the organization's data sources. Links in
    texts to what is not there become plain words. Pages of alerts that lead to a dashboard of the platform's stay away
    with it, and so do panels that ask for nothing but what is the platform's.
    """
    kept = [each for each in dashboard_files(context) if each.folder in FOLDERS and each.uid not in _of_platform()]
    known = {each.uid for each in kept}

    def words(found: re.Match[str]) -> str:
        return found[0] if found[2] in known else found[1]

    return [dataclasses.replace(each, text=_LINK.sub(words, _of_tenants(each.text))) for each in kept]


def _of_tenants(text: str) -> str:
    """Return a dashboard without the panels that would stay empty; what stands beside one takes its place."""
    model = json.loads(text)
    lines: dict[int, list[dict[str, Any]]] = {}
    for panel in model["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel)
    top, panels = 0, []
    for _, line in sorted(lines.items()):
        kept = [panel for panel in line if not _is_platforms(panel)]
        if len(kept) < len(line):
            for number, panel in enumerate(kept):
                panel["gridPos"] |= {"x": number * WIDTH // len(kept), "w": WIDTH // len(kept)}
        for panel in kept:
            panel["gridPos"]["y"] = top
        top += max((panel["gridPos"]["h"] for panel in kept), default=0)
        panels += kept
    return as_text({**model, "panels": panels})


def _is_platforms(panel: Mapping[str, Any]) -> bool:
    """Return whether every query of a panel asks for what is the platform's."""
    asked = [each.get("expr", "") for each in panel.get("targets") or []]
    return bool(asked) and all(_OF_PLATFORM.search(each) for each in asked)


def _of_platform() -> set[str]:
    """Return the uids of the runbooks of alerts that lead to a dashboard of the platform's."""
    leads = files.dashboards().items()
    return {runbook_uid(alert) for alert, uid in leads if uid in CATALOGUE and CATALOGUE[uid].folder == Folder.PLATFORM}
