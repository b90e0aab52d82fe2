"""Panels whose source a region in the lab cannot have, each with why; everything else must show data there.

All of these run on recorded samples of their exporters and applications in tests/dashboards/test_panels.py and
test_store_panels.py. None may be here that shows data in the lab: a test looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dashboards.filling import Query

EVERY = ("*",)
"""Each panel of a dashboard."""


@dataclass(frozen=True)
class Missing:
    """What the lab lacks, and the panels that show nothing for it."""

    why: str
    panels: MappingProxyType[str, Sequence[str]]
    """Titles by the dashboard's uid; `Title/B` is that query of a panel whose others have data."""
    always: bool = True
    """Whether it lacks it for good. Else it depends on what happened before and how long ago, and nobody looks."""

    def holds(self, query: Query) -> bool:
        """Return whether a query is among them."""
        titles = self.panels.get(query.dashboard, ())
        return titles == EVERY or query.panel in titles or f"{query.panel}/{query.ref}" in titles


MISSING = [
    Missing(
        "kubelet, cAdvisor and kube-state-metrics: the lab has no kubelet, its pods are local processes",
        MappingProxyType(
            {
                "kubernetes-workloads": EVERY,
                "service-overview": ("CPU of request", "Memory of limit", "Restarts"),
                "collector-pipeline": ("Memory of limit", "Restarts"),
            }
        ),
    ),
    Missing("DCGM and NVIDIA exporters: there is no GPU", MappingProxyType({"gpu": EVERY})),
    Missing("Kafka, JMX and RabbitMQ exporters: there is no broker", MappingProxyType({"kafka": EVERY})),
    Missing(
        "PostgreSQL exporters: there is no server; only what it logs is sent",
        MappingProxyType(
            {
                "postgres-connections": EVERY,
                "postgres-queries": (
                    "Slow queries",
                    "Slowest mean",
                    "Worst against usual",
                    "Cache hits",
                    "The statements that take most time",
                    "Mean by statement",
                    "Slow calls",
                    "Cache hit ratio",
                    "Against its own last 7 days",
                    "Hourly mean and usual",
                    "Plans logged",
                ),
            }
        ),
    ),
    Missing(
        "cert-manager: its pods do not run",
        MappingProxyType(
            {"collector-pipeline": ("Certificates",), "platform-overview": ("Until a certificate expires",)}
        ),
    ),
    Missing(
        "remote_write: the region of the lab has no long-term store",
        MappingProxyType({"platform-overview": ("Behind the long-term store",)}),
    ),
    Missing(
        "an hour, a day or a week of history: a run is minutes old",
        MappingProxyType(
            {
                "cardinality": ("Grown in a day", "Tenants/D", "Growth in an hour"),
                "cost-volume": ("Logs against last week",),
                "service-overview": ("Against yesterday",),
                "grpc-clients": ("Calls against an hour ago",),
                "webhooks": ("Deliveries against a week ago",),
            }
        ),
    ),
    Missing(
        "counts that rules make every 5 and 15 minutes, of which windows from 2 hours on and error budgets are sums",
        MappingProxyType(
            {
                "slo": (
                    "Least budget left",
                    "All objectives/B",
                    "Burn rate, 6h and 30m/A",
                    "Burn rate, 1d and 2h",
                    "Burn rate, 3d and 6h",
                    "Error budget left",
                )
            }
        ),
        always=False,
    ),
    Missing(
        "a collector that refuses or drops, a store that answers 5xx, Loki's first compaction after ten minutes",
        MappingProxyType(
            {
                "collector-pipeline": ("Refused by pod", "Dropped by exporter"),
                "platform-overview": ("Ingest that fails", "Since the last compaction of Loki"),
            }
        ),
        always=False,
    ),
]


def missing(query: Query) -> Iterator[Missing]:
    """Yield what the lab lacks for a query."""
    return (each for each in MISSING if each.holds(query))
