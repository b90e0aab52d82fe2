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
    gpu,
    grpc_clients,
    kafka,
    kubernetes_workloads,
    logs_explorer,
    platform_overview,
    postgres_connections,
    postgres_queries,
    service_overview,
    slo,
    trace_explorer,
    webhooks,
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
    gpu.UID: Entry(gpu.FOLDER, gpu.build),
    grpc_clients.UID: Entry(grpc_clients.FOLDER, grpc_clients.build),
    kafka.UID: Entry(kafka.FOLDER, kafka.build),
    kubernetes_workloads.UID: Entry(kubernetes_workloads.FOLDER, kubernetes_workloads.build),
    logs_explorer.UID: Entry(logs_explorer.FOLDER, logs_explorer.build),
    platform_overview.UID: Entry(platform_overview.FOLDER, platform_overview.build),
    postgres_connections.UID: Entry(postgres_connections.FOLDER, postgres_connections.build),
    postgres_queries.UID: Entry(postgres_queries.FOLDER, postgres_queries.build),
    service_overview.UID: Entry(service_overview.FOLDER, service_overview.build),
    slo.UID: Entry(slo.FOLDER, slo.build),
    trace_explorer.UID: Entry(trace_explorer.FOLDER, trace_explorer.build),
    webhooks.UID: Entry(webhooks.FOLDER, webhooks.build),
}
"""By uid, which links and bookmarks name: never change one."""
