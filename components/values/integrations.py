"""What Prometheus scrapes of the exporters that a region switches on: one PodMonitor or ServiceMonitor each.

Exporters run where their owners put them; a monitor of the platform finds them in every namespace, and the tenant of
what they say follows from the namespace. cAdvisor and the kubelet are no integration: rules and dashboards of every
region need them, and kube-prometheus-stack scrapes them. Kafka is scraped by the cluster collector
(collection/cluster.py), for a broker's JMX metrics are many and must be read once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.values.context import Context
from settings.vocabulary import Integration

POD_MONITOR = "PodMonitor"
SERVICE_MONITOR = "ServiceMonitor"
INTERVAL = "30s"
TIMEOUT = "10s"
_ASKED = {"interval": INTERVAL, "scrapeTimeout": TIMEOUT, "followRedirects": False}
"""How every target is asked. Any tenant's pod may look like an exporter, and send Prometheus on to another's."""
_META = "__meta_kubernetes_pod"
_NAME_LABELS = (f"{_META}_label_app_kubernetes_io_name", f"{_META}_label_app")
"""Charts write one or the other, older ones the second."""
POSTGRES_CLUSTER = "postgres_cluster"
"""Label of a PostgreSQL cluster's series: CloudNativePG's Cluster, or the release of the postgres_exporter."""
RABBITMQ_CLUSTER = "rabbitmq_cluster"
"""Label of a RabbitMQ cluster's series: the name of the RabbitmqCluster."""
ISTIO_KEPT = (
    "istio_(requests_total|request_duration_milliseconds_(bucket|sum|count)|tcp_(sent|received)_bytes_total"
    "|tcp_connections_(opened|closed)_total)"
    "|envoy_cluster_upstream_(cx_active|rq_active|rq_pending_overflow|rq_retry|rq_timeout)"
    "|envoy_server_(live|memory_allocated)"
)
"""Series of a sidecar that rules and dashboards use. A sidecar has about 500 others, one set per pod of the mesh."""
OPENCOST_KEPT = (
    "node_(cpu|ram|gpu|total)_hourly_cost|pv_hourly_cost|pod_pvc_allocation|container_(cpu|gpu)_allocation"
    "|container_memory_allocation_bytes|kubecost_.*|opencost_.*"
)
"""Costs only: OpenCost repeats metrics of kube-state-metrics under the same names, which would count twice."""
QUEUE_FAMILIES = ["queue_coarse_metrics", "queue_consumer_count"]
"""Groups of /metrics/detailed that are asked for: depth and consumers of each queue, the cheapest to collect."""


@dataclass(frozen=True)
class Monitor:
    """One scrape resource of the platform's namespace."""

    kind: str
    """PodMonitor or ServiceMonitor, of monitoring.coreos.com/v1."""
    name: str
    """Name of the object; the job of what it finds begins with the namespace and ends with it."""
    spec: dict[str, Any]
    """Its spec."""


def monitors(context: Context) -> list[Monitor]:
    """Return what the region's integrations need, in the order of their names."""
    made = [make for name, make in MAKERS.items() if name in context.region.integrations]
    return sorted((monitor for make in made for monitor in make(context)), key=lambda each: each.name)


def _pods(name: str, selector: dict[str, Any], *endpoints: dict[str, Any]) -> Monitor:
    spec = {
        "selector": selector,
        "namespaceSelector": {"any": True},
        "podMetricsEndpoints": [{**_ASKED, **each} for each in endpoints],
    }
    return Monitor(POD_MONITOR, name, spec)


def _services(name: str, selector: dict[str, Any], endpoint: dict[str, Any]) -> Monitor:
    spec = {
        "selector": selector,
        "namespaceSelector": {"any": True},
        "endpoints": [{**_ASKED, **endpoint}],
    }
    return Monitor(SERVICE_MONITOR, name, spec)


def _once(context: Context) -> dict[str, Any]:
    """Return the rule that leaves a pod to whoever scrapes it already, or to nobody.

    A pod annotated `prometheus.io/scrape: "false"` is not wanted; one annotated "true" is read by the PodMonitor
    for annotated pods, where the environment has it (an Istio sidecar is: the mesh annotates every pod it joins).
    """
    wanted = "true|false" if context.platform.collection.scrape_annotated_pods else "false"
    return {"action": "drop", "sourceLabels": [f"{_META}_annotation_prometheus_io_scrape"], "regex": wanted}


def _not_of_a_tenant(context: Context) -> list[dict[str, Any]]:
    """Return the rule that drops tenants' own pods, where labels of a sample are honoured; none without tenants.

    What looks like such an exporter may say of any namespace that a sample is of it, and so write as its tenant. The
    operator takes an empty pattern for one that matches everything.
    """
    own = "|".join(sorted(namespace for tenant in context.tenants.values() for namespace in tenant.namespaces))
    return [{"action": "drop", "sourceLabels": ["__meta_kubernetes_namespace"], "regex": own}] if own else []


def _named(*names: str) -> dict[str, Any]:
    """Return the rule that keeps pods whose chart calls itself one of these, by either label."""
    either = "|".join(names)
    return {"action": "keep", "sourceLabels": list(_NAME_LABELS), "regex": f"({either});.*|.*;({either})"}


