"""What is sent for one tenant: a failed trace of two spans, one log line in it, one gauge.

The trace has an error, since tail sampling keeps those whatever a tenant's limits are. Its spans are internal ones:
alerts and objectives count server and consumer spans, so that a canary fails nobody's service.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from automation.verify import otlp

SERVICE = "observability-canary"
METRIC = "observability_canary_sent_timestamp_seconds"
"""A gauge with the moment of sending as its value: one series per pod, however often it is sent."""
SPANS = 2
_DURATION_NS = 5_000_000


@dataclass(frozen=True)
class Canary:
    """One canary, with ids that no other has."""

    trace_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    span_ids: tuple[bytes, bytes] = field(default_factory=lambda: (secrets.token_bytes(8), secrets.token_bytes(8)))
    sent_ns: int = field(default_factory=time.time_ns)

    @property
    def body(self) -> str:
        """Return the log line, which holds the trace id for people to search."""
        return f"canary {self.trace_id.hex()}: this region takes signals in"

    @property
    def value(self) -> float:
        """Return the gauge's value: the moment of sending in seconds, exact to the millisecond."""
        return self.sent_ns // 1_000_000 / 1000

    def requests(self) -> list[otlp.Request]:
        """Return the three requests: trace, log, metric."""
        owner = otlp.resource({"service.name": SERVICE, "service.instance.id": SERVICE})
        return [
            otlp.of_spans([(owner, self._spans())]),
            otlp.of_records([(owner, [self._record()])]),
            otlp.of_metrics([(owner, [self._metric()])]),
        ]

    def _spans(self) -> list[Span]:
        root, child = self.span_ids
        failed = Status(code=Status.STATUS_CODE_ERROR, message="on purpose: sampling keeps what failed")
        return [self._span("canary", root), self._span("canary step", child, root, failed)]

    def _span(self, name: str, span_id: bytes, parent: bytes = b"", status: Status | None = None) -> Span:
        return Span(
            trace_id=self.trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=self.sent_ns - _DURATION_NS,
            end_time_unix_nano=self.sent_ns,
            status=status,
        )

    def _record(self) -> LogRecord:
        return LogRecord(
            time_unix_nano=self.sent_ns,
            observed_time_unix_nano=self.sent_ns,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            body=otlp.text(self.body),
            trace_id=self.trace_id,
            span_id=self.span_ids[0],
        )

    def _metric(self) -> Metric:
        point = NumberDataPoint(time_unix_nano=self.sent_ns, as_double=self.value)
        return Metric(name=METRIC, gauge=Gauge(data_points=[point]))
