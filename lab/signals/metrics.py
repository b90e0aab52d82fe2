"""Requests as metrics, as an SDK adds them up: cumulative, every export with every series, exemplars of new ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from automation.verify import otlp
from lab.signals.path import Hop
from lab.signals.traces import Request

DURATION: Final = "http.server.request.duration"
"""A histogram in seconds, by the semantic conventions; Prometheus writes it http_server_request_duration_seconds."""
HANDLED: Final = "signals.requests"
"""A counter; Prometheus writes it signals_requests_total."""
SEQUENCE: Final = "signals.sequence"
"""A gauge that counts the exports of a service: 1, 2, 3, each at a moment of its own. A gap is a lost export."""
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass(frozen=True)
class _Observed:
    hop: Hop
    request: Request
    span: Span

    @property
    def seconds(self) -> float:
        return (self.span.end_time_unix_nano - self.span.start_time_unix_nano) / 1e9


@dataclass
class Meter:
    """The meters of one service in one pod."""

    start_ns: int
    exports: int = 0
    taken: int = 0
    """How many requests the last export counted that a collector took."""
    _observed: list[_Observed] = field(default_factory=list)
    _exported: int = 0

    def observe(self, hop: Hop, request: Request, span: Span) -> None:
        """Count one request that was served, by its span, which is the exemplar."""
        self._observed.append(_Observed(hop, request, span))

    @property
    def observed(self) -> int:
        """How many requests were counted so far."""
        return len(self._observed)

    def export(self, now_ns: int) -> list[Metric]:
        """Return all metrics of the service at a moment."""
        self.exports += 1
        histogram = Histogram(aggregation_temporality=_CUMULATIVE)
        counter = Sum(aggregation_temporality=_CUMULATIVE, is_monotonic=True)
        for number, each in enumerate(self._observed):
            # Ids that no metric may keep, on purpose: what is left after they are dropped must be added up.
            labels = otlp.attributes({**each.hop.attributes, **each.request.ids})
            point = HistogramDataPoint(
                attributes=labels,
                start_time_unix_nano=self.start_ns,
                time_unix_nano=now_ns,
                count=1,
                sum=each.seconds,
                explicit_bounds=BOUNDS,
                bucket_counts=_bucket(each.seconds),
            )
            if number >= self._exported:
                point.exemplars.append(
                    Exemplar(
                        time_unix_nano=each.span.end_time_unix_nano,
                        as_double=each.seconds,
                        trace_id=each.span.trace_id,
                        span_id=each.span.span_id,
                    )
                )
            histogram.data_points.append(point)
            counter.data_points.add(
                attributes=labels, start_time_unix_nano=self.start_ns, time_unix_nano=now_ns, as_int=1
            )
        self._exported = len(self._observed)
        sequence = Gauge(data_points=[NumberDataPoint(time_unix_nano=now_ns, as_int=self.exports)])
        made = [Metric(name=SEQUENCE, gauge=sequence)]
        if self._observed:
            made += [
                Metric(name=DURATION, unit="s", histogram=histogram),
                Metric(name=HANDLED, unit="1", sum=counter),
            ]
        return made


def _bucket(seconds: float) -> list[int]:
    counts = [0] * (len(BOUNDS) + 1)
    counts[next((n for n, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))] = 1
    return counts
