"""The access proxy's Kubernetes objects: Caddy, and beside it one prom-label-proxy for each API that takes matchers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from components.values import addresses
from components.values.access import caddy, identities
from components.values.context import Context
from settings import names
from settings.vocabulary import Workload

CADDY_IMAGE = "docker.io/library/caddy:2.11.9"
ENFORCER_IMAGE = "quay.io/prometheuscommunity/prom-label-proxy:v0.15.0"
"""Not older than 0.13: those write a query's quoted label names back without their quotes, and a query that has a
second query in such a name then reads every tenant."""
CONFIG_FILE = "caddy.json"
CONFIG_MOUNT = "/etc/caddy"
CONFIG_DIGEST = "observability-platform/config-digest"
"""Annotation of the pods: another configuration is another pod, since Caddy's own way to reload it is off."""
USER = 65532
"""Neither image needs a user of its own; Caddy's would be root."""
_SELECTOR = {"app.kubernetes.io/name": addresses.ACCESS_PROXY}


def config_map_data(context: Context) -> dict[str, str]:
    """Return the ConfigMap's data: Caddy's configuration, which names the files of the tokens and holds none."""
    return {CONFIG_FILE: json.dumps(caddy.config(context), indent=2, sort_keys=True) + "\n"}


def service_spec() -> dict[str, Any]:
    """Return the Service's spec; the pods' own port for health and metrics is not part of it."""
    port = {"name": "http", "port": addresses.ACCESS_PORT, "targetPort": "http", "protocol": "TCP"}
    return {"type": "ClusterIP", "selector": dict(_SELECTOR), "ports": [port]}


def network_policy_spec() -> dict[str, Any]:
    """Return the NetworkPolicy's spec: everybody may ask, since everybody is asked for a token.

    Health and metrics are for the platform's namespace; the kubelet is not subject to policies.
    """
    platform = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": names.NAMESPACE}}}
    return {
        "podSelector": {"matchLabels": dict(_SELECTOR)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": addresses.ACCESS_PORT}]},
            {"from": [platform], "ports": [{"protocol": "TCP", "port": caddy.INTERNAL_PORT}]},
        ],
    }


def disruption_budget_spec(context: Context) -> dict[str, Any] | None:
    """Return the PodDisruptionBudget's spec; None for a single pod, which one would keep on its node for ever."""
    if context.sizing[Workload.ACCESS_PROXY].replicas < 2:
        return None
    return {"maxUnavailable": 1, "selector": {"matchLabels": dict(_SELECTOR)}}


def deployment_spec(context: Context) -> dict[str, Any]:
    """Return the Deployment's spec."""
    digest = hashlib.sha256(json.dumps(config_map_data(context), sort_keys=True).encode()).hexdigest()
    return {
        "replicas": context.sizing[Workload.ACCESS_PROXY].replicas,
        "selector": {"matchLabels": dict(_SELECTOR)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            "metadata": {
                "labels": dict(_SELECTOR),
                "annotations": {
                    CONFIG_DIGEST: digest,
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": str(caddy.INTERNAL_PORT),
                },
            },
            "spec": _pod(context),
        },
    }


def _pod(context: Context) -> dict[str, Any]:
    return {
        "serviceAccountName": addresses.ACCESS_PROXY,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # shutdown_delay and grace_period of Caddy's configuration, and a little more.
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(_SELECTOR)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [
            _caddy(context),
            _enforcer(context, "prometheus", caddy.PROMETHEUS_ENFORCER, addresses.prometheus_url()),
            _enforcer(context, "alertmanager", caddy.ALERTMANAGER_ENFORCER, addresses.alertmanager_url()),
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": addresses.ACCESS_PROXY}},
            {"name": "tokens", "secret": {"secretName": addresses.ACCESS_TOKENS_SECRET, "defaultMode": 0o440}},
            # Caddy keeps an instance's id here; certificates, its usual content, are nobody's here.
            {"name": "data", "emptyDir": {"sizeLimit": "16Mi"}},
        ],
    }


def _caddy(context: Context) -> dict[str, Any]:
    return {
        "name": "caddy",
        "image": CADDY_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["caddy"],
        "args": ["run", "--config", f"{CONFIG_MOUNT}/{CONFIG_FILE}"],
        "env": [{"name": name, "value": "/data"} for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")],
        "ports": [
            {"name": "http", "containerPort": addresses.ACCESS_PORT, "protocol": "TCP"},
            {"name": "internal", "containerPort": caddy.INTERNAL_PORT, "protocol": "TCP"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "internal"}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "internal"}, "periodSeconds": 5},
        "resources": context.resources(Workload.ACCESS_PROXY),
        # The image's binary carries this capability as a file's, and does not start where it cannot have it.
        "securityContext": _confined(add=["NET_BIND_SERVICE"]),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True},
            {"name": "tokens", "mountPath": identities.MOUNT, "readOnly": True},
            {"name": "data", "mountPath": "/data"},
        ],
    }


def _enforcer(context: Context, name: str, listen: str, upstream: str) -> dict[str, Any]:
    """Return a prom-label-proxy: it adds the tenant's matcher to what passes, and refuses another tenant's.

    Its probe goes through Caddy, since it listens on loopback only.
    """
    return {
        "name": f"enforcer-{name}",
        "image": ENFORCER_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"-insecure-listen-address={listen}",
            f"-upstream={upstream}",
            f"-label={names.TENANT_LABEL}",
            f"-header-name={caddy.ORG_HEADER}",
            "-enable-label-apis",
            # An answer for one's own tenant to a question for another would be taken for the other's.
            "-error-on-replace",
        ],
        "readinessProbe": {
            "httpGet": {"path": f"/healthz/{name}", "port": caddy.INTERNAL_PORT},
            "periodSeconds": 5,
        },
        "resources": context.resources(Workload.PROM_LABEL_PROXY),
        "securityContext": _confined(),
    }


def _confined(add: list[str] | None = None) -> dict[str, Any]:
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if add:
        capabilities["add"] = add
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": capabilities,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
