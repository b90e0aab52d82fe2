"""From ingest rates to replicas, memory and volumes.

The size of a region is a choice of rates; every number below follows from them by a stated rule, and any
single one can be overridden under `regions.<region>.overrides`.

Sources:
    Prometheus disk: https://prometheus.io/docs/prometheus/latest/storage/ (1 to 2 bytes per sample; 2 taken).
    Prometheus memory: 8 KiB per active series, head and query share, the usual rule of its maintainers.
    Loki: https://grafana.com/docs/loki/latest/setup/size/ (tier below 3 TB/day: per replica CPU, memory and
        replicas; read 2026-11-21).
    Tempo: https://grafana.com/docs/tempo/latest/setup/size/ (one replica per so many MB/s received: distributor
        10, ingester 3 to 5, querier 1 to 2, compactor 3 to 5; memory from 4 GB; read 2026-11-21).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from settings.base import Model
from settings.platform import Collection, Platform, Retention
from settings.units import Bytes, Cpu
from settings.vocabulary import Size, Topology, Workload


class Rates(Model):
    """What a region of one size takes in, sustained."""

    samples_per_second: int
    """Prometheus samples per second, scraped and pushed."""
    log_mb_per_second: float
    """Log volume in MB/s, uncompressed."""
    spans_per_second: int
    """Spans per second before sampling."""


RATES: Mapping[Size, Rates] = {
    Size.SMALL: Rates(samples_per_second=20_000, log_mb_per_second=1.0, spans_per_second=2_000),
    Size.MEDIUM: Rates(samples_per_second=100_000, log_mb_per_second=10.0, spans_per_second=20_000),
    Size.LARGE: Rates(samples_per_second=300_000, log_mb_per_second=30.0, spans_per_second=60_000),
}
"""The closed choice. Beyond large, shard by adding a region entry for the same cloud region."""

SCRAPE_INTERVAL_SECONDS = 30
BYTES_PER_SAMPLE = 2
BYTES_PER_SERIES = 8 * 1024
BYTES_PER_SPAN = 500
"""Mean size of a span as OTLP with HTTP semantic conventions; between 300 and 1,000 in practice."""
SPAN_IN_MEMORY = 4
"""A span in a collector's memory is about four times its size on the wire: pointers, and its resource's copy."""
WAITING_SHARE = 0.4
"""Share of a gateway's memory for traces that wait for their decision."""
LOKI_TIER_MB_PER_SECOND = 35
"""Rate of Loki's smallest published tier: 3 TB a day."""
KEPT_SHARE = 0.3
"""Share of the spans that tail sampling keeps, sustained: errors, slow traces and the background sample."""
DISK_HEADROOM = 1.3
"""Blocks being compacted, write-ahead log and index on top of samples."""


class Need(Model):
    """What one workload is given."""

    replicas: int
    """Pods; 0 for a DaemonSet, whose number follows the nodes."""
    cpu: Cpu
    """CPU request per pod."""
    memory: Bytes
    """Memory request and limit per pod."""
    volume: Bytes | None = None
    """Volume per pod; None where the workload has none."""


Sizing = Mapping[Workload, Need]


def for_region(platform: Platform, region: str) -> Sizing:
    """Return what every workload of a region is given, overrides applied.

    Args:
        platform: the environment.
        region: a key of `platform.regions`.

    Returns:
        One `Need` for each `Workload` of the topology in force.
    """
    entry = platform.regions[region]
    rates = RATES[entry.size]
    redundant = platform.layout is Topology.DISTRIBUTED
    needs = {
        **_metrics(rates, platform.retention, redundant),
        **(_loki_distributed(rates) if redundant else _loki_single(rates)),
        **(_tempo_distributed(rates) if redundant else _tempo_single(rates)),
        **_collection(rates, redundant, platform.collection),
        **_access(redundant),
    }
    for workload, footprint in entry.overrides.items():
        if workload in needs:
            changes = footprint.model_dump(exclude_none=True)
            needs[workload] = Need.model_validate({**needs[workload].model_dump(), **changes})
    return needs


def _need(replicas: int, cpu: str, mebibytes: float, volume_gib: float | None = None) -> Need:
    """Round memory up to 128 MiB and volumes up to 10 GiB, so that small changes of rates change nothing."""
    memory = Bytes(f"{max(1, math.ceil(mebibytes / 128)) * 128}Mi")
    volume = None if volume_gib is None else Bytes(f"{max(1, math.ceil(volume_gib / 10)) * 10}Gi")
    return Need(replicas=replicas, cpu=Cpu(cpu), memory=memory, volume=volume)


def _scaled(millicores: int, mebibytes: int, replicas: float, least: int, volume_gib: float | None = None) -> Need:
    """Return enough pods for a load, each asking for its share of a published replica.

    Args:
        millicores: CPU of one fully loaded replica.
        mebibytes: memory of one fully loaded replica.
        replicas: how many of those the load takes; a fraction.
        least: pods that availability takes.
        volume_gib: volume per pod.

    Returns:
        At least a quarter of the CPU, half of the memory and 512 MiB per pod: what a process needs when idle, and
        for a single request of the largest size.
    """
    pods = max(least, math.ceil(replicas))
    load = replicas / pods
    cpu = math.ceil(millicores * max(0.25, load) / 50) * 50
    return _need(pods, f"{cpu}m", max(512, mebibytes * max(0.5, load)), volume_gib)


