"""Requests as spans."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from automation.verify import otlp
from lab.signals.path import Hop
from lab.signals.plan import Kind, Plan

_MS = 1_000_000


@dataclass(frozen=True)
class Request:
    """One request: its ids, and its spans in the order of the path."""

    number: int
    kind: Kind
    trace_id: bytes
    namespace: str
    """Whose request it is; a service that the plan places elsewhere is somebody else's."""
    spans: tuple[Span | None, ...]
    """None for the root of an orphan."""
    ids: Mapping[str, str]
    """user_id, order_id and request_id."""

    @property
    def hex(self) -> str:
        """The trace id as everybody writes it."""
        return self.trace_id.hex()


def owner(plan: Plan, request: Request, hop: Hop) -> str:
    """Return the namespace that a span of a request is produced in."""
    return plan.placed.get(hop.service, request.namespace)


class Maker:
    """Makes the requests of a plan, the same ids for the same seed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # Of the services too: two paths with one seed would meet in some of their ids.
        self._ids = random.Random(f"{plan.seed} {plan.path.services}")  # noqa: S311 - repeatable on purpose
        self._kinds = plan.kinds()
        self._usual = [_prototype(hop) for hop in plan.path.hops]
        self._usual[0].attributes.extend(otlp.attributes(plan.secrets))

    def requests(self, first: int, count: int, now_ns: int) -> Iterator[Request]:
        """Make some of the plan's requests, in the order of their numbers; each number once.

        Args:
            first: number of the first.
            count: how many; fewer when the plan has no more.
            now_ns: when the last of them ends, in nanoseconds since 1970; each of the others ended one millisecond
                before the next.
        """
        end = min(first + count, self._plan.traces)
        for number in range(first, end):
            yield self._request(number, now_ns - (end - 1 - number) * _MS)

    def _request(self, number: int, now_ns: int) -> Request:
        plan, kind = self._plan, self._kinds[number]
        trace_id = self._ids.getrandbits(128).to_bytes(16, "big")
        length = (plan.slow_ms if kind is Kind.SLOW else plan.usual_ms) * _MS
        begin = now_ns - length
        ids = [self._ids.getrandbits(64).to_bytes(8, "big") for _ in plan.path.hops]
        spans: list[Span | None] = []
        for index, (hop, usual) in enumerate(zip(plan.path.hops, self._usual, strict=True)):
            span = Span()
            span.CopyFrom(usual)
            span.trace_id, span.span_id = trace_id, ids[index]
            span.start_time_unix_nano = begin + int(hop.start * length)
            span.end_time_unix_nano = begin + int(hop.end * length)
            if hop.parent is not None:
                span.parent_span_id = ids[hop.parent]
            if hop.link is not None:
                span.links.add(trace_id=trace_id, span_id=ids[hop.link])
            if kind is Kind.ERROR and index == plan.path.fails:
                span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "refused"
            spans.append(span)
        if kind is Kind.ORPHAN:
            spans[0] = None
        return Request(
            number,
            kind,
            trace_id,
            plan.namespaces[number % len(plan.namespaces)],
            tuple(spans),
            {
                "user_id": f"user-{number % plan.users}",
                "order_id": f"order-{plan.seed}-{number}",
                "request_id": f"request-{plan.seed}-{number}",
            },
        )


def _prototype(hop: Hop) -> Span:
    return Span(name=hop.name, kind=hop.kind, flags=1, attributes=otlp.attributes(hop.attributes))
