"""Values of the opentelemetry-operator chart."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import pieces
from components.values.context import Context
from components.values.labels import labels
from settings.vocabulary import Workload

CHART = "opentelemetry-operator"


def helm_values(context: Context) -> dict[str, Any]:
    """Return the operator's values.

    CRDs come from the CRD stack. The webhooks' certificate is cert-manager's: one that the chart generates would be
    another at each render. Rights of collectors are written here (`access`), not given out by the operator.
    """
    image, _, tag = pieces.IMAGE.rpartition(":")
    need = context.sizing[Workload.OTEL_OPERATOR]
    shared = {key: value for key, value in labels(addresses.OPERATOR_RELEASE).items() if "part-of" in key}
    return {
        "fullnameOverride": addresses.OPERATOR_RELEASE,
        "replicaCount": need.replicas,
        "additionalLabels": shared,
        "crds": {"create": False},
        "pdb": {"create": need.replicas > 1, "minAvailable": 1},
        "manager": {
            "collectorImage": {"repository": image, "tag": tag},
            "resources": context.resources(Workload.OTEL_OPERATOR),
            "serviceAccount": {"create": True, "name": addresses.OPERATOR_RELEASE},
            "createRbacPermissions": False,
            # Off in the chart; an Instrumentation for Go does nothing without it.
            "autoInstrumentation": {"go": {"enabled": True}},
            "serviceMonitor": {"enabled": True},
            "leaderElection": {"enabled": True},
            "rolling": False,
        },
        "admissionWebhooks": {
            "create": True,
            "failurePolicy": "Fail",
            # A pod of a tenant must start although the operator does not run.
            "pods": {"failurePolicy": "Ignore"},
            "certManager": {"enabled": True},
            "autoGenerateCert": {"enabled": False, "recreate": False},
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
