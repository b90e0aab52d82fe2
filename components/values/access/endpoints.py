"""What may be asked of each backend: everything that is not listed here is refused.

The lists follow the HTTP APIs of Loki 3.7, Tempo 2.8 to 2.10, Prometheus 3 and Alertmanager 0.28 (API v2). Left out
are writes, deletions, rules' definitions, and whatever describes the whole backend: configuration, rings, targets,
flags, TSDB statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "[a-zA-Z_][a-zA-Z0-9_]*"
"""A label's name in a path."""
ATTRIBUTE = "[a-zA-Z0-9_.:-]+"
"""A trace attribute's name in a path, such as `resource.service.name`."""
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""A silence's id."""
READ = ("GET",)
FORM = ("GET", "POST")
"""Queries that are too long for an address come as a form."""


@dataclass(frozen=True)
class Endpoints:
    """Paths that are open to some methods, below the backend's own root."""

    methods: tuple[str, ...]
    paths: tuple[str, ...]
    """Regular expressions, each matching a whole path."""

    @property
    def pattern(self) -> str:
        """Return one expression for all paths, without anchors."""
        return f"(?:{'|'.join(self.paths)})"


LOKI = (
    Endpoints(FORM, tuple(f"/loki/api/v1/{path}" for path in ("query", "query_range", "series", "labels"))),
    Endpoints(
        READ,
        tuple(
            f"/loki/api/v1/{path}"
            for path in (
                f"label/{NAME}/values",
                "index/stats",
                "index/volume",
                "index/volume_range",
                "patterns",
                "detected_labels",
                "detected_fields",
                f"detected_field/{NAME}/values",
                "status/buildinfo",
            )
        ),
    ),
)
LOKI_TAIL = Endpoints(READ, ("/loki/api/v1/tail",))
"""A websocket; of one org id only, Loki knows no tail across tenants."""

TEMPO = (
    Endpoints(
        READ,
        (
            "/api/echo",
            "/api/status/buildinfo",
            "/api/(?:v2/)?traces/[0-9a-fA-F]{1,32}",
            "/api/search",
            "/api/(?:v2/)?search/tags",
            rf"/api/(?:v2/)?search/tag/\.?{ATTRIBUTE}/values",
        ),
    ),
)
"""Without /api/metrics: metrics of TraceQL take a processor that is not on."""

PROMETHEUS = (
    Endpoints(
        FORM, tuple(f"/api/v1/{path}" for path in ("query", "query_range", "query_exemplars", "series", "labels"))
    ),
    Endpoints(READ, ("/federate", f"/api/v1/label/{NAME}/values", "/api/v1/rules", "/api/v1/alerts")),
)
"""What prom-label-proxy enforces. It has no way to enforce /api/v1/metadata, which lists every tenant's metrics."""
PROMETHEUS_VERSION = Endpoints(READ, ("/api/v1/status/buildinfo",))
"""Grafana asks it to know what the server can; it says nothing of anybody's data."""
PROMETHEUS_ACROSS = (
    Endpoints(
        READ,
        ("/api/v1/metadata", "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/status/(?:runtimeinfo|tsdb)"),
    ),
)

ALERTMANAGER = (
    Endpoints(READ, ("/api/v2/alerts", "/api/v2/alerts/groups")),
    Endpoints(FORM, ("/api/v2/silences",)),
    Endpoints(("DELETE",), (f"/api/v2/silence/{UUID}",)),
)
ALERTMANAGER_ACROSS = (Endpoints(READ, ("/api/v2/status", "/api/v2/receivers", f"/api/v2/silence/{UUID}")),)
"""Status shows the whole routing tree, every tenant's channels in it."""
