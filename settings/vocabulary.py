"""Closed vocabularies: each enum answers one question and must not be used for another."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    """Which stage a stack belongs to; decides topology and protection, never pipeline behaviour."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Topology(StrEnum):
    """How Loki and Tempo are laid out: one process, or one workload per role."""

    SINGLE_BINARY = "single_binary"
    DISTRIBUTED = "distributed"


class Size(StrEnum):
    """How much a region ingests (see `sizing.RATES`); not how important it is."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class TempoEngine(StrEnum):
    """Which Tempo writes the traces.

    `tempo2` needs nothing but a bucket; `tempo3_kafka` is Tempo 3 in microservices mode, whose write path
    is a Kafka-compatible broker that no chart brings along.
    """

    TEMPO2 = "tempo2"
    TEMPO3_KAFKA = "tempo3_kafka"


class WorkloadIdentity(StrEnum):
    """How a pod proves to AWS who it is; static keys are not a choice."""

    IRSA = "irsa"
    POD_IDENTITY = "pod_identity"


class Severity(StrEnum):
    """How urgently a person must act; `critical` and `warning` of foreign rules map to page and warn."""

    PAGE = "page"
    WARN = "warn"
    INFO = "info"


class SliSource(StrEnum):
    """Which metrics an SLO counts its requests by: a ready pair of queries, or the spec's own.

    `span_metrics` and `kafka_consumer` are counted by the platform from spans before sampling, so that they need no
    metrics of the application. `http_server` and `rpc_server` are OpenTelemetry's semantic conventions,
    `http_requests` and `grpc_server` what Prometheus clients expose, `istio` the mesh's. `query` takes `errors` and
    `total` as they are written.
    """

    SPAN_METRICS = "span_metrics"
    KAFKA_CONSUMER = "kafka_consumer"
    HTTP_SERVER = "http_server"
    HTTP_REQUESTS = "http_requests"
    RPC_SERVER = "rpc_server"
    GRPC_SERVER = "grpc_server"
    ISTIO = "istio"
    QUERY = "query"


class SloWindow(StrEnum):
    """Over how long an objective must hold: 28 days always hold four of each weekday, 30 days are about a month."""

    DAYS_28 = "28d"
    DAYS_30 = "30d"

    @property
    def days(self) -> int:
        """Length in days."""
        return int(self.removesuffix("d"))


class Pillar(StrEnum):
    """Which signal a store or bucket holds. Metrics have a bucket for blocks of the long-term store."""

    METRICS = "metrics"
    LOGS = "logs"
    TRACES = "traces"


class Signal(StrEnum):
    """Which kind of telemetry a sink copies."""

    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"


class SinkKind(StrEnum):
    """Which protocol a sink speaks."""

    OTLP = "otlp"
    ELASTICSEARCH = "elasticsearch"


class Integration(StrEnum):
    """Which exporter of SPEC section 2 a region scrapes besides the cluster's own metrics."""

    KAFKA_JMX = "kafka_jmx"
    CLOUDNATIVE_PG = "cloudnative_pg"
    POSTGRES_EXPORTER = "postgres_exporter"
    RABBITMQ = "rabbitmq"
    ISTIO = "istio"
    GPU = "gpu"
    OPENCOST = "opencost"


class Workload(StrEnum):
    """Which workload a footprint (replicas, CPU, memory, volume) belongs to; keys of `regions.*.overrides`."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    PROMETHEUS_OPERATOR = "prometheus_operator"
    KUBE_STATE_METRICS = "kube_state_metrics"
    NODE_EXPORTER = "node_exporter"
    LOKI_SINGLE_BINARY = "loki_single_binary"
    LOKI_DISTRIBUTOR = "loki_distributor"
    LOKI_INGESTER = "loki_ingester"
    LOKI_QUERIER = "loki_querier"
    LOKI_QUERY_FRONTEND = "loki_query_frontend"
    LOKI_QUERY_SCHEDULER = "loki_query_scheduler"
    LOKI_INDEX_GATEWAY = "loki_index_gateway"
    LOKI_COMPACTOR = "loki_compactor"
    LOKI_GATEWAY = "loki_gateway"
    LOKI_CHUNKS_CACHE = "loki_chunks_cache"
    LOKI_RESULTS_CACHE = "loki_results_cache"
    TEMPO_SINGLE_BINARY = "tempo_single_binary"
    TEMPO_DISTRIBUTOR = "tempo_distributor"
    TEMPO_INGESTER = "tempo_ingester"
    TEMPO_QUERIER = "tempo_querier"
    TEMPO_QUERY_FRONTEND = "tempo_query_frontend"
    TEMPO_COMPACTOR = "tempo_compactor"
    TEMPO_METRICS_GENERATOR = "tempo_metrics_generator"
    TEMPO_CACHE = "tempo_cache"
    OTEL_OPERATOR = "otel_operator"
    COLLECTOR_AGENT = "collector_agent"
    COLLECTOR_GATEWAY = "collector_gateway"
    COLLECTOR_CLUSTER = "collector_cluster"
    ACCESS_PROXY = "access_proxy"
    PROM_LABEL_PROXY = "prom_label_proxy"
