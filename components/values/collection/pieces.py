"""What the three collector configurations share: queues, retries, memory limits, telemetry, identity."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.values.context import Context
from settings import names
from settings.vocabulary import Workload

Config = dict[str, Any]
"""A collector configuration or a part of it, as the collector's YAML has it."""

VERSION = "0.158.0"
"""The collector's version: the one that the operator of the pinned chart was released with."""
IMAGE = f"ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib:{VERSION}"
"""The contrib distribution: the chart's default (k8s) holds neither span_metrics nor the Elasticsearch exporter."""

STATE = "/var/lib/otelcol"
"""Where a collector's volume is mounted: queues and read positions."""
STORAGE = "file_storage"
"""The extension that every queue and read position is kept in."""
HEALTH_PORT = 13133
METRICS_PORT = 8888
MEMORY_SHARE = 0.8
"""Share of the container's memory at which memory_limiter refuses; the rest is for what is in flight."""
SPIKE_SHARE = 0.2
"""Share of the limit that may arrive between two checks of memory_limiter."""
BATCH_BYTES = 1_000_000
"""A batch is sent from this size on (or after FLUSH). Loki and Tempo work best with batches of about 1 MB."""
BATCH_BYTES_MAX = 3_000_000
"""Larger batches are split: a gRPC server takes 4 MiB by default, and Tempo's is left at that."""
FLUSH = "1s"
"""How long a batch waits for more."""
COMPRESSION = "zstd"
"""Between collectors, and to Loki and Tempo: a third of the processor time of gzip, the default, and smaller."""

CUMULATIVE = "deltatocumulative"
"""The processor that adds deltas up. It does so where they still arrive in order and from one sender: Prometheus's own
feature (otlp-deltatocumulative) stands behind queues and several gateways, and what it gets late it leaves out."""
STREAM_SHARE = 0.1
"""Share of the container's memory that sums of deltas may take."""
STREAM_BYTES = 2048
"""What one of them takes: a histogram of some fifteen buckets with its labels."""

RESERVED = (names.TENANT_LABEL, names.REGION_LABEL, names.CLUSTER_LABEL, names.ENVIRONMENT_LABEL)
"""Attributes that only the platform sets."""


def ottl(value: str | Sequence[str]) -> str:
    """Return a value as an OTTL literal: a quoted string or a list of them."""
    return json.dumps(value if isinstance(value, str) else list(value))


def attribute(key: str, owner: str = "resource") -> str:
    """Return the OTTL path of an attribute."""
    return f"{owner}.attributes[{ottl(key)}]"


def memory_limiter(context: Context, workload: Workload) -> Config:
    """Return the memory_limiter of a collector: refuse at 80 % of its memory, checked every second.

    Absolute numbers, since a percentage means another thing on a machine without a container limit.
    """
    limit = int(context.sizing[workload].memory.mebibytes * MEMORY_SHARE)
    return {"check_interval": "1s", "limit_mib": limit, "spike_limit_mib": int(limit * SPIKE_SHARE)}


def cumulative(context: Context, workload: Workload) -> Config:
    """Return the processor that adds deltas up, and forgets a series that has been silent for an hour.

    New series above the limit are dropped and counted (otelcol_deltatocumulative_datapoints, error="limit").
    """
    memory = context.sizing[workload].memory.mebibytes * 2**20
    return {"max_stale": "1h", "max_streams": int(memory * STREAM_SHARE / STREAM_BYTES)}


def extensions() -> dict[str, Config]:
    """Return the extensions of every collector: health for the probes, files for the queues.

    Without fsync a queue survives the end of its process but not the loss of the machine; with it each batch costs
    a disk flush. A queue that an outage has grown is compacted once it is drained, or its volume never shrinks.
    """
    directory = f"{STATE}/storage"
    return {
        "health_check": {"endpoint": f"0.0.0.0:{HEALTH_PORT}"},
        STORAGE: {
            "directory": directory,
            "create_directory": True,
            "timeout": "10s",
            # A file broken by a lost node must not keep the collector from starting.
            "recreate": True,
            "compaction": {
                "directory": f"{STATE}/compaction",
                "on_rebound": True,
                "cleanup_on_start": True,
            },
        },
    }


def delivery(queue_bytes: int, consumers: int = 4) -> Config:
    """Return an exporter's queue, batching and retry: on disk, and retried until it is taken.

    The retry never gives up, so an outage costs nothing until the queue is full. Refusals that a retry cannot mend
    (HTTP 400) are dropped by the exporter itself and counted in otelcol_exporter_send_failed_*.

    Args:
        queue_bytes: how much the queue holds on disk. What comes after is dropped and counted in
            otelcol_exporter_enqueue_failed_*.
        consumers: batches under way at once.
    """
    return {
        "timeout": "30s",
        "retry_on_failure": {
            "enabled": True,
            "initial_interval": "1s",
            "max_interval": "30s",
            "max_elapsed_time": "0s",
        },
        "sending_queue": {
            "enabled": True,
            "storage": STORAGE,
            "sizer": "bytes",
            "queue_size": queue_bytes,
            "num_consumers": consumers,
            "batch": {"flush_timeout": FLUSH, "min_size": BATCH_BYTES, "max_size": BATCH_BYTES_MAX},
        },
    }


def telemetry() -> Config:
    """Return how a collector reports on itself: metrics for Prometheus to scrape, logs as JSON.

    The level `detailed` would add metrics of each RPC and of batches' bytes, for which every batch is weighed again.
    """
    return {
        "metrics": {
            "level": "normal",
            "readers": [{"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": METRICS_PORT}}}}],  # noqa: S104 - the pod's own address is not known here
        },
        "logs": {"encoding": "json", "level": "info"},
    }


def service(pipelines: Mapping[str, Config]) -> Config:
    """Return the service part of a configuration."""
    return {
        "extensions": list(extensions()),
        "telemetry": telemetry(),
        "pipelines": dict(pipelines),
    }


def pipeline(receivers: Sequence[str], processors: Sequence[str], exporters: Sequence[str]) -> Config:
    """Return a pipeline."""
    return {"receivers": list(receivers), "processors": list(processors), "exporters": list(exporters)}
