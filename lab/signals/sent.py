"""What was sent, exactly: the other side of every count that a store must give back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lab.signals.logs import Line
from lab.signals.path import SERVES
from lab.signals.plan import Kind, Plan
from lab.signals.traces import Request, owner


class Call(NamedTuple):
    """What a span metric counts: spans that are alike."""

    namespace: str
    service: str
    name: str
    kind: str
    """As OTLP writes it, SPAN_KIND_SERVER."""
    failed: bool


class Edge(NamedTuple):
    """What a service graph counts: calls of one service to another."""

    client: str
    server: str
    namespace: str
    """Of the service that is called."""


@dataclass
class Sent:
    """Everything that collectors took in a run."""

    traces: dict[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    """Trace ids in hex, in the order of the requests."""
    spans: Counter[str] = field(default_factory=Counter)
    """Spans of each trace, by its id."""
    calls: Counter[Call] = field(default_factory=Counter)
    edges: Counter[Edge] = field(default_factory=Counter)
    failed_edges: Counter[Edge] = field(default_factory=Counter)
    orphans: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Server and consumer spans below another span in traces without a root, by namespace and service."""
    lines: list[Line] = field(default_factory=list)
    served: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests that the metrics of a service count, by namespace and service, in the last export that was taken."""
    exports: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Exports of metrics by namespace and service; each is one sample of the sequence."""
    refused: Counter[str] = field(default_factory=Counter)
    """Spans, lines and exports that no collector took in time, by signal."""
    broken: set[str] = field(default_factory=set)
    """Traces of which a part was refused."""
    retries: int = 0
    """Exports that were sent again."""
    seconds: float = 0.0

    def count(self, plan: Plan, request: Request) -> None:
        """Count a request all of whose spans were taken."""
        self.traces[request.kind].append(request.hex)
        self.spans[request.hex] = sum(span is not None for span in request.spans)
        for hop, span in zip(plan.path.hops, request.spans, strict=True):
            if span is None:
                continue
            namespace, failed = owner(plan, request, hop), span.status.code == span.status.STATUS_CODE_ERROR
            self.calls[Call(namespace, hop.service, hop.name, Span.SpanKind.Name(span.kind), failed)] += 1
            if request.kind is Kind.ORPHAN and span.kind in SERVES:
                self.orphans[namespace, hop.service] += 1
        for client, server in plan.path.edges:
            called = request.spans[server]
            if request.spans[client] is None or called is None:
                continue
            hop = plan.path.hops[server]
            edge = Edge(plan.path.hops[client].service, hop.service, owner(plan, request, hop))
            self.edges[edge] += 1
            if called.status.code == called.status.STATUS_CODE_ERROR:
                self.failed_edges[edge] += 1

    def summary(self) -> dict[str, object]:
        """Return the counts for people and pipelines."""
        return {
            "traces": {str(kind): len(ids) for kind, ids in self.traces.items()},
            "spans": self.spans.total(),
            "lines": len(self.lines),
            "exports of metrics": self.exports.total(),
            "refused": dict(self.refused),
            "retries": self.retries,
            "seconds": round(self.seconds, 2),
        }
