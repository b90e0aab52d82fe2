"""A region as `verify` sees it: a place that takes signals, and stores that give them back."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.otlp import attributes
from tests.serving import Asked

_IDS = {"traceId": "trace_id", "spanId": "span_id"}


@dataclass
class Region:
    """A region that keeps canaries in memory and gives them back as the real programs would."""

    labels: dict[str, str]
    """What it puts on everything; a wrong tenant is a region that believes the wrong pod."""
    lost: str = ""
    """A signal that it takes and never gives back."""
    partial: str = ""
    """What it says of a part that it did not take."""
    requests: list[Asked] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        self.requests.append(asked)
        if asked.path.startswith("/v1/"):
            self.taken[asked.path.removeprefix("/v1/")] = asked.body
            return 200, self._response()
        self.queries += asked.query.get("query", [])
        signal = {"/api/t": "traces", "/loki/": "logs", "/api/v": "metrics"}[asked.path[:6]]
        if signal == self.lost or signal not in self.taken:
            return (404, b"") if signal == "traces" else (200, b'{"data": {"result": []}}')
        return 200, json.dumps({"traces": self._trace, "logs": self._line, "metrics": self._sample}[signal]()).encode()

    def _response(self) -> bytes:
        if not self.partial:
            return b""
        partial = ExportTracePartialSuccess(rejected_spans=1, error_message=self.partial)
        return ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    def _trace(self) -> dict[str, Any]:
        request = ExportTraceServiceRequest.FromString(self.taken["traces"])
        (spans,) = [scope.spans for each in request.resource_spans for scope in each.scope_spans]
        found = [{key: base64.b64encode(getattr(s, name)).decode() for key, name in _IDS.items()} for s in spans]
        return {"batches": [{"resource": {"attributes": attributes(self.labels)}, "scopeSpans": [{"spans": found}]}]}

    def _line(self) -> dict[str, Any]:
        request = ExportLogsServiceRequest.FromString(self.taken["logs"])
        (record,) = [r for each in request.resource_logs for scope in each.scope_logs for r in scope.log_records]
        values = [[str(record.time_unix_nano), record.body.string_value]]
        return {"data": {"result": [{"stream": self.labels, "values": values}]}}

    def _sample(self) -> dict[str, Any]:
        request = ExportMetricsServiceRequest.FromString(self.taken["metrics"])
        (metric,) = [m for each in request.resource_metrics for scope in each.scope_metrics for m in scope.metrics]
        value = [0, repr(metric.gauge.data_points[0].as_double)]
        return {"data": {"result": [{"metric": self.labels, "value": value}]}}
