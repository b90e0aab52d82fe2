"""What collectors may read from the API server, and who may reach the gateways."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import pieces, workload
from components.values.context import Context
from settings import names
from settings.vocabulary import Integration

_READ = ["get", "list", "watch"]
COLLECTORS = {
    addresses.AGENT: names.NODE_NAMESPACE,
    addresses.GATEWAY: names.NAMESPACE,
    addresses.CLUSTER: names.NAMESPACE,
}
"""Namespace of each OpenTelemetryCollector, by name."""


def service_account(collector: str) -> str:
    """Return the name of a collector's service account."""
    return f"{collector}-collector"


def rules(context: Context, collector: str) -> list[dict[str, Any]]:
    """Return the rules of a collector's ClusterRole; empty for one that asks the API server nothing.

    The agent: pods and namespaces for k8s_attributes, ReplicaSets for the Deployment behind a pod. The cluster
    collector: events, and pods to find Kafka's JMX exporters where the region has them.
    """
    if collector == addresses.AGENT:
        return [
            {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": _READ},
            {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": _READ},
        ]
    if collector == addresses.CLUSTER:
        found = [{"apiGroups": [""], "resources": ["events", "namespaces"], "verbs": _READ}]
        if Integration.KAFKA_JMX in context.region.integrations:
            found.append({"apiGroups": [""], "resources": ["pods"], "verbs": _READ})
        return found
    return []


def _pods(collector: str) -> dict[str, Any]:
    return workload.pods(collector, COLLECTORS[collector])


def _from(collector: str) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": COLLECTORS[collector]}},
        "podSelector": _pods(collector),
    }


def gateway_network_policy() -> dict[str, Any]:
    """Return the NetworkPolicy spec that lets only agents and the cluster collector write to the gateways.

    The gateways take the tenant from the resource, which the agents have set. Who could reach a gateway past the
    agents could write as any tenant.
    """
    writers = [_from(addresses.AGENT), _from(addresses.CLUSTER)]
    return {
        "podSelector": _pods(addresses.GATEWAY),
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": writers, "ports": [{"protocol": "TCP", "port": addresses.OTLP_GRPC}]},
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": names.NAMESPACE}}}],
                "ports": [{"protocol": "TCP", "port": pieces.METRICS_PORT}],
            },
        ],
    }
