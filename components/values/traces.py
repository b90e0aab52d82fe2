"""Tempo: one process in dev, one workload per role elsewhere, the same configuration in both."""

from __future__ import annotations

from typing import Any

import yaml

from components.values import traces_config
from components.values.addresses import TRACES_RELEASE
from components.values.context import Context
from components.values.iam import SERVICE_ACCOUNTS
from components.values.pods import LEFT_BEHIND, role_annotation, spread
from settings.problem import Problem, SettingsError
from settings.vocabulary import Pillar, TempoEngine, Workload

SINGLE = "tempo"
DISTRIBUTED = "tempo-distributed"
REPLICATION_FACTOR = 3
_SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
_ROLES = {
    "compactor": Workload.TEMPO_COMPACTOR,
    "distributor": Workload.TEMPO_DISTRIBUTOR,
    "ingester": Workload.TEMPO_INGESTER,
    "metricsGenerator": Workload.TEMPO_METRICS_GENERATOR,
    "querier": Workload.TEMPO_QUERIER,
    "queryFrontend": Workload.TEMPO_QUERY_FRONTEND,
}
_COMPONENT = {"metricsGenerator": "metrics-generator", "queryFrontend": "query-frontend"}
"""The chart's `app.kubernetes.io/component` where it is not the key itself."""


def chart(context: Context) -> str:
    """Return the chart of the topology in force."""
    return DISTRIBUTED if context.distributed else SINGLE


def helm_values(context: Context) -> dict[str, Any]:
    """Return the values of that chart.

    Raises:
        SettingsError: the region asks for Tempo 3, for which no chart is pinned.
    """
    require_engine(context)
    return _distributed(context) if context.distributed else _single(context)


def require_engine(context: Context) -> None:
    """Refuse an engine that nothing here can run.

    Raises:
        SettingsError: the region asks for Tempo 3, for which no chart is pinned.
    """
    if context.region.traces.engine is TempoEngine.TEMPO3_KAFKA:
        problem = Problem(
            f"regions.{context.name}.traces.engine",
            f"is '{TempoEngine.TEMPO3_KAFKA}', whose write path needs {DISTRIBUTED} 3.x, and charts.yaml pins 2.x only",
            f"{TempoEngine.TEMPO2}",
            f"choose engine: {TempoEngine.TEMPO2} and remove traces.kafka; docs/decisions/tempo-stays-on-2.md says "
            "what a move to 3.x takes",
        )
        raise SettingsError([problem], "traces")


def _shared(context: Context) -> dict[str, Any]:
    return {
        "fullnameOverride": TRACES_RELEASE,
        "serviceAccount": {
            "create": True,
            "name": SERVICE_ACCOUNTS[Pillar.TRACES],
            "annotations": role_annotation(context, Pillar.TRACES),
            "automountServiceAccountToken": False,
        },
    }


def _single(context: Context) -> dict[str, Any]:
    """Return the values of the chart `tempo`.

    The whole configuration is given: the chart's own has no place for some of it, and always turns Jaeger's
    receivers on. Their empty ports stay in the values because the chart's Service reads them.
    """
    need = context.sizing[Workload.TEMPO_SINGLE_BINARY]
    container = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    jaeger = {key: {"endpoint": None} for key in ("grpc", "thrift_binary", "thrift_compact", "thrift_http")}
    return {
        **_shared(context),
        "annotations": LEFT_BEHIND,
        "replicas": need.replicas,
        "config": yaml.safe_dump(traces_config.config(context, "/conf/overrides.yaml"), sort_keys=True),
        "tempo": {
            "memBallastSizeMbs": 0,
            "extraEnv": [{"name": "GOMEMLIMIT", "value": f"{need.memory.mebibytes * 85 // 100}MiB"}],
            "resources": context.resources(Workload.TEMPO_SINGLE_BINARY),
            "securityContext": container,
            "metricsGenerator": {"enabled": True},
            "receivers": {"jaeger": {"protocols": jaeger}},
            "per_tenant_overrides": traces_config.overrides(context),
        },
        "securityContext": _SECCOMP,
        "persistence": {
            "enabled": True,
            "size": str(need.volume),
            "storageClassName": context.region.cluster.storage_class,
        },
        "serviceMonitor": {"enabled": True, "interval": "30s", "scrapeTimeout": "10s"},
    }


def _distributed(context: Context) -> dict[str, Any]:
    cache = context.sizing[Workload.TEMPO_CACHE]
    roles = {key: _workload(context, key, workload) for key, workload in _ROLES.items()}
    ingesters = context.sizing[Workload.TEMPO_INGESTER].replicas
    for key in ("ingester", "metricsGenerator"):
        roles[key]["annotations"] = LEFT_BEHIND
    roles["ingester"]["config"] = {"replication_factor": min(REPLICATION_FACTOR, ingesters)}
    # A StatefulSet: its volume keeps what no Prometheus has taken yet.
    roles["metricsGenerator"] |= {"enabled": True, "kind": "StatefulSet"}
    return {
        **_shared(context),
        # These three also decide ports, volumes and monitors; the configuration itself follows below.
        "multitenancyEnabled": True,
        "traces": {"otlp": {"grpc": {"enabled": True}, "http": {"enabled": True}}},
        "storage": {"trace": {"backend": "s3"}},
        "tempo": {
            "podSecurityContext": _SECCOMP,
            "structuredConfig": traces_config.config(context, "/runtime-config/overrides.yaml"),
        },
        "per_tenant_overrides": traces_config.overrides(context),
        **roles,
        "memcached": {
            "enabled": True,
            "annotations": LEFT_BEHIND,
            "replicas": cache.replicas,
            # Items only; connections and overhead come on top.
            "extraArgs": [f"--memory-limit={cache.memory.mebibytes * 3 // 4}", "--max-item-size=5m"],
            "resources": context.resources(Workload.TEMPO_CACHE),
            "affinity": "",
            "topologySpreadConstraints": _spread("memcached"),
        },
        "metaMonitoring": {"serviceMonitor": {"enabled": True, "interval": "30s", "scrapeTimeout": "10s"}},
    }


def _workload(context: Context, key: str, workload: Workload) -> dict[str, Any]:
    need = context.sizing[workload]
    values: dict[str, Any] = {
        "replicas": need.replicas,
        "resources": context.resources(workload),
        "maxUnavailable": 1,
        "affinity": "",
        "topologySpreadConstraints": _spread(_COMPONENT.get(key, key), key == "ingester"),
    }
    if need.volume is not None:
        values["persistence"] = {
            "enabled": True,
            "size": str(need.volume),
            "storageClass": context.region.cluster.storage_class,
        }
        values["persistentVolumeClaimRetentionPolicy"] = {
            "enabled": True,
            "whenDeleted": "Retain",
            "whenScaled": "Retain",
        }
    return values


def _spread(component: str, strict: bool = False) -> str:
    """Return the spread as the chart takes it: a template, so text."""
    return yaml.safe_dump(spread("tempo", TRACES_RELEASE, component, strict), sort_keys=True)
