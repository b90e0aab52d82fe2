"""Loki: one process in dev, one workload per role elsewhere, the same configuration in both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from components.values import logs_limits
from components.values.addresses import LOGS_RELEASE
from components.values.context import Context
from components.values.iam import SERVICE_ACCOUNTS
from components.values.pods import LEFT_BEHIND, role_annotation, spread
from settings import names
from settings.vocabulary import Pillar, Workload

CHART = "loki"
SCHEMA_FROM = "2025-01-01"
"""Start of the schema. It must never change: what was written under another date could not be found again."""
REPLICATION_FACTOR = 3
LARGEST_BODY = "32M"
"""What nginx lets pass: compressed pushes, well above the collectors' batches; 413 would make them drop a batch."""
LARGEST_HEADER = "64k"
"""What nginx takes of one header: the platform team asks for all tenants at once, 64 bytes each at most. The 8 KB that
it takes by itself are 390 tenants with names of 20 letters; to more it answers 400."""
WORKERS = 16
"""Queries that a Loki of one process answers at a time: what its documentation of TSDB advises, instead of 4.

A worker whose query is called off pauses for up to five seconds (`logs_limits.PART`), so four are soon all pausing. Of
queriers in workloads of their own there are several; four each is what their published size is for.
"""
LOOKBACK = timedelta(hours=2, minutes=41)
"""What a Loki of one process asks its ingester for, and its bucket no more: max_chunk_age and 41 minutes, which nothing
but a bucket on its own disk lets anybody set (setupAsyncStore in pkg/loki/modules.go of v3.7)."""
APART = timedelta(minutes=20)
"""How much of LOOKBACK goes with what is older: as far as a query of what is newer may look back from its first point.
A week in Grafana's thousand points has a step of ten minutes, and rates over as much.

When several tenants are asked at once, only one of them has the newer side of a part that is on both sides of LOOKBACK
(https://github.com/grafana/loki/issues/21936, open). So there is a part that begins inside, and what the others lack is
these minutes at most; with the chart's parts it was a quarter of an hour. Where Loki's roles are workloads of their
own, both sides are asked for all of it, and nothing is lacking.
"""
_ROLES = {
    "compactor": Workload.LOKI_COMPACTOR,
    "distributor": Workload.LOKI_DISTRIBUTOR,
    "indexGateway": Workload.LOKI_INDEX_GATEWAY,
    "ingester": Workload.LOKI_INGESTER,
    "querier": Workload.LOKI_QUERIER,
    "queryFrontend": Workload.LOKI_QUERY_FRONTEND,
    "queryScheduler": Workload.LOKI_QUERY_SCHEDULER,
}
_STATEFUL = {"compactor", "indexGateway", "ingester", "singleBinary"}
"""What the chart runs as StatefulSets, its caches beside."""
_COMPONENT = {
    "gateway": "gateway",
    "indexGateway": "index-gateway",
    "queryFrontend": "query-frontend",
    "queryScheduler": "query-scheduler",
    "singleBinary": "single-binary",
}
"""The chart's `app.kubernetes.io/component` where it is not the key itself."""


def helm_values(context: Context) -> dict[str, Any]:
    """Return the values of the Loki chart.

    Writes and reads of every org id go through the chart's gateway, which passes X-Scope-OrgID on and asks for no
    password: who may set that header is the access proxy's business. OTLP is at /otlp.

    The canary stays off: it pushes through Loki's native API, not the OTLP path that the collectors use, so its
    success would say nothing about the pipeline.
    """
    off = {"replicas": 0}
    return {
        "deploymentMode": "Distributed" if context.distributed else "Monolithic",
        "fullnameOverride": LOGS_RELEASE,
        "serviceAccount": {
            "create": True,
            "name": SERVICE_ACCOUNTS[Pillar.LOGS],
            "annotations": role_annotation(context, Pillar.LOGS),
            "automountServiceAccountToken": False,
        },
        "defaults": {"automountServiceAccountToken": False},
        # Without the rules sidecar nothing asks the Kubernetes API; the chart's cluster role would be an empty one.
        "rbac": {"namespaced": True},
        "loki": _loki(context),
        "gateway": _gateway(context),
        "monitoring": {"serviceMonitor": {"enabled": True, "interval": "30s", "scrapeTimeout": "10s"}},
        **_workloads(context),
        **_caches(context),
        "backend": off,
        "read": off,
        "write": off,
        "ruler": {"enabled": False},
        "sidecar": {"rules": {"enabled": False}},
        "lokiCanary": {"enabled": False},
        "test": {"enabled": False},
    }


def ingester(context: Context) -> Workload:
    """Return the workload that holds recent logs in memory and on its volume."""
    return Workload.LOKI_INGESTER if context.distributed else Workload.LOKI_SINGLE_BINARY


