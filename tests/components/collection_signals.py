"""OTLP/JSON of spans, log records and metrics, as small as a test needs them."""

from __future__ import annotations

import time
from typing import Any

from tests.otlp import attributes

NOW = time.time_ns()
DELTA, CUMULATIVE = 1, 2


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def span(trace: int, number: int, *, parent: int | None = None, ms: int = 5, **more: Any) -> dict[str, Any]:
    return {
        "traceId": trace_id(trace),
        "spanId": span_id(number),
        **({"parentSpanId": span_id(parent)} if parent is not None else {}),
        "name": "GET /orders",
        "kind": 2,
        "startTimeUnixNano": str(NOW),
        "endTimeUnixNano": str(NOW + ms * 1_000_000),
        **more,
    }


def traces(resource: dict[str, str], *spans: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"spans": list(spans)}]}]
    }


def logs(resource: dict[str, str], *records: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceLogs": [
            {"resource": {"attributes": attributes(resource)}, "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }


def counter(
    name: str,
    points: list[tuple[float, dict[str, str]]],
    kind: str = "sum",
    *,
    temporality: int = CUMULATIVE,
    at: int = NOW,
) -> dict[str, Any]:
    shape = {"aggregationTemporality": temporality, "isMonotonic": True} if kind == "sum" else {}
    return {
        "name": name,
        kind: {
            **shape,
            "dataPoints": [
                {
                    "asDouble": value,
                    "timeUnixNano": str(at),
                    "startTimeUnixNano": str(at - 10**9),
                    "attributes": attributes(labels),
                }
                for value, labels in points
            ],
        },
    }


def metrics(resource: dict[str, str], *entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceMetrics": [
            {"resource": {"attributes": attributes(resource)}, "scopeMetrics": [{"metrics": list(entries)}]}
        ]
    }
