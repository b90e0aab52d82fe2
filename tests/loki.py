"""What is sent to a real Loki, and what it is asked."""

from __future__ import annotations

import time
from typing import Any

from automation.waiting import until
from tests.backends import HTTP

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
DEADLINE_SECONDS = 20.0


def push(url: str, tenant: str, line: str) -> Any:
    """Send a line of a tenant's service by OTLP, as collectors do, and return Loki's answer."""
    resource = {
        "tenant": tenant,
        "region": "us-east",
        "cluster": "dev-us-east",
        "environment": "dev",
        "service.name": "checkout",
        "k8s.namespace.name": tenant,
        "k8s.pod.name": "checkout-0",
    }
    record = {
        "timeUnixNano": str(time.time_ns()),
        "body": {"stringValue": line},
        "traceId": TRACE_ID,
        "spanId": "00f067aa0ba902b7",
        "attributes": attributes({"level": "error", "order_id": "4711"}),
    }
    document = {
        "resourceLogs": [{"resource": {"attributes": attributes(resource)}, "scopeLogs": [{"logRecords": [record]}]}]
    }
    return HTTP.post(f"{url}/otlp/v1/logs", json=document, headers={"X-Scope-OrgID": tenant}, timeout=10)


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def query(url: str, tenant: str, expression: str) -> list[str]:
    """Return the lines that a query of a tenant finds, once there are any or the deadline has passed."""
    found: list[str] = []

    def look() -> bool:
        answer = HTTP.get(
            f"{url}/loki/api/v1/query_range",
            params={"query": expression, "since": "1h"},
            headers={"X-Scope-OrgID": tenant},
            timeout=10,
        )
        assert answer.ok, answer.text
        found[:] = [value[1] for stream in answer.json()["data"]["result"] for value in stream["values"]]
        return bool(found)

    until(look, DEADLINE_SECONDS)
    return sorted(found)


def tenants_of_a_day(url: str, orgs: str, expression: str) -> set[str]:
    """Return the tenants that have something in the answer of one query over a day, up to now and a little more."""
    now = int(time.time())
    answer = HTTP.get(
        f"{url}/loki/api/v1/query_range",
        params={"query": expression, "start": str(now - 86_400), "end": str(now + 600), "step": "10m"},
        headers={"X-Scope-OrgID": orgs},
        timeout=10,
    )
    assert answer.ok, answer.text
    return {each.get("stream", each.get("metric"))["tenant"] for each in answer.json()["data"]["result"]}