def _loki(context: Context) -> dict[str, Any]:
    need = context.sizing[ingester(context)]
    bucket = names.bucket(context.platform, context.name, Pillar.LOGS)
    aws_region = context.region.aws_region
    return {
        "auth_enabled": True,
        "commonConfig": {"replication_factor": min(REPLICATION_FACTOR, need.replicas)},
        "storage": {
            "type": "s3",
            "bucketNames": {"chunks": bucket, "ruler": bucket},
            "use_thanos_objstore": True,
            "object_store": {
                "type": "s3",
                "s3": {
                    "endpoint": f"s3.{aws_region}.amazonaws.com",
                    "region": aws_region,
                    # The AWS SDK's own chain knows Pod Identity and IRSA alike.
                    "native_aws_auth_enabled": True,
                },
            },
        },
        "schemaConfig": {
            "configs": [
                {
                    "from": SCHEMA_FROM,
                    "store": "tsdb",
                    "object_store": "s3",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        # The index of schema v13 is tsdb; the other shippers would only configure what is never used.
        "storage_config": {"boltdb_shipper": None, "bloom_shipper": None},
        "limits_config": logs_limits.defaults(context),
        "runtimeConfig": {"overrides": logs_limits.overrides(context)},
        "compactor": {"retention_enabled": True, "delete_request_store": "s3"},
        "ingester": {
            "chunk_encoding": "snappy",
            # Loki's own default of 4 GB would be above the memory limit: flush to S3 during replay before that.
            "wal": {"flush_on_shutdown": True, "replay_memory_ceiling": f"{need.memory.mebibytes * 3 // 4}MB"},
        },
        "querier": {
            # The platform team reads `a|b|c`.
            "multi_tenant_queries_enabled": True,
            **({} if context.distributed else _alone()),
        },
        "analytics": {"reporting_enabled": False},
    }


def _alone() -> dict[str, Any]:
    """Return what a querier is told that has no other beside it, and the ingester in its own process."""
    return {"max_concurrent": WORKERS, "query_ingesters_within": f"{(LOOKBACK - APART).seconds}s"}


def _workloads(context: Context) -> dict[str, Any]:
    if not context.distributed:
        single = _workload(context, "singleBinary", Workload.LOKI_SINGLE_BINARY)
        return {"singleBinary": single, **{key: {"replicas": 0} for key in _ROLES}}
    roles = {key: _workload(context, key, workload) for key, workload in _ROLES.items()}
    # Three StatefulSets of ingesters need the rollout operator, and two of each zone would double the cost.
    roles["ingester"]["zoneAwareReplication"] = {"enabled": False}
    return {"singleBinary": {"replicas": 0}, **roles}


def _workload(context: Context, key: str, workload: Workload) -> dict[str, Any]:
    need = context.sizing[workload]
    values: dict[str, Any] = {
        "replicas": need.replicas,
        "resources": context.resources(workload),
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "affinity": None,
        "topologySpreadConstraints": spread(CHART, LOGS_RELEASE, _COMPONENT.get(key, key), key == "ingester"),
        "annotations": LEFT_BEHIND if key in _STATEFUL else {},
    }
    if need.volume is not None:
        claim = {"size": str(need.volume), "storageClass": context.region.cluster.storage_class}
        values["persistence"] = {
            "enabled": True,
            **claim,
            # The chart mounts a volume of this name; it does not see whether a claim has it.
            "claims": [
                {"name": "storage" if key == "singleBinary" else "data", "accessModes": ["ReadWriteOnce"], **claim}
            ],
            "enableStatefulSetAutoDeletePVC": True,
            "whenDeleted": "Retain",
            "whenScaled": "Retain",
        }
    return values


def _gateway(context: Context) -> dict[str, Any]:
    need = context.sizing[Workload.LOKI_GATEWAY]
    return {
        "enabled": True,
        "replicas": need.replicas,
        "resources": context.resources(Workload.LOKI_GATEWAY),
        "basicAuth": {"enabled": False},
        "verboseLogging": False,
        "nginxConfig": {
            "clientMaxBodySize": LARGEST_BODY,
            "httpSnippet": f"large_client_header_buffers 4 {LARGEST_HEADER};",
        },
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "affinity": None,
        "topologySpreadConstraints": spread(CHART, LOGS_RELEASE, "gateway", strict=False),
        # Loki counts its requests itself; the sidecar would only count them again.
        "metrics": {"enabled": False},
    }


def _caches(context: Context) -> dict[str, Any]:
    """Return memcached where Loki is distributed; a single process caches in its own memory."""
    if not context.distributed:
        return {"chunksCache": {"enabled": False}, "resultsCache": {"enabled": False}}
    caches = {"chunksCache": Workload.LOKI_CHUNKS_CACHE, "resultsCache": Workload.LOKI_RESULTS_CACHE}
    return {
        "memcachedExporter": {"enabled": False},
        **{
            key: {
                "enabled": True,
                "annotations": LEFT_BEHIND,
                "replicas": context.sizing[workload].replicas,
                # Items only; connections and overhead come on top.
                "allocatedMemory": context.sizing[workload].memory.mebibytes * 3 // 4,
                "resources": context.resources(workload),
            }
            for key, workload in caches.items()
        },
    }
