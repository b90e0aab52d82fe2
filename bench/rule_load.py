"""What the exporters of a region say of a fleet whose services all are well: every metric that a rule asks for.

A service has two pods and serves and calls three operations each; twenty pods share a node. A tenant has a Kafka
topic of twelve partitions per kind, a PostgreSQL of a hundred known statements, ten queues and three volumes. That is
170 series per service, of which a hundred are its span metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from components.values.collection.span_metrics import BUCKETS
from settings.units import Duration

PODS: Final = 2
"""Of each service."""
PODS_OF_A_NODE: Final = 20
_BOUNDS: Final = (*(f"{Duration(bound).milliseconds / 1000:g}" for bound in BUCKETS), "+Inf")
_FAST: Final = 0.1
"""Seconds in which every request is answered."""
_KINDS: Final = ("SPAN_KIND_SERVER", "SPAN_KIND_CLIENT")
_OPERATIONS: Final = ("GET /a", "GET /b", "POST /c")
_EXPORTERS: Final = ("otlp_http/logs", "otlp_http/metrics", "otlp_grpc/traces")
_NOW: Final = 4e9
"""A time stamp in the future: certificates, backups and compactions are all good."""

Choices = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Family:
    """One metric: how many of whom, and how it grows."""

    metric: str
    of: str
    """service, pod, tenant, node or platform: whom there is one of, with the labels that this gives."""
    labels: Choices = field(default_factory=dict)
    """Labels besides; every combination of their values is a series."""
    per_second: float = 0
    """How fast a counter grows; 0 for what stays."""
    value: float = 0
    """What it starts from, or always is."""


def families() -> list[Family]:
    """Return every metric that the rules ask for, besides recordings."""
    spans: Choices = {"span_kind": _KINDS, "span_name": _OPERATIONS}
    statements: Choices = {"postgres_cluster": ["main"], "queryid": [str(each) for each in range(100)]}
    conditions: Choices = {
        "condition": ["DiskPressure", "MemoryPressure", "PIDPressure", "Ready"],
        "status": ["true", "false", "unknown"],
    }
    claims: Choices = {"persistentvolumeclaim": ["data-0", "data-1", "data-2"]}
    return [
        Family("traces_span_metrics_calls_total", "service", {**spans, "status_code": ["STATUS_CODE_UNSET"]}, 10),
        Family("traces_span_metrics_calls_total", "service", {**spans, "status_code": ["STATUS_CODE_ERROR"]}, 0.001),
        Family("traces_span_metrics_duration_seconds_bucket", "service", {**spans, "le": _BOUNDS}, 10),
        Family("traces_span_metrics_duration_seconds_count", "service", spans, 10),
        Family("traces_span_metrics_duration_seconds_sum", "service", spans, 0.5),
        Family("traces_orphan_spans_total", "service", {"span_kind": [_KINDS[0]]}, 0.01),
        Family(
            "grpc_client_call_duration_seconds_count",
            "service",
            {"grpc_target": ["dns:///a", "dns:///b"], "grpc_status": ["OK", "UNAVAILABLE"]},
            0.001,
        ),
        Family("kube_deployment_status_condition", "service", {"deployment": ["d"], **_condition("Progressing")}),
        Family("up", "pod", value=1),
        Family("process_resident_memory_bytes", "pod", value=2e8),
        Family("go_goroutines", "pod", value=300),
        Family("kube_pod_container_status_restarts_total", "pod", {"uid": ["u"]}, value=1),
        Family("kube_pod_container_status_last_terminated_reason", "pod", {"reason": ["Completed"]}, value=1),
        Family("container_memory_working_set_bytes", "pod", {"id": ["/kubepods/x"], "image": ["i"]}, value=2e8),
        Family("kube_pod_container_resource_limits", "pod", {"resource": ["memory", "cpu"]}, value=1e9),
        Family("kube_pod_container_resource_requests", "pod", {"resource": ["memory", "cpu"]}, value=1e9),
        Family("kube_pod_status_ready", "pod", {"condition": ["true", "false", "unknown"]}, value=1),
        Family("kube_pod_status_phase", "pod", {"phase": ["Pending", "Running", "Succeeded", "Failed", "Unknown"]}),
        Family("saga_transitions_total", "tenant", {"saga": ["order"], "state": ["PAYMENT_CREATED", "COMPLETED"]}, 1),
        Family("saga_oldest_unfinished_seconds", "tenant", {"saga": ["order"], "state": ["PAYMENT_CREATED"]}),
        Family(
            "kafka_consumergroup_lag",
            "tenant",
            {
                "topic": ["orders", "cart", "product-views"],
                "consumergroup": ["billing"],
                "partition": [str(each) for each in range(12)],
            },
            value=5,
        ),
        Family("pg_stat_statements_calls_total", "tenant", statements, 5),
        Family("pg_stat_statements_seconds_total", "tenant", statements, 0.05),
        Family(
            "pg_stat_activity_count",
            "tenant",
            {
                "postgres_cluster": ["main"],
                "application_name": [str(each) for each in range(20)],
                "state": ["active", "idle"],
            },
            value=1,
        ),
        Family("pg_settings_max_connections", "tenant", {"postgres_cluster": ["main"]}, value=500),
        Family("pg_replication_lag_seconds", "tenant", {"postgres_cluster": ["main"]}),
        Family("pg_stat_database_deadlocks", "tenant", {"postgres_cluster": ["main"], "datname": ["app"]}),
        Family("pg_stat_archiver_archived_count", "tenant", {"postgres_cluster": ["main"]}, 0.01),
        Family("pg_stat_archiver_failed_count", "tenant", {"postgres_cluster": ["main"]}),
        Family("postgres_auto_explain_plans_total", "tenant", {"k8s_namespace_name": ["n"]}, 0.1),
        Family("rabbitmq_detailed_queue_messages", "tenant", {"queue": [f"q{each}-dlq" for each in range(10)]}),
        Family("kubelet_volume_stats_available_bytes", "tenant", claims, value=5e9),
        Family("kubelet_volume_stats_capacity_bytes", "tenant", claims, value=1e10),
        Family("loki_discarded_samples_total", "tenant", {"reason": ["rate_limited"]}),
        Family("tempo_discarded_spans_total", "tenant", {"reason": ["rate_limited"]}),
        Family("kube_node_status_condition", "node", conditions),
        Family("kube_node_status_capacity", "node", {"resource": ["cpu", "memory", "nvidia_com_gpu"]}, value=8),
        Family("DCGM_FI_DEV_GPU_TEMP", "node", {"UUID": ["GPU-a"]}, value=50),
        Family("DCGM_FI_DEV_FB_USED", "node", {"UUID": ["GPU-a"]}, value=10),
        Family("DCGM_FI_DEV_FB_FREE", "node", {"UUID": ["GPU-a"]}, value=90),
        Family("DCGM_FI_DEV_GPU_UTIL", "node", {"UUID": ["GPU-a"]}, value=50),
        *(
            Family(f"otelcol_exporter_{what}_{signal}", "platform", {"exporter": _EXPORTERS})
            for what in ("enqueue_failed", "send_failed")
            for signal in ("spans", "metric_points", "log_records")
        ),
        *(
            Family(f"otelcol_receiver_refused_{signal}", "platform", {"receiver": ["otlp", "file_log"]})
            for signal in ("spans", "metric_points", "log_records")
        ),
        Family("otelcol_exporter_queue_size", "platform", {"exporter": _EXPORTERS}, value=10),
        Family("otelcol_exporter_queue_capacity", "platform", {"exporter": _EXPORTERS}, value=1000),
        Family(
            "loki_request_duration_seconds_count",
            "platform",
            {"route": ["otlp_v1_logs", "loki_api_v1_query_range"], "status_code": ["204", "500"]},
            0.001,
        ),
        Family("loki_objstore_bucket_operations_total", "platform", {"operation": ["get", "upload", "iter"]}, 5),
        Family("loki_objstore_bucket_operation_failures_total", "platform", {"operation": ["get", "upload", "iter"]}),
        Family("loki_ingester_chunks_flush_failures_total", "platform"),
        Family(
            "loki_boltdb_shipper_compact_tables_operation_last_successful_run_timestamp_seconds", "platform", value=_NOW
        ),
        Family("tempo_distributor_ingester_appends_total", "platform", {"ingester": ["a", "b", "c"]}, 50),
        Family("tempo_distributor_ingester_append_failures_total", "platform", {"ingester": ["a", "b", "c"]}),
        Family("tempo_ingester_failed_flushes_total", "platform"),
        Family("tempodb_backend_request_duration_seconds_count", "platform", {"status_code": ["200", "404"]}, 5),
        Family("tempodb_compaction_errors_total", "platform"),
        Family("tempodb_retention_errors_total", "platform"),
        Family("prometheus_remote_storage_queue_highest_timestamp_seconds", "platform", {"remote_name": ["m"]}),
        Family("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", "platform", {"remote_name": ["m"]}),
        Family("certmanager_certificate_expiration_timestamp_seconds", "platform", {"name": ["a", "b"]}, value=_NOW),
    ]


def _condition(name: str) -> Choices:
    return {"condition": [name], "status": ["true", "false", "unknown"]}


@dataclass(frozen=True)
class Series:
    """One series as it is written, and its value at a time."""

    text: str
    start: float
    per_second: float

    def line(self, seconds: float) -> str:
        """Return its sample after so many seconds, without a time and an end of the line."""
        return f"{self.text} {self.start + self.per_second * seconds:.10g}"


def series(tenants: Sequence[str], services: int, identity: Mapping[str, str]) -> Iterator[Series]:
    """Yield the series of a fleet, metric by metric.

    Args:
        tenants: names.
        services: of each tenant, `service-00` and so on.
        identity: region, cluster and environment.
    """
    owners = {kind: list(_owners(kind, tenants, services)) for kind in ("service", "pod", "tenant", "node", "platform")}
    for family in families():
        for owner, values in product(owners[family.of], product(*family.labels.values())):
            labels = {**owner, **identity, **dict(zip(family.labels, values, strict=True))}
            share = 0.5 if float(labels.get("le", "inf")) < _FAST else 1.0
            text = ",".join(f'{key}="{value}"' for key, value in labels.items())
            yield Series(f"{family.metric}{{{text}}}", _start(family, labels), share * family.per_second)


def _start(family: Family, labels: Mapping[str, str]) -> float:
    """Return a series' value: of a state's metrics the one that a healthy pod is in has 1."""
    told = {"condition": ("true", "Ready", "Progressing"), "status": ("true",), "phase": ("Running",)}
    states = [labels[key] in good for key, good in told.items() if key in labels]
    return family.value if not states else float(all(states))


def _owners(kind: str, tenants: Sequence[str], services: int) -> Iterator[dict[str, str]]:
    names = [(tenant, f"service-{number:02}") for tenant in tenants for number in range(services)]
    if kind == "service":
        for tenant, service in names:
            target = {"job": service, "instance": "gateway-0", "namespace": tenant}
            yield {"tenant": tenant, "service_name": service, "k8s_namespace_name": tenant, **target}
    elif kind == "pod":
        for tenant, service in names:
            for number in range(PODS):
                target = {"job": service, "instance": f"{service}-{number}:8080", "namespace": tenant}
                yield {"tenant": tenant, **target, "pod": f"{service}-{number}", "container": service}
    elif kind == "tenant":
        for tenant in tenants:
            yield {"tenant": tenant, "job": "exporter", "instance": tenant, "namespace": tenant, "pod": "exporter-0"}
    else:
        count = len(names) * PODS // PODS_OF_A_NODE + 1 if kind == "node" else 10
        for number in range(count):
            target = {"job": kind, "instance": f"{kind}-{number}", "namespace": "observability"}
            yield {"tenant": "platform", **target, "pod": f"{kind}-{number}", "node": f"node-{number}"}
