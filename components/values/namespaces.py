"""The two namespaces of the platform, and what Pod Security lets run in each."""

from __future__ import annotations

from components.values.context import Context
from components.values.labels import labels
from settings import names

POD_SECURITY_VERSION = "v1.34"
"""The Pod Security Standards in force: pinned, so that a cluster upgrade cannot start to refuse running pods.

The oldest Kubernetes with upstream support in November 2026.
"""
LEVELS = {names.NAMESPACE: "restricted", names.NODE_NAMESPACE: "privileged"}
"""Pod Security level by namespace. Only what must see the node (log files, node metrics) is privileged."""


def claim(context: Context) -> dict[str, str]:
    """Return the annotations of both namespaces.

    They claim the cluster for the stack, so that a second stack that is pointed at it by mistake is refused before
    it touches anything.
    """
    return {names.CLAIM_ANNOTATION: names.stack(context.environment, context.name)}


def namespace_labels(namespace: str) -> dict[str, str]:
    """Return the labels of a namespace, its Pod Security level among them."""
    prefix = "pod-security.kubernetes.io"
    found = labels(namespace)
    for mode in ("enforce", "audit", "warn"):
        found[f"{prefix}/{mode}"] = LEVELS[namespace]
        found[f"{prefix}/{mode}-version"] = POD_SECURITY_VERSION
    return found
