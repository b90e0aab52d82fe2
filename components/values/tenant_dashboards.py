"""Dashboards of a tenant's own Grafana organization: the region's, without those for who runs the platform."""

from __future__ import annotations

import dataclasses
import re

from components.values.context import Context
from components.values.dashboard_files import DashboardFile, dashboard_files
from components.values.rule_files import runbook_uid
from dashboards import runbook
from dashboards.board import Folder
from dashboards.catalogue import CATALOGUE
from rules import files
from rules.filling import DASHBOARD

FOLDERS = (Folder.SERVICES, Folder.INFRASTRUCTURE, runbook.FOLDER)
"""What a tenant's people read: alerts of theirs lead to services and to what these stand on, and to runbooks."""
_UID = re.compile(r"/d/([A-Za-z0-9_-]+)")
_LINK = re.compile(r"\[([^\]]+)\]\(/d/([A-Za-z0-9_-]+)[^)]*\)")


def tenant_dashboards(context: Context) -> list[DashboardFile]:
    """Return what a tenant's organization holds, in the order of the uids; the same for each tenant.

    No uid, title or query names a tenant: whose data is shown follows from the organization's data sources. Links in
    texts to what is not there become plain words. Pages of alerts that lead to a dashboard of the platform's stay away
    with it.
    """
    kept = [each for each in dashboard_files(context) if each.folder in FOLDERS and each.uid not in _of_platform()]
    known = {each.uid for each in kept}

    def words(found: re.Match[str]) -> str:
        return found[0] if found[2] in known else found[1]

    return [dataclasses.replace(each, text=_LINK.sub(words, each.text)) for each in kept]


def _of_platform() -> set[str]:
    """Return the uids of the runbooks of alerts that lead to a dashboard of the platform's."""
    found = set()
    for rule in files.alerts():
        leads = _UID.search(rule["annotations"].get(DASHBOARD, ""))
        if leads is not None and leads[1] in CATALOGUE and CATALOGUE[leads[1]].folder == Folder.PLATFORM:
            found.add(runbook_uid(rule["alert"]))
    return found
