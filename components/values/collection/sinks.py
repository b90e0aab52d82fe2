"""Further destinations: any OTLP endpoint, Elasticsearch. Copies, made after sampling and redaction."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import queues
from components.values.collection.pieces import Config, attribute, delivery, ottl, pipeline
from components.values.context import Context
from settings import names
from settings.sink import Sink
from settings.vocabulary import Signal, SinkKind

FORK = "forward/sinks"
"""Where metrics leave for sinks, if there is one that takes metrics."""


def variable(name: str) -> str:
    """Return the environment variable that holds a sink's credential."""
    return f"SINK_{name.upper().replace('-', '_')}"


def _sinks(context: Context) -> dict[str, Sink]:
    return dict(sorted(context.platform.collection.sinks.items()))


def _taking(context: Context, signal: Signal) -> dict[str, Sink]:
    return {name: sink for name, sink in _sinks(context).items() if signal in sink.signals}


def _exporter(name: str, sink: Sink) -> str:
    kind = "otlp_http" if sink.kind is SinkKind.OTLP else "elasticsearch"
    return f"{kind}/sink-{name}"


def exporters(context: Context) -> Config:
    """Return the exporters; a credential is read from the environment, which a Secret fills."""
    sinks = _sinks(context)
    made: Config = {}
    for name, sink in sinks.items():
        made[_exporter(name, sink)] = {
            "endpoint": sink.endpoint,
            **({"headers": {sink.header: f"${{env:{variable(name)}}}"}} if sink.secret is not None else {}),
            **_delivery(sink, queues.of_bytes(context, "sinks", 1 / len(sinks))),
        }
    return made


def _delivery(sink: Sink, queue_bytes: int) -> Config:
    """Return queue and retry; Elasticsearch's exporter has retries of its own and calls them otherwise."""
    made = delivery(queue_bytes)
    if sink.kind is SinkKind.ELASTICSEARCH:
        retry = made.pop("retry_on_failure")
        made["retry"] = {
            "enabled": True,
            "initial_interval": retry["initial_interval"],
            "max_interval": retry["max_interval"],
            # Documents are retried; 429 and 5xx by default. 0 would mean its default of two.
            "max_retries": 1_000_000,
        }
    return made


def environment(context: Context) -> list[dict[str, Any]]:
    """Return the variables with the credentials, from the Secret that External Secrets writes."""
    return [
        {
            "name": variable(name),
            "valueFrom": {"secretKeyRef": {"name": addresses.SINKS_SECRET, "key": name}},
        }
        for name, sink in _sinks(context).items()
        if sink.secret is not None
    ]


def of_tenant(context: Context, tenant: str, signal: str) -> list[str]:
    """Return the exporters that take a tenant's logs or traces."""
    return [
        _exporter(name, sink)
        for name, sink in _taking(context, Signal(signal)).items()
        if sink.tenants is None or tenant in sink.tenants
    ]


def fork(context: Context) -> list[str]:
    """Return the connector that metrics go to besides Prometheus, if any sink takes metrics."""
    return [FORK] if _taking(context, Signal.METRICS) else []


def connectors(context: Context) -> Config:
    """Return the connectors that sinks need."""
    return {name: {} for name in fork(context)}


def processors(context: Context) -> Config:
    """Return the filters of sinks that take some tenants' metrics."""
    tenant = attribute(names.TENANT_LABEL)
    return {
        f"filter/sink-{name}": {
            "error_mode": "ignore",
            "metrics": {"datapoint": [f"not ContainsValue({ottl(sink.tenants)}, {_owner(tenant)})"]},
        }
        for name, sink in _taking(context, Signal.METRICS).items()
        if sink.tenants is not None
    }


def _owner(resource_tenant: str) -> str:
    """Return the tenant of a data point: edges between services have it on the point, all else on the resource."""
    return f"Coalesce([{attribute(names.TENANT_LABEL, 'datapoint')}, {resource_tenant}])"


def pipelines(context: Context) -> Config:
    """Return the pipelines of metrics to sinks; logs and traces leave from the tenants' own."""
    return {
        f"metrics/sink-{name}": pipeline(
            [FORK], [f"filter/sink-{name}"] if sink.tenants is not None else [], [_exporter(name, sink)]
        )
        for name, sink in _taking(context, Signal.METRICS).items()
    }
