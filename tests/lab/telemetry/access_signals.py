"""Signals of two tenants, each marked wherever a mark can be, so that what leaks is seen wherever it leaks."""

from __future__ import annotations

import time
from typing import Any

from automation.waiting import until
from tests.backends import HTTP
from tests.otlp import attributes

TENANTS = ("shop", "payments")
ARRIVAL_SECONDS = 60.0
TRACES = {"shop": "a5" * 16, "payments": "b6" * 16}
"""Id of each tenant's one trace, and of its exemplar."""
Json = dict[str, Any]


def mark(tenant: str) -> str:
    """Return what only this tenant's signals hold; a part of names and values alike."""
    return f"{tenant}_mark"


def send(tenant: str, loki: str, otlp: str, prometheus: str) -> None:
    """Send one log line, one trace and one histogram with an exemplar."""
    headers = {"X-Scope-OrgID": tenant}
    line(loki, tenant, f"line of {mark(tenant)}")
    _post(f"{otlp}/v1/traces", _trace(tenant), headers)
    _post(f"{prometheus}/api/v1/otlp/v1/metrics", _metric(tenant), {})


def line(loki: str, tenant: str, text: str) -> None:
    """Send one log line."""
    record = {
        "timeUnixNano": str(time.time_ns()),
        "body": {"stringValue": f'{{"{mark(tenant)}_field":"{text}"}}'},
        "traceId": TRACES[tenant],
        "spanId": "00f067aa0ba902b7",
        "attributes": attributes({"level": "error", f"{mark(tenant)}_attribute": text}),
    }
    scope = {"logRecords": [record]}
    document = {"resourceLogs": [{"resource": {"attributes": _resource(tenant)}, "scopeLogs": [scope]}]}
    _post(f"{loki}/otlp/v1/logs", document, {"X-Scope-OrgID": tenant})


def _resource(tenant: str) -> list[Json]:
    # Claims the other's name as well: what is asked must not depend on what a tenant writes.
    return attributes({"service.name": mark(tenant), "k8s.namespace.name": mark(tenant), "tenant": tenant})


def _trace(tenant: str) -> Json:
    now = time.time_ns()
    span = {
        "traceId": TRACES[tenant],
        "spanId": "00f067aa0ba902b7",
        "kind": 2,
        "name": f"GET /{mark(tenant)}",
        "startTimeUnixNano": str(now - 200_000_000),
        "endTimeUnixNano": str(now),
        "attributes": attributes({f"{mark(tenant)}_attribute": mark(tenant)}),
    }
    return {"resourceSpans": [{"resource": {"attributes": _resource(tenant)}, "scopeSpans": [{"spans": [span]}]}]}


def _metric(tenant: str) -> Json:
    """Return a histogram `<mark>` of 3 requests, with an exemplar of the tenant's trace."""
    now = str(time.time_ns())
    point = {
        "attributes": attributes({"tenant": tenant, "service": mark(tenant), f"{mark(tenant)}_label": "1"}),
        "startTimeUnixNano": str(time.time_ns() - 10**9),
        "timeUnixNano": now,
        "count": "3",
        "sum": 3,
        "explicitBounds": [1],
        "bucketCounts": ["3", "0"],
        "exemplars": [{"timeUnixNano": now, "asDouble": 0.5, "traceId": TRACES[tenant], "spanId": "00f067aa0ba902b7"}],
    }
    metric = {"name": mark(tenant), "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}}
    scope = {"metrics": [metric]}
    return {"resourceMetrics": [{"resource": {"attributes": []}, "scopeMetrics": [scope]}]}


def rules() -> Json:
    """Return a rule and an alert of each tenant, and one alert that both have."""
    own = [
        {"alert": f"{mark(tenant)}_alert", "expr": f"{mark(tenant)}_count > 0", "labels": {"tenant": tenant}}
        for tenant in TENANTS
    ]
    recorded = [
        {"record": f"{mark(tenant)}:sum", "expr": f"sum({mark(tenant)}_count)", "labels": {"tenant": tenant}}
        for tenant in TENANTS
    ]
    shared = {"alert": "shared", "expr": '{__name__=~".+_mark_count"} > 0', "labels": {"severity": "warn"}}
    return {"groups": [{"name": "both", "rules": [*own, *recorded, shared]}]}


def silence(alertmanager: str, tenant: str) -> str:
    """Create a silence of a tenant, and return its id."""
    matchers = [_matcher("tenant", tenant), _matcher("alertname", mark(tenant))]
    answer = _post(f"{alertmanager}/api/v2/silences", silence_body(tenant, matchers), {})
    return str(answer["silenceID"])


def silence_body(who: str, matchers: list[Json]) -> Json:
    """Return a silence of the next hour."""
    start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + after)) for after in (0, 3600))
    return {"matchers": matchers, "startsAt": start, "endsAt": end, "createdBy": mark(who), "comment": mark(who)}


def _matcher(name: str, value: str) -> Json:
    return {"name": name, "value": value, "isRegex": False, "isEqual": True}


def wait(loki: str, tempo: str, prometheus: str, alertmanager: str) -> None:
    """Wait until each store shows what it was sent; a store that is late is not a proxy that refuses."""
    for tenant in TENANTS:
        headers = {"X-Scope-OrgID": tenant}
        _until(f'{loki}/loki/api/v1/query_range?query={{service_name=~".%2B"}}', headers, mark(tenant))
        _until(f"{tempo}/api/search?q={{}}", headers, TRACES[tenant])
        _until(f"{tempo}/api/v2/search/tag/resource.service.name/values", headers, mark(tenant))
        _until(f"{prometheus}/api/v1/alerts", {}, f"{mark(tenant)}_alert")
        _until(f"{alertmanager}/api/v2/alerts", {}, f"{mark(tenant)}_alert")
        _until(f"{prometheus}/api/v1/query?query={mark(tenant)}:sum", {}, '"value"')


def _until(url: str, headers: dict[str, str], wanted: str) -> None:
    seen = ""

    def there() -> bool:
        nonlocal seen
        seen = HTTP.get(url, headers=headers, timeout=10).text
        return wanted in seen

    assert until(there, ARRIVAL_SECONDS), f"{url} has no {wanted}: {seen[:500]}"


def _post(url: str, document: Json, headers: dict[str, str]) -> Any:
    answer = HTTP.post(url, json=document, headers=headers, timeout=10)
    assert answer.ok, f"{url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.text else {}
