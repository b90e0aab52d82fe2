"""Every dashboard, with the folder that it is found in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import (
    alerts_silences,
    cardinality,
    collector_pipeline,
    cost_volume,
    logs_explorer,
    platform_overview,
    service_overview,
    slo,
    trace_explorer,
)


@dataclass(frozen=True)
class Entry:
    """One dashboard of the catalogue."""

    folder: str
    """Folder in Grafana."""
    build: Callable[[], Dashboard]
    """Makes it."""


CATALOGUE = {
    alerts_silences.UID: Entry(alerts_silences.FOLDER, alerts_silences.build),
    cardinality.UID: Entry(cardinality.FOLDER, cardinality.build),
    collector_pipeline.UID: Entry(collector_pipeline.FOLDER, collector_pipeline.build),
    cost_volume.UID: Entry(cost_volume.FOLDER, cost_volume.build),
    logs_explorer.UID: Entry(logs_explorer.FOLDER, logs_explorer.build),
    platform_overview.UID: Entry(platform_overview.FOLDER, platform_overview.build),
    service_overview.UID: Entry(service_overview.FOLDER, service_overview.build),
    slo.UID: Entry(slo.FOLDER, slo.build),
    trace_explorer.UID: Entry(trace_explorer.FOLDER, trace_explorer.build),
}
"""By uid, which links and bookmarks name: never change one."""
