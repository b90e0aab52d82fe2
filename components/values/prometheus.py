"""Helm values of Prometheus itself, as part of kube-prometheus-stack."""

from __future__ import annotations

from typing import Any

from components.values import addresses, scraping
from components.values.context import Context
from settings import names
from settings.vocabulary import Severity, Workload

RETENTION_SHARE = 0.85
"""Share of the volume that blocks may take: the head, its write-ahead log and compaction need the rest."""
OUT_OF_ORDER_WINDOW = "2h"
"""How late a pushed sample may come: what a collector's queue held while a Prometheus replica was away."""
MAX_EXEMPLARS = 100_000
"""In-memory exemplars, about 100 bytes each."""
PROMOTED_RESOURCE_ATTRIBUTES = (
    names.TENANT_LABEL,
    names.REGION_LABEL,
    names.CLUSTER_LABEL,
    names.ENVIRONMENT_LABEL,
    "service.name",
    "service.namespace",
    "service.version",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "k8s.node.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
)
"""Resource attributes that become labels of pushed metrics. The first four are set by the collectors, never by apps."""
FOREIGN_SEVERITIES = {"critical": Severity.PAGE, "warning": Severity.WARN, "none": Severity.INFO}
"""What rules of other hands (the chart's, a tenant's) call their severities."""


def helm_values(context: Context) -> dict[str, Any]:
    """Return the chart's `prometheus` values."""
    replicas = context.sizing[Workload.PROMETHEUS].replicas
    return {
        "serviceAccount": {"create": True, "name": addresses.PROMETHEUS},
        "podDisruptionBudget": {"enabled": replicas > 1, "minAvailable": 1},
        "prometheusSpec": {
            **_scraping(context),
            **_ingest(context),
            **_storage(context),
            **_placement(replicas),
            "externalLabels": context.identity,
            # Taken off alerts by the operator, and off series by a long-term store.
            "replicaExternalLabelName": scraping.REPLICA_LABEL,
            "prometheusExternalLabelNameClear": True,
            "replicas": replicas,
            "shards": 1,
            "resources": context.resources(Workload.PROMETHEUS),
            "additionalAlertRelabelConfigs": severity_relabelings(),
        },
    }


def severity_relabelings() -> list[dict[str, Any]]:
    """Return alert relabelings after which a severity is page, warn or info, or missing.

    On the way out of Prometheus, so that one mapping serves every rule, and routes and inhibitions know one
    vocabulary.
    """
    return [
        {
            "source_labels": ["severity"],
            "regex": foreign,
            "target_label": "severity",
            "replacement": str(own),
            "action": "replace",
        }
        for foreign, own in FOREIGN_SEVERITIES.items()
    ]


def _scraping(context: Context) -> dict[str, Any]:
    """Every monitor of every namespace, with the platform's scrape class by default."""
    open_to_all: dict[str, Any] = {}
    for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule"):
        open_to_all[f"{kind}SelectorNilUsesHelmValues"] = False
        open_to_all[f"{kind}Selector"] = {}
        open_to_all[f"{kind}NamespaceSelector"] = {}
    return {
        **open_to_all,
        "scrapeInterval": "30s",
        "scrapeTimeout": "10s",
        "evaluationInterval": "30s",
        "scrapeClasses": [scraping.scrape_class(context)],
        # kubelet, cAdvisor and kube-state-metrics speak of other namespaces than their own and rely on honorLabels;
        # tenants' monitors are held to honorLabels: false by the admission policy.
        "overrideHonorLabels": False,
        "scrapeNativeHistograms": True,
        # Rules and dashboards read classic buckets, so they are kept beside native ones.
        "scrapeClassicHistograms": True,
    }


def _ingest(context: Context) -> dict[str, Any]:
    """Receivers for pushed metrics, and the long-term store when there is one."""
    values: dict[str, Any] = {
        "enableOTLPReceiver": True,
        "otlp": {
            "promoteResourceAttributes": list(PROMOTED_RESOURCE_ATTRIBUTES),
            "translationStrategy": "UnderscoreEscapingWithSuffixes",
            "keepIdentifyingResourceAttributes": True,
        },
        # Tempo's metrics generator knows no OTLP.
        "enableRemoteWriteReceiver": True,
        # Deltas need no feature here: the collectors add them up, where they still arrive in order.
        "enableFeatures": ["exemplar-storage"],
        "exemplars": {"maxSize": MAX_EXEMPLARS},
    }
    store = context.region.remote_write
    if store is not None:
        values["remoteWrite"] = [
            {
                "name": "long-term-store",
                "url": store.url,
                "basicAuth": {
                    key: {"name": addresses.REMOTE_WRITE_SECRET, "key": key} for key in ("username", "password")
                },
                "sendExemplars": True,
                "sendNativeHistograms": True,
            }
        ]
    return values


def _storage(context: Context) -> dict[str, Any]:
    volume = context.sizing[Workload.PROMETHEUS].volume
    assert volume is not None, "sizing gives Prometheus a volume"  # noqa: S101 - narrows the type; sizing tests it
    return {
        "retention": str(context.platform.retention.metrics),
        "retentionSize": f"{int(volume.mebibytes * RETENTION_SHARE)}MiB",
        "tsdb": {"outOfOrderTimeWindow": OUT_OF_ORDER_WINDOW},
        "storageSpec": {"volumeClaimTemplate": volume_claim(context, str(volume))},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    }


def volume_claim(context: Context, size: str) -> dict[str, Any]:
    """Return a volume claim template of the region's storage class."""
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if context.region.cluster.storage_class is not None:
        spec["storageClassName"] = context.region.cluster.storage_class
    return {"spec": spec}


def _placement(replicas: int) -> dict[str, Any]:
    return placement("prometheus", addresses.PROMETHEUS, replicas)


def placement(kind: str, name: str, replicas: int) -> dict[str, Any]:
    """Return how replicas that the operator makes are spread: never two on a node, zones evenly where possible.

    Args:
        kind: `prometheus` or `alertmanager`.
        name: name of the resource.
        replicas: pods; one alone needs no rule.
    """
    if replicas == 1:
        return {"podAntiAffinity": ""}
    return {
        "podAntiAffinity": "hard",
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": kind, kind: name}},
            }
        ],
    }
