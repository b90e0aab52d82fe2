"""Who may reach Prometheus and Alertmanager: both hold every tenant's data and ask nobody who they are."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from settings.names import NAMESPACE

PROMETHEUS_PORT = 9090
"""Queries, OTLP and remote write."""
ALERTMANAGER_PORT = 9093
MESH_PORT = 9094
"""Gossip between Alertmanager's replicas, TCP and UDP."""
RELOADER_PORT = 8080
"""Metrics of the configuration reloader beside each."""


def network_policies() -> dict[str, dict[str, Any]]:
    """Return NetworkPolicy specs by name: only pods of the platform's namespace get in.

    Without them any pod of the cluster could query every tenant's metrics, push samples as another tenant, or
    silence another's alerts. Tenants read through the access proxy, which is in the namespace.
    """
    return {
        addresses.PROMETHEUS: _closed(
            {"app.kubernetes.io/name": "prometheus", "operator.prometheus.io/name": addresses.PROMETHEUS},
            [_tcp(PROMETHEUS_PORT), _tcp(RELOADER_PORT)],
        ),
        addresses.ALERTMANAGER: _closed(
            {"app.kubernetes.io/name": "alertmanager", "alertmanager": addresses.ALERTMANAGER},
            [
                _tcp(ALERTMANAGER_PORT),
                _tcp(MESH_PORT),
                {"protocol": "UDP", "port": MESH_PORT},
                _tcp(RELOADER_PORT),
            ],
        ),
    }


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}


def _closed(pods: dict[str, str], ports: list[dict[str, Any]]) -> dict[str, Any]:
    platform = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
    return {
        "podSelector": {"matchLabels": pods},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [platform], "ports": ports}],
    }
