"""The one way to close a backend to everybody but the platform."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from components.values.labels import labels
from components.values.pods import closed_to_tenants
from settings import names


def close(name: str, backend: str, parent: pulumi.Resource) -> NetworkPolicy:
    """Register the NetworkPolicy of a backend; its pods must not start before it is there.

    Args:
        name: name of the component.
        backend: `app.kubernetes.io/name` of the backend's pods.
        parent: the component.
    """
    return NetworkPolicy(
        f"{name}-ingress",
        metadata=ObjectMetaArgs(name=f"{backend}-ingress", namespace=names.NAMESPACE, labels=labels(backend)),
        spec=cast("Any", closed_to_tenants(backend)),
        opts=pulumi.ResourceOptions(parent=parent),
    )
