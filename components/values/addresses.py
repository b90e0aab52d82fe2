"""The one place that knows where a service listens inside the cluster."""

from __future__ import annotations

from components.values.context import Context
from settings.names import NAMESPACE, NODE_NAMESPACE
from settings.vocabulary import Workload

# Helm releases; each is also the fullnameOverride, so that object names stay what they are when a chart
# changes its naming.
METRICS_RELEASE = "metrics"
LOGS_RELEASE = "loki"
TRACES_RELEASE = "tempo"
OPERATOR_RELEASE = "opentelemetry-operator"
GRAFANA = "grafana"

PROMETHEUS = f"{METRICS_RELEASE}-prometheus"
"""Name of the Prometheus resource and its Service."""
ALERTMANAGER = f"{METRICS_RELEASE}-alertmanager"
"""Name of the Alertmanager resource and its Service."""
ALERTMANAGER_CONFIG_SECRET = "alertmanager-config"  # noqa: S105 - the name of a Secret
"""Secret with the whole Alertmanager tree (`alertmanager.yaml` and templates)."""
RECEIVERS_SECRET = "alertmanager-receivers"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: one file per receiver credential."""
RECEIVERS_MOUNT = f"/etc/alertmanager/secrets/{RECEIVERS_SECRET}"
GRAFANA_ADMIN_SECRET = "grafana-admin"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: admin-user and admin-password."""
GRAFANA_OIDC_SECRET = "grafana-oidc"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: client-secret."""
REMOTE_WRITE_SECRET = "remote-write"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: username and password."""
SINKS_SECRET = "collection-sinks"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: one key per sink with the value of its header."""
ACCESS_TOKENS_SECRET = "access-tokens"  # noqa: S105 - the name of a Secret
"""Secret that External Secrets writes: one key per tenant, and `platform`, with the token that lets it read."""

ACCESS_PROXY = "access-proxy"
"""Name of the proxy that tenants read through: its Deployment and its Service."""
ACCESS_PORT = 8080

AGENT = "agent"
GATEWAY = "gateway"
CLUSTER = "cluster"
"""Names of the OpenTelemetryCollector resources; the operator appends -collector to Services and pods."""

OTLP_GRPC = 4317
OTLP_HTTP = 4318


def host(service: str, namespace: str = NAMESPACE) -> str:
    """Return the DNS name of a Service, absolute within the cluster's search path."""
    return f"{service}.{namespace}.svc.cluster.local"


def prometheus_url() -> str:
    """Return the address that queries go to."""
    return f"http://{host(PROMETHEUS)}:9090"


def prometheus_replica_urls(context: Context) -> list[str]:
    """Return the address of each Prometheus replica: pushed metrics must reach every one of them."""
    replicas = context.sizing[Workload.PROMETHEUS].replicas
    return [f"http://prometheus-{PROMETHEUS}-{n}.{host('prometheus-operated')}:9090" for n in range(replicas)]


def alertmanager_url() -> str:
    """Return the address of Alertmanager."""
    return f"http://{host(ALERTMANAGER)}:9093"


def loki_url() -> str:
    """Return the address of Loki's gateway, for reads and writes alike; OTLP is below /otlp."""
    return f"http://{host(f'{LOGS_RELEASE}-gateway')}"


def tempo_url(context: Context) -> str:
    """Return the address that trace queries go to."""
    service = f"{TRACES_RELEASE}-query-frontend" if context.distributed else TRACES_RELEASE
    return f"http://{host(service)}:3200"


def tempo_otlp_endpoint(context: Context) -> str:
    """Return host:port of Tempo's OTLP gRPC receiver.

    Headless where there are several distributors: a gRPC client holds one connection to each and takes turns, while
    behind one address it would stay with one distributor, which grants a tenant only its share of the limit.
    """
    service = f"{TRACES_RELEASE}-distributor-discovery" if context.distributed else TRACES_RELEASE
    return f"{host(service)}:{OTLP_GRPC}"


def gateway_headless() -> str:
    """Return the headless Service of the gateways, which resolves to every replica."""
    return host(f"{GATEWAY}-collector-headless")


def gateway_endpoint() -> str:
    """Return host:port of the gateways' Service, any of them, for logs and metrics."""
    return f"{host(f'{GATEWAY}-collector')}:{OTLP_GRPC}"


def agent_endpoint() -> str:
    """Return host of the agents' Service, which prefers the agent of the same node."""
    return host(f"{AGENT}-collector", NODE_NAMESPACE)


def access_url(backend: str = "") -> str:
    """Return the address that tenants read at.

    Args:
        backend: `loki`, `tempo`, `prometheus` or `alertmanager`; what each serves at its root is below that.
    """
    return f"http://{host(ACCESS_PROXY)}:{ACCESS_PORT}" + (f"/{backend}" if backend else "")
