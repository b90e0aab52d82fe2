"""What applications send besides requests, so that the panels about it have something to show in the lab.

Names and labels are those of docs/integrations.md, "What a service must export", sent as an SDK would: by OTLP, from a
pod of the tenant.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from automation.verify import otlp
from lab.telemetry.producer import Producer

_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
OLD_DAYS: Final = 30
"""Loki refuses what is older than a week."""
Labels = Mapping[str, str]


def told(pod: Producer, service: str, metrics: Iterable[Metric]) -> None:
    """Send metrics of a service."""
    with otlp.Client(pod.agent.otlp_http, pod.address) as client:
        client.send(otlp.of_metrics([(otlp.resource({"service.name": service}), metrics)]))


def calls(count: int, now_ns: int) -> list[Metric]:
    """Return what the client libraries of gRPC say of so many calls, all at once."""
    stock = {"grpc.target": "dns:///stock", "grpc.method": "stock.v1.Stock/Get"}
    conventions = {"rpc.system.name": "grpc", "rpc.method": "stock.v1.Stock/Get", "server.address": "stock"}
    before = {"rpc.system": "grpc", "rpc.service": "stock.v1.Stock", "rpc.method": "Get"}
    middleware = {"grpc.service": "stock.v1.Stock", "grpc.method": "Get"}
    answers = [
        *(({**stock, "grpc.status": code}, count) for code in ("OK", "UNAVAILABLE", "DEADLINE_EXCEEDED")),
    ]
    codes = [*(({**middleware, "grpc.code": code}, count) for code in ("OK", "DeadlineExceeded"))]
    return [
        _histogram("grpc.client.call.duration", "s", now_ns, answers),
        _histogram(
            "rpc.client.call.duration", "s", now_ns, [({**conventions, "rpc.response.status_code": "OK"}, count)]
        ),
        _histogram("rpc.client.duration", "ms", now_ns, [({**before, "rpc.grpc.status_code": "0"}, count)]),
        _histogram("grpc.client.handling", "s", now_ns, [(middleware, count)]),
        _counter("grpc.client.handled", now_ns, codes),
    ]


def deliveries(count: int, now_ns: int) -> list[Metric]:
    """Return what a service that tells partners says of so many deliveries of each outcome."""
    paid = {"event_type": "order.paid"}
    outcomes = [({**paid, "outcome": outcome}, count) for outcome in ("delivered", "failed")]
    return [
        _counter("webhook.deliveries", now_ns, outcomes),
        _histogram("webhook.delivery.duration", "s", now_ns, [(paid, count)]),
    ]


def orders(pod: Producer, service: str, now_ns: int) -> None:
    """Send the states that orders enter, and their age, from fifty minutes ago until now.

    The share of a day's orders that never ended is of orders which had half an hour for it.
    """
    states = ("CREATED", "PAYMENT_CREATED", "COMPLETED")
    for count, minutes in enumerate((50, 40, 1, 0), start=1):
        at = now_ns - minutes * _MINUTE
        entered = [({"saga": "order", "state": state}, count * 10) for state in states]
        told(pod, service, [_counter("saga.transitions", at, entered)])
    waiting = NumberDataPoint(
        attributes=otlp.attributes({"saga": "order", "state": "PAYMENT_CREATED"}), time_unix_nano=now_ns, as_double=40.0
    )
    told(pod, service, [Metric(name="saga.oldest_unfinished", unit="s", gauge=Gauge(data_points=[waiting]))])


def planned(pod: Producer) -> None:
    """Write a plan as PostgreSQL's jsonlog does, to the file in which the kubelet keeps a container's output."""
    plan = {"query_id": -77, "message": 'duration: 812.5 ms  plan:\n{"Query Text": "select 1"}'}
    with pod.log_file.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat()} stdout F {json.dumps(plan)}\n")


def late(pod: Producer, service: str) -> None:
    """Send a line that Loki refuses for its age, so that the collectors fail with it and Loki counts it."""
    then = time.time_ns() - OLD_DAYS * 24 * 60 * _MINUTE
    record = LogRecord(time_unix_nano=then, observed_time_unix_nano=time.time_ns(), body=otlp.text("too late"))
    with otlp.Client(pod.agent.otlp_http, pod.address) as client:
        client.send(otlp.of_records([(otlp.resource({"service.name": service}), [record])]))


def _counter(name: str, now_ns: int, values: Iterable[tuple[Labels, int]]) -> Metric:
    made = Sum(aggregation_temporality=_CUMULATIVE, is_monotonic=True)
    for labels, value in values:
        made.data_points.add(
            attributes=otlp.attributes(labels),
            start_time_unix_nano=now_ns - 60 * _MINUTE,
            time_unix_nano=now_ns,
            as_int=value,
        )
    return Metric(name=name, unit="1", sum=made)


def _histogram(name: str, unit: str, now_ns: int, values: Iterable[tuple[Labels, int]]) -> Metric:
    made = Histogram(aggregation_temporality=_CUMULATIVE)
    made.data_points.extend(_points(now_ns, values))
    return Metric(name=name, unit=unit, histogram=made)


def _points(now_ns: int, values: Iterable[tuple[Labels, int]]) -> Iterator[HistogramDataPoint]:
    for labels, value in values:
        yield HistogramDataPoint(
            attributes=otlp.attributes(labels),
            start_time_unix_nano=now_ns - 60 * _MINUTE,
            time_unix_nano=now_ns,
            count=2 * value,
            sum=float(value),
            explicit_bounds=(0.1, 1.0),
            bucket_counts=(value, value, 0),
        )
