"""The gateway: measures spans, samples traces, masks secrets in what it keeps, and writes each tenant's signals."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import (
    exports,
    pieces,
    plans,
    queues,
    redaction,
    sampling,
    sinks,
    span_metrics,
    workload,
)
from components.values.collection.pieces import BATCH_BYTES, Config, pipeline
from components.values.context import Context
from settings.names import NAMESPACE
from settings.sizing import BYTES_PER_SPAN
from settings.vocabulary import Workload

DECOUPLED = "batch/decouple"
ROUTED = "routing/sampled"
SAMPLED = "batch/sampled"
SAMPLED_WAIT = "200ms"
"""How long traces that were kept wait for each other. The sampler hands them on one by one; each would be a
transaction of its own in the queue on disk, and the exporter weighs its whole batch anew for each."""
COMPACTED = "groupbyattrs"
"""Without keys: puts the spans of equal resources together. The sampler gives each trace a copy of each resource, of
some twenty attributes for a span or two, which masking would look at, and queues, networks and Tempo would carry."""
READER = "nop"
"""An exporter that reads and does nothing, so that not all takers of a fan-out write. The collector copies data for
what may write to it, at the first fan-out that has takers of both kinds: with this one that is behind the sampler, of
a tenth of the spans, and without it before the span metrics, of all (fanoutconsumer, Capabilities)."""
MAX_CONNECTION_AGE = "5m"
"""Agents connect anew this often, so that new and returned gateways get their share of logs and metrics."""


def config(context: Context) -> Config:
    """Return the gateway's configuration.

    Pipelines, in the order that data takes:
        traces/in -> span and edge metrics, and traces/sampling -> orphans, and traces/kept -> traces/<tenant>
        logs/in -> logs/<tenant>, and a count of PostgreSQL's plans -> metrics/plans
        metrics/in and metrics/generated -> every Prometheus replica
    """
    return {
        "extensions": pieces.extensions(),
        "receivers": {"otlp": _receiver()},
        "connectors": {
            "span_metrics": span_metrics.requests(),
            "span_metrics/orphans": span_metrics.orphans(),
            "service_graph": span_metrics.edges(context),
            "forward/sampling": {},
            ROUTED: sampling.routed(counted="traces/orphans", stored="traces/kept"),
            **exports.connectors(context),
            **sinks.connectors(context),
            **plans.connectors(context),
        },
        "processors": {
            "memory_limiter": pieces.memory_limiter(context, Workload.COLLECTOR_GATEWAY),
            "tail_sampling": sampling.sampled(context),
            "filter/orphans": sampling.orphans(),
            "transform/generated": span_metrics.generated(context),
            SAMPLED: {"timeout": SAMPLED_WAIT, "send_batch_size": BATCH_BYTES // BYTES_PER_SPAN},
            "transform/unnamed": sampling.unnamed(),
            COMPACTED: {},
            **redaction.of_spans(),
            **redaction.of_span_metrics(),
            DECOUPLED: _decoupled(),
            **sinks.processors(context),
            **plans.processors(context),
        },
        "exporters": {READER: {}, **exports.exporters(context), **sinks.exporters(context)},
        "service": pieces.service(_pipelines(context)),
    }


def arguments() -> list[str]:
    """Return the arguments that the gateway is started with besides its configuration, as the operator writes them."""
    return [f"--{name}={value}" for name, value in sampling.ARGUMENTS.items()]


def _receiver() -> Config:
    return {
        "protocols": {
            "grpc": {
                "endpoint": f"0.0.0.0:{addresses.OTLP_GRPC}",
                "max_recv_msg_size_mib": 16,
                "keepalive": {
                    "server_parameters": {
                        "max_connection_age": MAX_CONNECTION_AGE,
                        "max_connection_age_grace": "30s",
                    }
                },
            }
        }
    }


def _decoupled() -> Config:
    """Return a batch processor that does not batch (timeout 0) but keeps refusals of one exporter to itself.

    A full queue refuses, and the refusal would go back to the agent, which would send the whole batch again and
    again: to those that had taken it a second time, and to the one that cannot, with everybody's data waiting
    behind. One tenant over its limit would so stop a node. Behind this processor only the exporter with the full
    queue loses (otelcol_exporter_enqueue_failed_*). tail_sampling does the same for traces. The processor is to go
    with collector 0.177; batching itself is in the exporters' queues already.
    """
    return {"timeout": "0s", "send_batch_size": 0}


def _pipelines(context: Context) -> Config:
    prometheus = exports.prometheus(context)
    metrics = [*prometheus, *sinks.fork(context)]
    return {
        "traces/in": pipeline(["otlp"], ["memory_limiter"], ["span_metrics", "service_graph", "forward/sampling"]),
        "traces/sampling": pipeline(["forward/sampling"], ["tail_sampling"], [ROUTED, READER]),
        "traces/orphans": pipeline([ROUTED], ["filter/orphans"], ["span_metrics/orphans"]),
        "traces/kept": pipeline(
            [ROUTED], [SAMPLED, "transform/unnamed", COMPACTED, *redaction.OF_SPANS], ["routing/traces"]
        ),
        "logs/in": pipeline(
            ["otlp"],
            ["memory_limiter", DECOUPLED],
            ["routing/logs", *plans.exporters(context)],
        ),
        "metrics/in": pipeline(["otlp"], ["memory_limiter", DECOUPLED], metrics),
        "metrics/generated": pipeline(
            ["span_metrics", "span_metrics/orphans", "service_graph"],
            ["transform/generated", *redaction.OF_SPAN_METRICS],
            metrics,
        ),
        **exports.pipelines(context),
        **sinks.pipelines(context),
        **plans.pipelines(context, metrics),
    }


def spec(context: Context) -> dict[str, Any]:
    """Return the spec of the gateway's OpenTelemetryCollector.

    A StatefulSet, since each replica has a queue of its own to come back to, with a fixed number of replicas: each
    change of it sends traces in flight to another gateway, where half of them is missing.
    """
    need = context.sizing[Workload.COLLECTOR_GATEWAY]
    return {
        **workload.common(context, Workload.COLLECTOR_GATEWAY, config(context)),
        "args": dict(sampling.ARGUMENTS),
        "mode": "statefulset",
        "replicas": need.replicas,
        "serviceAccount": f"{addresses.GATEWAY}-collector",
        "podManagementPolicy": "Parallel",
        "env": [*workload.environment(context, Workload.COLLECTOR_GATEWAY), *sinks.environment(context)],
        **workload.restricted(),
        **workload.volume(context, str(queues.volume(context))),
        **({"podDisruptionBudget": {"maxUnavailable": 1}} if need.replicas > 1 else {}),
        **workload.spread(addresses.GATEWAY, NAMESPACE),
    }
