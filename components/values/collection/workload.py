"""What the specs of the three OpenTelemetryCollector resources share."""

from __future__ import annotations

from typing import Any

from components.values.collection import pieces
from components.values.collection.pieces import Config
from components.values.context import Context
from settings.vocabulary import Workload

API_VERSION = "opentelemetry.io/v1beta1"
KIND = "OpenTelemetryCollector"
COMPONENT = "opentelemetry-collector"
USER = 10001
"""The image's own user."""


def common(context: Context, workload: Workload, config: Config) -> dict[str, Any]:
    """Return what each collector's spec holds: image, resources, probes, self-telemetry, configuration.

    upgradeStrategy none: the image is pinned here, and an operator that rewrites the spec would be a drift of each
    preview.
    """
    return {
        "image": pieces.IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "managementState": "managed",
        "upgradeStrategy": "none",
        "resources": context.resources(workload),
        # A gateway needs its decision window and its queues written before it goes.
        "terminationGracePeriodSeconds": 60,
        "observability": {"metrics": {"enableMetrics": True, "disablePrometheusAnnotations": True}},
        "livenessProbe": {"initialDelaySeconds": 15, "periodSeconds": 15, "failureThreshold": 6},
        "readinessProbe": {"initialDelaySeconds": 3, "periodSeconds": 5},
        "config": config,
    }


def environment(context: Context, workload: Workload) -> list[dict[str, Any]]:
    """Return the environment of a collector: Go collects rarely, and at the latest before memory_limiter refuses.

    A collector holds little between two batches, so that Go by its default (GOGC=100) collects many times a second. It
    may let garbage grow to four times what is in use here, up to where memory_limiter's soft limit begins: a sixth less
    processor time for traces than at twice (bench/throughput.py), and eight times gains nothing more.
    """
    limiter = pieces.memory_limiter(context, workload)
    soft = limiter["limit_mib"] - limiter["spike_limit_mib"]
    return [{"name": "GOMEMLIMIT", "value": f"{soft}MiB"}, {"name": "GOGC", "value": "400"}]


def restricted() -> dict[str, Any]:
    """Return the security contexts that Pod Security's restricted level asks for."""
    return {
        "podSecurityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def volume(context: Context, size: str) -> dict[str, Any]:
    """Return a StatefulSet's volume for the queues, which outlives the pod and the StatefulSet."""
    claim: dict[str, Any] = {
        "metadata": {"name": "state"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }
    if context.region.cluster.storage_class is not None:
        claim["spec"]["storageClassName"] = context.region.cluster.storage_class
    return {
        "volumeClaimTemplates": [claim],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "volumeMounts": [{"name": "state", "mountPath": pieces.STATE}],
    }


def pods(name: str, namespace: str) -> dict[str, Any]:
    """Return the selector of a collector's pods.

    By the operator's own selector labels: `app.kubernetes.io/name` is the resource's own where it has one.

    Args:
        name: name of the OpenTelemetryCollector.
        namespace: its namespace.
    """
    return {
        "matchLabels": {
            "app.kubernetes.io/component": COMPONENT,
            "app.kubernetes.io/instance": f"{namespace}.{name}",
        }
    }


def spread(name: str, namespace: str) -> dict[str, Any]:
    """Return how a collector's replicas are spread over zones and nodes."""
    selector = pods(name, namespace)
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector,
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]
    }
