"""From the gateway to the stores: one exporter per tenant for logs and traces, one per Prometheus replica."""

from __future__ import annotations

from components.values import addresses
from components.values.collection import queues, sinks
from components.values.collection.pieces import COMPRESSION, Config, attribute, delivery, ottl, pipeline
from components.values.context import Context
from settings import names

TENANT_HEADER = "X-Scope-OrgID"
FASTEST_GZIP = {"compression": "gzip", "compression_params": {"level": 1}}
"""To Prometheus, which takes gzip or nothing (storage/remote/codec.go, DecodeOTLPWriteRequest). Go's own at its default
level, 6, takes more processor time than all else that a gateway does to a metric point."""


def owners(context: Context) -> list[str]:
    """Return every tenant that is written for: those of the region, and the platform."""
    return [*context.tenants, names.PLATFORM_TENANT]


def prometheus(context: Context) -> list[str]:
    """Return the exporters of metrics: replicas of Prometheus do not share what is pushed to one of them."""
    return [f"otlp_http/prometheus-{number}" for number in range(len(addresses.prometheus_replica_urls(context)))]


def exporters(context: Context) -> Config:
    """Return the exporters to Loki, Tempo and Prometheus.

    The tenant's header is fixed per exporter: a header taken from the request does not survive sampling or a queue.
    """
    made: Config = {}
    for tenant in owners(context):
        header = {"headers": {TENANT_HEADER: tenant}, "compression": COMPRESSION}
        made[f"otlp_http/logs-{tenant}"] = {
            "endpoint": f"{addresses.loki_url()}/otlp",
            **header,
            **delivery(queues.of_bytes(context, "logs", queues.tenant_share(context, tenant, "logs"))),
        }
        made[f"otlp_grpc/traces-{tenant}"] = {
            "endpoint": addresses.tempo_otlp_endpoint(context),
            "tls": {"insecure": True},
            **header,
            **delivery(queues.of_bytes(context, "traces", queues.tenant_share(context, tenant, "traces"))),
        }
    replicas = prometheus(context)
    for name, url in zip(replicas, addresses.prometheus_replica_urls(context), strict=True):
        # One at a time: Prometheus takes late samples within its window, but in order is cheaper.
        made[name] = {
            "endpoint": f"{url}/api/v1/otlp",
            **FASTEST_GZIP,
            **delivery(queues.of_bytes(context, "metrics", 1 / len(replicas)), consumers=1),
        }
    return made


def connectors(context: Context) -> Config:
    """Return the routing connectors: to the tenant's pipeline by the resource's tenant, else to the platform's.

    The collector refuses an empty table, so where no tenant runs yet the platform stands in it itself.
    """
    tenant = attribute(names.TENANT_LABEL)
    return {
        f"routing/{signal}": {
            "default_pipelines": [f"{signal}/{names.PLATFORM_TENANT}"],
            "error_mode": "ignore",
            "table": [
                {"condition": f"{tenant} == {ottl(name)}", "pipelines": [f"{signal}/{name}"]}
                for name in context.tenants or [names.PLATFORM_TENANT]
            ],
        }
        for signal in ("logs", "traces")
    }


def pipelines(context: Context) -> Config:
    """Return the pipelines of the tenants: from the router to the tenant's exporter, and to its sinks."""
    kinds = {"logs": "otlp_http", "traces": "otlp_grpc"}
    return {
        f"{signal}/{tenant}": pipeline(
            [f"routing/{signal}"], [], [f"{kind}/{signal}-{tenant}", *sinks.of_tenant(context, tenant, signal)]
        )
        for signal, kind in kinds.items()
        for tenant in owners(context)
    }
