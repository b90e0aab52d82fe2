"""Encode OTLP with the protocol's own messages, and send it over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from requests.adapters import HTTPAdapter

from automation.problem import AutomationError

Value = str | bool | int | float
Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

TIMEOUT_SECONDS: Final = 30.0
"""An agent answers when its queue on disk has the batch, which takes milliseconds; a busy disk takes longer."""
_SHOWN: Final = 300


class RefusedError(AutomationError):
    """A collector did not take what it was sent; the message has its answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer; None when there was none."""


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    """Return attributes as OTLP has them, in the order given."""
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items()]


def _any(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(double_value=value)


def text(value: str) -> AnyValue:
    """Return a string as a value, which is what a log record's body is."""
    return AnyValue(string_value=value)


def resource(values: Mapping[str, Value]) -> Resource:
    """Return a resource with these attributes."""
    return Resource(attributes=attributes(values))


def of_spans(groups: Iterable[tuple[Resource, Iterable[Span]]]) -> ExportTraceServiceRequest:
    """Return one request of spans, grouped by their resource."""
    request = ExportTraceServiceRequest()
    for owner, spans in groups:
        request.resource_spans.add(resource=owner).scope_spans.add().spans.extend(spans)
    return request


def of_records(groups: Iterable[tuple[Resource, Iterable[LogRecord]]]) -> ExportLogsServiceRequest:
    """Return one request of log records, grouped by their resource."""
    request = ExportLogsServiceRequest()
    for owner, records in groups:
        request.resource_logs.add(resource=owner).scope_logs.add().log_records.extend(records)
    return request


def of_metrics(groups: Iterable[tuple[Resource, Iterable[Metric]]]) -> ExportMetricsServiceRequest:
    """Return one request of metrics, grouped by their resource."""
    request = ExportMetricsServiceRequest()
    for owner, metrics in groups:
        request.resource_metrics.add(resource=owner).scope_metrics.add().metrics.extend(metrics)
    return request


class _From(HTTPAdapter):
    """Connect from one local address, which is what tells an agent whose pod is speaking."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """Hand the address to every pool, and so to every connection."""
        super().init_poolmanager(*arguments, **{**more, "source_address": (self._address, 0)})


class Client:
    """One sender with connections that stay open; not for several threads at once."""

    def __init__(self, url: str, source: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Prepare a sender.

        Args:
            url: base address of OTLP over HTTP, without /v1.
            source: local address to connect from; the system's choice without one.
            headers: sent with each request.
        """
        self._url = url
        self._session = requests.Session()
        # A proxy of the environment would be somebody else's pod to the agent.
        self._session.trust_env = False
        self._session.headers.update({"Content-Type": "application/x-protobuf", **(headers or {})})
        if source is not None:
            self._session.mount("http://", _From(source))
            self._session.mount("https://", _From(source))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def send(self, request: Request) -> None:
        """Send one request; returns when the collector has all of it.

        Raises:
            RefusedError: it could not be reached, answered otherwise than 2xx, or took a part only.
        """
        signal, response = _KINDS[type(request)]
        self.post(signal, request.SerializeToString(), response)

    def post(self, signal: str, body: bytes, response: Any = None) -> None:
        """Send a request that is encoded already.

        Args:
            signal: traces, logs or metrics.
            body: the encoded request.
            response: message type of the answer; without it that of the signal.

        Raises:
            RefusedError: as `send`.
        """
        url = f"{self._url}/v1/{signal}"
        try:
            answer = self._session.post(url, data=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise RefusedError(f"{url} does not answer ({type(error).__name__}); is an agent running there?") from error
        if not answer.ok:
            raise RefusedError(f"{url} answered {answer.status_code}: {answer.text[:_SHOWN]}", answer.status_code)
        parsed = (response or _RESPONSES[signal])()
        try:
            parsed.ParseFromString(answer.content)
        except DecodeError as error:
            raise RefusedError(f"{url} answered 200 with something that is no OTLP; is it a collector?") from error
        partial = parsed.partial_success
        if partial.ByteSize():
            raise RefusedError(f"{url} took a part only: {str(partial)[:_SHOWN]}", answer.status_code)


_KINDS: Mapping[type[Request], tuple[str, Any]] = {
    ExportTraceServiceRequest: ("traces", ExportTraceServiceResponse),
    ExportLogsServiceRequest: ("logs", ExportLogsServiceResponse),
    ExportMetricsServiceRequest: ("metrics", ExportMetricsServiceResponse),
}
_RESPONSES = dict(_KINDS.values())
