"""What the pods of both backends share: where they run, and as whom."""

from __future__ import annotations

from typing import Any, Final

from components.values.context import Context
from settings import names
from settings.vocabulary import Pillar, WorkloadIdentity

LEFT_BEHIND: Final = {"pulumi.com/deletionPropagationPolicy": "orphan"}
"""Annotations of every StatefulSet of a chart: its pods and volumes live through a replacement of the StatefulSet."""


def role_annotation(context: Context, pillar: Pillar) -> dict[str, str]:
    """Return what ties a ServiceAccount to its role: an annotation with IRSA, nothing with Pod Identity."""
    if context.region.cluster.identity is WorkloadIdentity.IRSA:
        return {"eks.amazonaws.com/role-arn": names.role_arn(context.platform, context.name, pillar)}
    return {}


def spread(name: str, instance: str, component: str, strict: bool) -> list[dict[str, Any]]:
    """Return how a workload's pods are spread over zones and nodes.

    Args:
        name: `app.kubernetes.io/name` of the pods.
        instance: their release.
        component: their `app.kubernetes.io/component`.
        strict: rather leave a pod unscheduled than put two more on one node than on another: for pods that hold
            the only copies of recent data.
    """
    labels = {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/name": name,
    }
    keys = {
        "topology.kubernetes.io/zone": "ScheduleAnyway",
        "kubernetes.io/hostname": "DoNotSchedule" if strict else "ScheduleAnyway",
    }
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": otherwise,
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for key, otherwise in keys.items()
    ]


def closed_to_tenants(name: str) -> dict[str, Any]:
    """Return the NetworkPolicy spec that lets only the platform's own pods reach a backend.

    A backend believes the X-Scope-OrgID of a request. Whoever reached it past the collectors and the access proxy
    could write and read as any tenant; tenants' pods run in other namespaces.

    Args:
        name: `app.kubernetes.io/name` of the backend's pods.
    """
    platform = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": names.NAMESPACE}}}
    return {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [platform]}],
    }
