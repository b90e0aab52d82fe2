"""Whose a signal is: the producer's claim removed, the tenant taken from the namespace.

A producer may write any attribute, the names of its namespace and pod among them. k8s_attributes keeps what it finds,
so what it is to say must be removed before it, and it must then find the pod by the address that the connection comes
from. A pod of the host's network has no address of its own: its signals are the platform's, never another tenant's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from components.values.collection.pieces import RESERVED, Config, attribute, ottl
from components.values.context import Context
from settings import names

NODE_VARIABLE = "K8S_NODE_NAME"
"""Environment variable of the agent with the name of its node."""
CLAIMED_KUBERNETES = (
    "cluster",
    "cronjob",
    "daemonset",
    "deployment",
    "job",
    "namespace",
    "node",
    "pod",
    "replicaset",
    "statefulset",
)
"""Groups of k8s.* attributes that say where a signal comes from. k8s.container.* stays: it tells a pod's containers
apart and grants nothing."""
METADATA = [
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.node.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "k8s.container.name",
    "container.image.name",
    "container.image.tag",
    "service.namespace",
    "service.name",
    "service.version",
    "service.instance.id",
]
"""What is added where a producer has not said it; service.* by the rules of the semantic conventions."""
NAMESPACE = attribute("k8s.namespace.name")
_WAIT = "60s"


def without_claims(resource: bool = True) -> Config:
    """Return the transform that removes what only the platform may say.

    Args:
        resource: also from resources. False where the resource was made by the collector itself.
    """
    reserved = f"^({'|'.join(RESERVED)})$"
    kubernetes = rf"^k8s\.({'|'.join(CLAIMED_KUBERNETES)})\."

    def remove(owner: str, pattern: str) -> str:
        return f"delete_matching_keys({owner}.attributes, {ottl(pattern)})"

    of_resource = [remove("resource", reserved), remove("resource", kubernetes)] if resource else []
    blocks: dict[str, list[Config]] = {}
    for signal, record in (("trace", "span"), ("metric", "datapoint"), ("log", "log")):
        records = {"context": record, "statements": [remove(record, reserved)]}
        resources = {"context": "resource", "statements": of_resource}
        blocks[f"{signal}_statements"] = [resources, records] if resource else [records]
    return {"error_mode": "propagate", **blocks}


def kubernetes_attributes(sources: Sequence[Config]) -> Config:
    """Return the k8s_attributes processor: where a signal comes from, by the API server's word.

    It knows the pods of its own node only, which is all that a node's agent can hear of, and keeps the collector
    from starting until it knows them: signals before that would all be the platform's.

    Args:
        sources: how a pod is found, by one rule.
    """
    return {
        "auth_type": "serviceAccount",
        "filter": {"node_from_env_var": NODE_VARIABLE},
        "wait_for_metadata": True,
        "wait_for_metadata_timeout": _WAIT,
        "extract": {"metadata": METADATA},
        "pod_association": [{"sources": list(sources)}],
    }


def tenant_statements(context: Context) -> list[str]:
    """Return the statements that set the tenant from the namespace: one per tenant, the platform for the rest."""
    tenant = attribute(names.TENANT_LABEL)
    return [
        f"set({tenant}, {ottl(names.PLATFORM_TENANT)})",
        *(
            f"set({tenant}, {ottl(name)}) where ContainsValue({ottl(entry.namespaces)}, {NAMESPACE})"
            for name, entry in context.tenants.items()
        ),
    ]


def region_statements(context: Context) -> list[str]:
    """Return the statements that set region, cluster and environment."""
    return [f"set({attribute(key)}, {ottl(value)})" for key, value in context.identity.items()]


def assigned(context: Context) -> Config:
    """Return the transform that says whose a signal is and which region, cluster and environment it is of.

    Two pods of a service must not write the same series, so a service instance that nobody has named is its pod.
    """
    instance, pod, service = (attribute(key) for key in ("service.instance.id", "k8s.pod.name", "service.name"))
    lines = [
        *tenant_statements(context),
        *region_statements(context),
        # What nobody can name, as from the host's network, would have no job either, by which rules tell what they
        # recorded themselves. The name is that of OpenTelemetry's conventions.
        f'set({service}, "unknown_service") where {service} == nil or {service} == ""',
        f"set({instance}, {pod}) where {instance} == nil and {pod} != nil",
    ]
    block = [{"context": "resource", "statements": lines}]
    return {"error_mode": "propagate", **{f"{signal}_statements": block for signal in ("trace", "metric", "log")}}


def spelled_like(label: str) -> str:
    """Return the pattern (not anchored) of names that Prometheus writes as this label: user_id is also user.id.

    https://prometheus.io/docs/guides/opentelemetry: each character outside [a-zA-Z0-9_] becomes an underscore.
    """
    return '[^a-zA-Z0-9"]+'.join(re.escape(part) for part in re.split("[^a-zA-Z0-9]+", label))
