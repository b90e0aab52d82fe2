"""Every dashboard, with the folder that it is found in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import service_overview, slo


@dataclass(frozen=True)
class Entry:
    """One dashboard of the catalogue."""

    folder: str
    """Folder in Grafana."""
    build: Callable[[], Dashboard]
    """Makes it."""


CATALOGUE = {
    service_overview.UID: Entry(service_overview.FOLDER, service_overview.build),
    slo.UID: Entry(slo.FOLDER, slo.build),
}
"""By uid, which links and bookmarks name: never change one."""
