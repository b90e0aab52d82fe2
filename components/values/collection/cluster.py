"""The cluster collector: one pod for what a cluster says once, its Warning events and the brokers' JMX metrics."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import identity, pieces, redaction, workload
from components.values.collection.pieces import COMPRESSION, Config, attribute, delivery, ottl, pipeline
from components.values.context import Context
from settings.units import Bytes
from settings.vocabulary import Integration, Workload

GATEWAY = "otlp_grpc/gateway"
VOLUME = Bytes("5Gi")
"""Events and one scrape job: at 1 MB a minute, three days of an outage."""
QUEUE_SHARE = 0.4
"""Share of the volume that each of two queues may fill."""
EVENTS_SERVICE = "kubernetes-events"
"""service.name of events, so that they are one stream per tenant and level."""
KAFKA_PORTS = "(tcp-prometheus|kafka-jmx|kafka-exporter);.*|exporter-port;.*prometheus-kafka-exporter.*"
"""Names of container ports that are scraped, with what their pods are called.

Strimzi's, for its brokers' JMX exporter and its Kafka exporter (consumer lag), and ours for those run otherwise. The
Kafka exporter's own chart has a port name that says too little alone.
"""
KAFKA_JOB = "kafka-jmx"


def config(context: Context) -> Config:
    """Return the cluster collector's configuration."""
    kafka = Integration.KAFKA_JMX in context.region.integrations
    volume = context.sizing[Workload.COLLECTOR_CLUSTER].volume or VOLUME
    share = int(volume.mebibytes * 2**20 * QUEUE_SHARE)
    plain = {"tls": {"insecure": True}, "compression": COMPRESSION}
    return {
        "extensions": pieces.extensions(),
        "receivers": {
            "k8s_events": {"auth_type": "serviceAccount"},
            **({"prometheus/kafka": _kafka()} if kafka else {}),
        },
        "processors": {
            "memory_limiter": pieces.memory_limiter(context, Workload.COLLECTOR_CLUSTER),
            "filter/warnings": _warnings(),
            "transform/events": _events(),
            # A scraped program may write any label of a sample; what it says of its resource is never taken up.
            **({"transform/claims": identity.without_claims(resource=False)} if kafka else {}),
            **redaction.of_logs(),
            **(redaction.of_metrics(context) if kafka else {}),
            "transform/identity": identity.assigned(context),
        },
        "exporters": {
            GATEWAY: {"endpoint": addresses.gateway_endpoint(), **plain, **delivery(share)},
        },
        "service": pieces.service(
            {
                "logs/events": pipeline(
                    ["k8s_events"],
                    ["memory_limiter", "filter/warnings", "transform/events", *redaction.OF_LOGS, "transform/identity"],
                    [GATEWAY],
                ),
                **(
                    {
                        "metrics/kafka": pipeline(
                            ["prometheus/kafka"],
                            ["memory_limiter", "transform/claims", *redaction.OF_METRICS, "transform/identity"],
                            [GATEWAY],
                        )
                    }
                    if kafka
                    else {}
                ),
            },
        ),
    }


def _warnings() -> Config:
    return {"error_mode": "ignore", "logs": {"log_record": ["severity_number < SEVERITY_NUMBER_WARN"]}}


def _events() -> Config:
    """Return the transform that gives an event its namespace, from which its tenant follows, and a service name.

    Each event comes with a resource of its own (kind and name of its object are there). An event of a node or a
    volume has no namespace and is the platform's.
    """
    namespace = attribute("k8s.namespace.name", "log")
    lines = [
        f"set({identity.NAMESPACE}, {namespace}) where {namespace} != nil",
        f"set({attribute('service.name')}, {ottl(EVENTS_SERVICE)})",
        *(
            f"set({attribute(key, 'log')}, {attribute(key)}) where {attribute(key)} != nil"
            for key in ("k8s.object.kind", "k8s.object.name")
        ),
    ]
    return {"error_mode": "ignore", "log_statements": [{"context": "log", "statements": lines}]}


def _kafka() -> Config:
    """Return the scrape of the brokers' JMX exporters: pods with a port of that name, wherever they run."""
    return {
        "config": {
            "scrape_configs": [
                {
                    "job_name": KAFKA_JOB,
                    "scrape_interval": "30s",
                    "scrape_timeout": "10s",
                    # Any pod may have such a port: it shall not send the collector on to Prometheus, which lets it in.
                    "follow_redirects": False,
                    "kubernetes_sd_configs": [{"role": "pod"}],
                    "relabel_configs": [
                        {
                            "source_labels": [
                                "__meta_kubernetes_pod_container_port_name",
                                "__meta_kubernetes_pod_label_app",
                                "__meta_kubernetes_pod_label_app_kubernetes_io_name",
                            ],
                            "regex": KAFKA_PORTS,
                            "action": "keep",
                        },
                        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Running", "action": "keep"},
                        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
                        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
                        {
                            "source_labels": ["__meta_kubernetes_pod_label_strimzi_io_cluster"],
                            "regex": "(.+)",
                            "target_label": "kafka_cluster",
                        },
                    ],
                    # The receiver makes their labels attributes of the target's resource, its namespace among them.
                    "metric_relabel_configs": [
                        {"source_labels": ["__name__"], "regex": "target_info|otel_scope_info", "action": "drop"}
                    ],
                }
            ]
        }
    }


def spec(context: Context) -> dict[str, Any]:
    """Return the spec of the cluster collector's OpenTelemetryCollector.

    A StatefulSet of one: Kubernetes starts the next pod only when the last is gone for certain, so no event is read
    twice, and the queue comes back with it.
    """
    volume = context.sizing[Workload.COLLECTOR_CLUSTER].volume or VOLUME
    return {
        **workload.common(context, Workload.COLLECTOR_CLUSTER, config(context)),
        "mode": "statefulset",
        "replicas": 1,
        "serviceAccount": f"{addresses.CLUSTER}-collector",
        "env": workload.environment(context, Workload.COLLECTOR_CLUSTER),
        **workload.restricted(),
        **workload.volume(context, str(volume)),
    }