def _metrics(rates: Rates, retention: Retention, redundant: bool) -> dict[Workload, Need]:
    series = rates.samples_per_second * SCRAPE_INTERVAL_SECONDS
    memory = series * BYTES_PER_SERIES / 2**20
    disk = rates.samples_per_second * BYTES_PER_SAMPLE * retention.metrics.seconds * DISK_HEADROOM / 2**30
    cores = max(1, math.ceil(rates.samples_per_second / 50_000))
    return {
        Workload.PROMETHEUS: _need(2 if redundant else 1, str(cores), memory, disk),
        Workload.ALERTMANAGER: _need(3 if redundant else 1, "50m", 256, 10),
        Workload.GRAFANA: _need(1, "250m", 512, 10),
        Workload.PROMETHEUS_OPERATOR: _need(1, "100m", 256),
        Workload.KUBE_STATE_METRICS: _need(1, "100m", 256 + series / 10_000),
        Workload.NODE_EXPORTER: _need(0, "50m", 128),
    }


def _cores(cores: float) -> str:
    """Return whole cores, at least one: a single process does all roles' work, which nobody has published."""
    return str(max(1, math.ceil(cores)))


def _loki_single(rates: Rates) -> dict[Workload, Need]:
    return {
        Workload.LOKI_SINGLE_BINARY: _need(
            1, _cores(rates.log_mb_per_second / 5), 1024 + 512 * rates.log_mb_per_second, 20
        ),
        Workload.LOKI_GATEWAY: _need(1, "50m", 128),
    }


def _loki_distributed(rates: Rates) -> dict[Workload, Need]:
    """Return the replicas, CPU and memory of Loki's published tier below 3 TB/day, scaled to the rate.

    Volumes and caches are not published; they are ours, and `regions.*.overrides` changes them.
    """
    share = rates.log_mb_per_second / LOKI_TIER_MB_PER_SECOND
    return {
        Workload.LOKI_DISTRIBUTOR: _scaled(2000, 512, replicas=4 * share, least=2),
        Workload.LOKI_INGESTER: _scaled(2000, 4096, replicas=6 * share, least=3, volume_gib=30),
        Workload.LOKI_QUERIER: _scaled(1000, 1024, replicas=10 * share, least=2),
        Workload.LOKI_QUERY_FRONTEND: _scaled(1000, 2048, replicas=2 * share, least=2),
        Workload.LOKI_QUERY_SCHEDULER: _scaled(1000, 512, replicas=2 * share, least=2),
        Workload.LOKI_INDEX_GATEWAY: _scaled(500, 2048, replicas=4 * share, least=2, volume_gib=20),
        # A singleton: it grows in memory only, to the tier's 10 GiB and beyond.
        Workload.LOKI_COMPACTOR: _need(1, "2" if share > 0.5 else "1", max(2048, 10240 * share), 20),
        Workload.LOKI_GATEWAY: _need(2, "100m", 128),
        Workload.LOKI_CHUNKS_CACHE: _need(1, "100m", max(512, 8192 * share)),
        Workload.LOKI_RESULTS_CACHE: _need(1, "100m", max(256, 1024 * share)),
    }


def _span_mb(rates: Rates) -> float:
    return rates.spans_per_second * BYTES_PER_SPAN / 1e6


def _tempo_single(rates: Rates) -> dict[Workload, Need]:
    received = _span_mb(rates)
    return {Workload.TEMPO_SINGLE_BINARY: _need(1, _cores(received / 2), 1024 + 1024 * received, 20)}


def _tempo_distributed(rates: Rates) -> dict[Workload, Need]:
    """Return Tempo's published replicas per MB/s: writes for every span, reads for what sampling keeps.

    An incident makes most traces errors, and errors are all kept: the write path must take the full rate just
    then. What is stored and searched follows the sustained share. The generator's numbers are not published; it
    sees the same spans as a distributor.
    """
    received = _span_mb(rates)
    kept = received * KEPT_SHARE
    return {
        Workload.TEMPO_DISTRIBUTOR: _scaled(2000, 2048, replicas=received / 10, least=2),
        Workload.TEMPO_INGESTER: _scaled(2500, 4096, replicas=received / 4, least=3, volume_gib=20),
        Workload.TEMPO_QUERIER: _scaled(1000, 4096, replicas=kept / 1.5, least=2),
        Workload.TEMPO_QUERY_FRONTEND: _scaled(1000, 4096, replicas=kept / 10, least=2),
        Workload.TEMPO_COMPACTOR: _scaled(1000, 4096, replicas=kept / 4, least=1),
        Workload.TEMPO_METRICS_GENERATOR: _scaled(1000, 2048, replicas=received / 10, least=2, volume_gib=10),
        Workload.TEMPO_CACHE: _need(1, "100m", max(256, 32 * received)),
    }


def _collection(rates: Rates, redundant: bool, collection: Collection) -> dict[Workload, Need]:
    """Give a gateway memory for the traces that wait for their decision.

    Twice over for bursts and uneven hashing where they have a root, and for all that arrives where none has one, as
    when the callers of a region trace but send their spans elsewhere.
    """
    gateways = max(2 if redundant else 1, math.ceil(rates.spans_per_second / 15_000))
    seconds = max(collection.decision_wait.seconds, 2 * collection.decision_wait_after_root.seconds)
    waiting = rates.spans_per_second * seconds / gateways
    window = waiting * BYTES_PER_SPAN * SPAN_IN_MEMORY / WAITING_SHARE / 2**20
    return {
        Workload.OTEL_OPERATOR: _need(1, "100m", 256),
        Workload.COLLECTOR_AGENT: _need(0, "200m", 512, 10),
        Workload.COLLECTOR_GATEWAY: _need(gateways, "1", 1024 + window, 20),
        Workload.COLLECTOR_CLUSTER: _need(1, "100m", 512),
    }


def _access(redundant: bool) -> dict[Workload, Need]:
    replicas = 2 if redundant else 1
    return {
        Workload.ACCESS_PROXY: _need(replicas, "50m", 128),
        Workload.PROM_LABEL_PROXY: _need(replicas, "50m", 128),
    }
