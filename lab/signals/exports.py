"""From requests to OTLP exports: whose pod sends which spans, lines and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from automation.verify import otlp
from lab.signals import logs
from lab.signals.logs import Line
from lab.signals.metrics import Meter
from lab.signals.plan import Fleet, Plan, Pod
from lab.signals.sent import Sent
from lab.signals.traces import Request, owner

LARGEST: Final = 4_000
"""Spans or lines in one export: about 1 MB, well below the 16 MiB that an agent takes."""


@dataclass(frozen=True)
class Export:
    """One OTLP request, and what it means when it is taken."""

    signal: str
    request: otlp.Request
    items: int
    traces: frozenset[str] = frozenset()
    """Traces that it holds spans of."""
    taken: Callable[[Sent], None] = field(default=lambda _: None)
    """Counts what it holds beside spans."""


class Exports:
    """Makes the exports of a run; keeps a meter for each service and pod, as SDKs in these pods would."""

    def __init__(self, plan: Plan, fleet: Fleet, start_ns: int) -> None:
        self._plan = plan
        self._fleet = fleet
        self._start_ns = start_ns
        self._turns = {service: turn for turn, service in enumerate(plan.path.services)}
        self._resources: dict[str, Resource] = {}
        self._meters: dict[tuple[str, str, Pod], Meter] = {}

    def of(self, requests: list[Request], now_ns: int, sent: Sent) -> dict[Pod, list[Export]]:
        """Return the exports of some requests by the pod that sends them, and write the lines that go to files.

        Args:
            requests: all that happened since the last time.
            now_ns: the moment of the export.
            sent: counts the lines in files; all else is counted when it is taken.
        """
        found: dict[Pod, list[Export]] = {pod: [] for pod in self._fleet.pods}
        for pod, spans in self._spans(requests).items():
            found[pod] += self._traces(spans)
        if self._plan.logs:
            for pod, lines in self._lines(requests).items():
                in_files = [line for line in lines if line.stdout and pod.keeps_files]
                logs.write(pod, in_files)
                sent.lines += in_files
                found[pod] += self._records([line for line in lines if not (line.stdout and pod.keeps_files)])
        if self._plan.metrics:
            self._measure(requests)
            for (namespace, service, pod), meter in self._meters.items():
                found[pod].append(self._metrics(namespace, service, meter, now_ns))
        return found

    def _pod(self, namespace: str, service: str) -> Pod:
        return self._fleet.of(namespace, service, self._turns[service])

    def _resource(self, service: str) -> Resource:
        made = self._resources.get(service)
        if made is None:
            made = otlp.resource({"service.name": service, **self._plan.claims})
            self._resources[service] = made
        return made

    def _spans(self, requests: list[Request]) -> dict[Pod, list[tuple[str, Span]]]:
        found: dict[Pod, list[tuple[str, Span]]] = {}
        for request in requests:
            for hop, span in zip(self._plan.path.hops, request.spans, strict=True):
                if span is not None:
                    pod = self._pod(owner(self._plan, request, hop), hop.service)
                    found.setdefault(pod, []).append((hop.service, span))
        return found

    def _traces(self, spans: list[tuple[str, Span]]) -> Iterator[Export]:
        for at in range(0, len(spans), LARGEST):
            part = spans[at : at + LARGEST]
            groups: dict[str, list[Span]] = {}
            for service, span in part:
                groups.setdefault(service, []).append(span)
            request = otlp.of_spans((self._resource(service), each) for service, each in groups.items())
            yield Export("traces", request, len(part), frozenset(span.trace_id.hex() for _, span in part))

    def _lines(self, requests: list[Request]) -> dict[Pod, list[Line]]:
        found: dict[Pod, list[Line]] = {}
        for line in (each for request in requests for each in logs.lines(self._plan, request)):
            found.setdefault(self._pod(line.namespace, line.service), []).append(line)
        return found

    def _records(self, lines: list[Line]) -> Iterator[Export]:
        for at in range(0, len(lines), LARGEST):
            part = lines[at : at + LARGEST]
            groups: dict[str, list[Line]] = {}
            for line in part:
                groups.setdefault(line.service, []).append(line)
            request = otlp.of_records(
                (self._resource(service), [line.record() for line in each]) for service, each in groups.items()
            )
            yield Export("logs", request, len(part), taken=_Lines(part))

    def _measure(self, requests: list[Request]) -> None:
        for request in requests:
            for hop, span in zip(self._plan.path.hops, request.spans, strict=True):
                if span is None or not hop.serves:
                    continue
                namespace = owner(self._plan, request, hop)
                key = (namespace, hop.service, self._pod(namespace, hop.service))
                meter = self._meters.setdefault(key, Meter(self._start_ns))
                meter.observe(hop, request, span)

    def _metrics(self, namespace: str, service: str, meter: Meter, now_ns: int) -> Export:
        request = otlp.of_metrics([(self._resource(service), meter.export(now_ns))])
        return Export("metrics", request, 1, taken=_Exported(namespace, service, meter, meter.observed))


@dataclass(frozen=True)
class _Lines:
    lines: list[Line]

    def __call__(self, sent: Sent) -> None:
        sent.lines += self.lines


@dataclass(frozen=True)
class _Exported:
    namespace: str
    service: str
    meter: Meter
    counted: int

    def __call__(self, sent: Sent) -> None:
        sent.exports[self.namespace, self.service] += 1
        # Cumulative: this export also has what a refused one before it had.
        sent.served[self.namespace, self.service] += self.counted - self.meter.taken
        self.meter.taken = self.counted