def _port(*names: str) -> dict[str, Any]:
    return {"action": "keep", "sourceLabels": [f"{_META}_container_port_name"], "regex": "|".join(names)}


def _copy(label: str, *sources: str) -> list[dict[str, Any]]:
    """Return the rules that copy a discovered label to a label; of several sources the last that is set counts."""
    return [{"sourceLabels": [source], "regex": "(.+)", "targetLabel": label} for source in sources]


def _cloudnative_pg(context: Context) -> list[Monitor]:
    """Find instances and poolers of every Cluster; poolers say cnpg_pgbouncer_*."""
    label = f"{_META}_label_cnpg_io_"
    return [
        _pods(
            "cloudnative-pg",
            {"matchExpressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]},
            {
                "port": "metrics",
                "relabelings": [
                    _once(context),
                    *_copy(POSTGRES_CLUSTER, f"{label}cluster"),
                    *_copy("role", f"{label}instanceRole"),
                ],
            },
        )
    ]


def _postgres_exporter(context: Context) -> list[Monitor]:
    """Find exporters of servers that run elsewhere: a pod of the chart, whatever it calls its port."""
    label = f"{_META}_label_"
    return [
        _pods(
            "postgres-exporter",
            {},
            {
                "relabelings": [
                    _named("prometheus-postgres-exporter", "postgres-exporter"),
                    _port("http", "metrics"),
                    _once(context),
                    *_copy(POSTGRES_CLUSTER, f"{label}release", f"{label}app_kubernetes_io_instance"),
                ]
            },
        )
    ]


def _rabbitmq(context: Context) -> list[Monitor]:
    """Ask nodes of the cluster operator for their own metrics, and for the depth of each queue."""
    found = [_once(context), *_copy(RABBITMQ_CLUSTER, f"{_META}_label_app_kubernetes_io_name")]
    return [
        _pods(
            "rabbitmq",
            {"matchLabels": {"app.kubernetes.io/component": "rabbitmq"}},
            {"port": "prometheus", "relabelings": found},
            {
                "port": "prometheus",
                "path": "/metrics/detailed",
                "params": {"family": QUEUE_FAMILIES},
                "relabelings": found,
            },
        )
    ]


def _istio(context: Context) -> list[Monitor]:
    """Find sidecars and gateways (both run a container istio-proxy), and istiod."""
    proxy = {"action": "keep", "sourceLabels": [f"{_META}_container_name"], "regex": "istio-proxy"}
    return [
        _pods(
            "istio-proxies",
            {"matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]},
            {
                "port": "http-envoy-prom",
                "path": "/stats/prometheus",
                "relabelings": [proxy, _once(context)],
                "metricRelabelings": [{"action": "keep", "sourceLabels": ["__name__"], "regex": ISTIO_KEPT}],
            },
        ),
        _services("istiod", {"matchLabels": {"istio": "pilot"}}, {"port": "http-monitoring"}),
    ]


def _gpu(context: Context) -> list[Monitor]:
    """Find DCGM's exporter (of the GPU operator or of its own chart) and nvidia-smi's.

    DCGM's says which pod holds a GPU in `namespace`, `pod` and `container`; honoured, they make the workload's tenant
    the owner of its temperature and memory. A GPU that nobody holds is the platform's, and so is the exporter.
    """
    node = _copy("node", f"{_META}_node_name")
    return [
        _pods(
            "gpu-dcgm",
            {},
            {
                "honorLabels": True,
                "relabelings": [
                    *_not_of_a_tenant(context),
                    _named("dcgm-exporter", "nvidia-dcgm-exporter"),
                    _port("metrics"),
                    _once(context),
                    *node,
                ],
            },
        ),
        _pods(
            "gpu-nvidia-smi",
            {"matchLabels": {"app.kubernetes.io/name": "nvidia-gpu-exporter"}},
            {"port": "http", "relabelings": [_once(context), *node]},
        ),
    ]


def _opencost(context: Context) -> list[Monitor]:
    """Find OpenCost, whose prices and allocations are of other namespaces than its own, and of their tenants."""
    kept = {"action": "keep", "sourceLabels": ["__name__"], "regex": OPENCOST_KEPT}
    return [
        _services(
            "opencost",
            {"matchLabels": {"app.kubernetes.io/name": "opencost"}},
            {
                "port": "http",
                "path": "/metrics",
                "honorLabels": True,
                "interval": "1m",
                "relabelings": _not_of_a_tenant(context),
                "metricRelabelings": [kept],
            },
        )
    ]


MAKERS: dict[Integration, Callable[[Context], list[Monitor]]] = {
    Integration.CLOUDNATIVE_PG: _cloudnative_pg,
    Integration.POSTGRES_EXPORTER: _postgres_exporter,
    Integration.RABBITMQ: _rabbitmq,
    Integration.ISTIO: _istio,
    Integration.GPU: _gpu,
    Integration.OPENCOST: _opencost,
}
"""Who makes the monitors of an integration. Kafka's is the cluster collector's."""
