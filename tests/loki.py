"""What is sent to a real Loki, and what it is asked."""

from __future__ import annotations

import time
from typing import Any

from automation.waiting import until
from settings.units import Duration
from tests.backends import HTTP
from tests.contexts import context
from tests.otlp import attributes
from tests.rendering import loki_files

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
DEADLINE_SECONDS = 20.0
OF_ALL = ('{region="us-east"}', 'sum by (tenant) (rate({region="us-east"}[10m]))')
"""What the platform team asks of several tenants: lines, and a number."""


def files(stack: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Loki's configuration and overrides of a stack whose tenant payments keeps its lines for less."""
    tenants = dict(context(stack).platform.tenants)
    shorter = tenants["payments"].retention.model_copy(update={"logs": Duration("2d")})
    tenants["payments"] = tenants["payments"].model_copy(update={"retention": shorter})
    return loki_files(context(stack, platform={"tenants": tenants}))


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


def over_time(url: str, orgs: str, **asked: str) -> list[Any]:
    """Return the streams or series that a range query of one org, or of `a|b`, finds."""
    answer = HTTP.get(f"{url}/loki/api/v1/query_range", params=asked, headers={"X-Scope-OrgID": orgs}, timeout=10)
    assert answer.ok, answer.text
    result: list[Any] = answer.json()["data"]["result"]
    return result


def query(url: str, tenant: str, expression: str) -> list[str]:
    """Return the lines that a query of a tenant finds, once there are any or the deadline has passed."""
    found: list[str] = []

    def look() -> bool:
        streams = over_time(url, tenant, query=expression, since="1h")
        found[:] = [value[1] for stream in streams for value in stream["values"]]
        return bool(found)

    until(look, DEADLINE_SECONDS)
    return sorted(found)


def tenants_of_a_day(url: str, orgs: str, expression: str) -> set[str]:
    """Return the tenants that have something in the answer of one query over a day, up to now and a little more."""
    now = int(time.time())
    found = over_time(url, orgs, query=expression, start=str(now - 86_400), end=str(now + 600), step="10m")
    return {each.get("stream", each.get("metric"))["tenant"] for each in found}
