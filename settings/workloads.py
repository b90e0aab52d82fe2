"""Which workloads a topology runs, and which of them have replicas and volumes to choose."""

from __future__ import annotations

from settings.units import Bytes
from settings.vocabulary import Topology, Workload

_SINGLE = frozenset({Workload.LOKI_SINGLE_BINARY, Workload.TEMPO_SINGLE_BINARY})
_LAYOUT_INDEPENDENT = frozenset({Workload.LOKI_GATEWAY})
_DISTRIBUTED = frozenset(w for w in Workload if w.startswith(("loki_", "tempo_"))) - _SINGLE - _LAYOUT_INDEPENDENT

PER_NODE = frozenset({Workload.NODE_EXPORTER, Workload.COLLECTOR_AGENT})
"""DaemonSets: the nodes give their number."""

ALONE = frozenset(
    {
        Workload.GRAFANA,
        Workload.PROMETHEUS_OPERATOR,
        Workload.KUBE_STATE_METRICS,
        Workload.COLLECTOR_CLUSTER,
        Workload.LOKI_SINGLE_BINARY,
        Workload.LOKI_COMPACTOR,
        Workload.TEMPO_SINGLE_BINARY,
    }
)
"""Workloads of which a second pod would do the same work again, could not have the first one's database, or would not
know of it."""

REPLICATED = frozenset({Workload.LOKI_INGESTER, Workload.TEMPO_INGESTER})
"""Workloads that write everything to most of up to three pods: to both where there are two."""

BESIDE = {Workload.PROM_LABEL_PROXY: Workload.ACCESS_PROXY}
"""Workloads that are containers in another's pods, which give their number."""

WITH_VOLUME = frozenset(
    {
        Workload.PROMETHEUS,
        Workload.ALERTMANAGER,
        Workload.GRAFANA,
        Workload.LOKI_SINGLE_BINARY,
        Workload.LOKI_INGESTER,
        Workload.LOKI_INDEX_GATEWAY,
        Workload.LOKI_COMPACTOR,
        Workload.TEMPO_SINGLE_BINARY,
        Workload.TEMPO_INGESTER,
        Workload.TEMPO_METRICS_GENERATOR,
        Workload.COLLECTOR_AGENT,
        Workload.COLLECTOR_GATEWAY,
    }
)
"""Workloads that keep something on a disk."""

SMALLEST_VOLUME = Bytes("1Gi")
"""The least that EBS makes; below it, shares of a volume round to nothing."""


def of(topology: Topology) -> frozenset[Workload]:
    """Return the workloads that a topology runs."""
    return frozenset(Workload) - (_SINGLE if topology is Topology.DISTRIBUTED else _DISTRIBUTED)
