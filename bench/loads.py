"""What a gateway is sent when its throughput is measured: requests as the shipped agents make them under load.

An agent hands on what the pods of its node export, each export with its own resource, which the agent has completed
(`identity`), in requests of `pieces.BATCH_BYTES` or a little more: its exporters wait for as much, or for a second.
Every service here is a pod that exports the spans, lines or points of 250 requests at once, which is what an SDK sends
in its five seconds from a service with some fifty requests a second.

Agents compress with zstd, which grpc for Python cannot: what is measured gets them through a collector that can.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from automation.verify import otlp
from bench import conventions
from components.values.collection import log_files, pieces
from components.values.context import Context
from lab.signals import logs as lines
from lab.signals.metrics import Meter
from lab.signals.path import CHECKOUT
from lab.signals.plan import Plan
from lab.signals.traces import Maker, Request
from settings import names

SIGNALS: Final = ("traces", "logs", "metrics")
TENANT: Final = "shop"
_CHUNK: Final = 250
"""Requests of each export."""
_METERED: Final = 1
"""Index of the hop whose service exports metrics: 250 series of a histogram and of a counter."""


@dataclass(frozen=True)
class Load:
    """Encoded requests of one signal, and how much they are in the unit that the signal is counted in."""

    signal: str
    requests: list[bytes]
    amount: float


def loads(context: Context, traces: int) -> list[Load]:
    """Return the requests of each signal, of so many traces: 14 spans, 14 log lines (MB) and two metric points each."""
    plan = Plan(traces=traces, path=CHECKOUT, metrics=False, padding=200)
    owners = {service: _pod(context, service) for service in CHECKOUT.services}
    maker, now = Maker(plan), time.time_ns()
    exports: dict[str, list[bytes]] = {signal: [] for signal in SIGNALS}
    amounts = dict.fromkeys(SIGNALS, 0.0)
    meter, metered = Meter(now), CHECKOUT.hops[_METERED]
    said = [conventions.constant(hop) for hop in CHECKOUT.hops]
    for first in range(0, traces, _CHUNK):
        made = list(maker.requests(first, _CHUNK, now))
        spans: dict[str, list[Span]] = {}
        records: dict[str, list[LogRecord]] = {}
        for request in made:
            for hop, constant, span in zip(CHECKOUT.hops, said, request.spans, strict=True):
                if span is not None:
                    span.attributes.extend([*constant, *conventions.varying(hop, request.number)])
                    spans.setdefault(hop.service, []).append(span)
            for line in lines.lines(plan, request):
                records.setdefault(line.service, []).append(_levelled(line))
                amounts["logs"] += len(line.body) / 1e6
        if first == 0:
            _observe(meter, made)
        metrics = meter.export(now + first * 1_000_000)
        amounts["traces"] += sum(map(len, spans.values()))
        amounts["metrics"] += sum(len(each.histogram.data_points) + len(each.sum.data_points) for each in metrics)
        exports["traces"] += [otlp.of_spans([(owners[of], each)]).SerializeToString() for of, each in spans.items()]
        exports["logs"] += [otlp.of_records([(owners[of], each)]).SerializeToString() for of, each in records.items()]
        exports["metrics"].append(otlp.of_metrics([(owners[metered.service], metrics)]).SerializeToString())
    return [Load(signal, _batched(each), amounts[signal]) for signal, each in exports.items()]


def _batched(exports: Iterable[bytes]) -> list[bytes]:
    """Return exports as requests of a batch's size: encoded messages, one behind the other, are one message."""
    requests, waiting = [], b""
    for export in exports:
        waiting += export
        if len(waiting) >= pieces.BATCH_BYTES:
            requests.append(waiting)
            waiting = b""
    return [*requests, waiting] if waiting else requests


def _pod(context: Context, service: str) -> Resource:
    """Return the resource of a pod by the time that its agent hands it on."""
    name = f"{service}-7d4b9c6f5d-x2x7k"
    return otlp.resource(
        {
            "service.name": service,
            "service.namespace": TENANT,
            "service.version": "1.42.0",
            "service.instance.id": name,
            "telemetry.sdk.language": "java",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.60.0",
            "k8s.namespace.name": TENANT,
            "k8s.pod.name": name,
            "k8s.pod.uid": "6a5b1c2d-0000-4000-8000-000000000001",
            "k8s.node.name": "node-0",
            "k8s.deployment.name": service,
            "k8s.container.name": service,
            "container.image.name": f"registry.example.com/{TENANT}/{service}",
            "container.image.tag": "1.42.0",
            names.TENANT_LABEL: TENANT,
            **context.identity,
        }
    )


def _levelled(line: lines.Line) -> LogRecord:
    record = line.record()
    record.attributes.extend(otlp.attributes({log_files.LEVEL: line.level}))
    return record


def _observe(meter: Meter, made: list[Request]) -> None:
    for each in made:
        span = each.spans[_METERED]
        if span is not None:
            meter.observe(CHECKOUT.hops[_METERED], replace(each, ids={"shard": str(each.number)}), span)
