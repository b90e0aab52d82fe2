"""One tenant far above its rate while the other keeps to its own, each push counted by what was answered."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from automation.waiting import until
from tests.backends import HTTP
from tests.lab.telemetry.access_requests import ask, get
from tests.lab.telemetry.access_stand import Stand
from tests.otlp import attributes

LINES, LINE_BYTES = 10, 100_000
"""A push of logs is 1 MB; shop may send 1 MB/s and 16 MB at once."""
LOG_PUSHES = 40
SPANS, SPAN_BYTES = 1000, 500
"""A push of spans is 0.6 MB; shop may send 0.25 MB/s and at least 5 MB at once."""
SPAN_PUSHES = 40
QUIET_EVERY = 4
"""The other tenant sends one small push for each of so many."""
SEEN_SECONDS = 30.0
Json = dict[str, Any]


@dataclass
class Sent:
    """What became of a tenant's pushes."""

    accepted: list[str] = field(default_factory=list)
    """Name of each push that was taken."""
    refused: Counter[int] = field(default_factory=Counter)
    """Number of the others, by status."""
    reason: str = ""
    """Sentence of the last refusal."""

    def note(self, name: str, answer: Any) -> None:
        """Count one answer."""
        if answer.ok:
            self.accepted.append(name)
        else:
            self.refused[answer.status_code] += 1
            self.reason = answer.text


def logs(stand: Stand) -> dict[str, Sent]:
    """Send shop's flood and payments' own few lines between; return what became of both."""
    sent = {"shop": Sent(), "payments": Sent()}
    for number in range(LOG_PUSHES):
        _push_logs(stand, sent["shop"], "shop", f"flood-{number}", ["x" * LINE_BYTES] * LINES)
        if number % QUIET_EVERY == 0:
            _push_logs(stand, sent["payments"], "payments", f"quiet-{number}", ["one", "two"])
    return sent


def spans(stand: Stand) -> dict[str, Sent]:
    """Send shop's flood of traces and payments' own few between; a push is one trace, and its id is its name."""
    sent = {"shop": Sent(), "payments": Sent()}
    for number in range(SPAN_PUSHES):
        _push_spans(stand, sent["shop"], "shop", f"{0xAA0000 + number:032x}", SPANS)
        if number % QUIET_EVERY == 0:
            _push_spans(stand, sent["payments"], "payments", f"{0xBB0000 + number:032x}", 5)
    return sent


def lines_found(stand: Stand, tenant: str, wanted: int) -> Counter[str]:
    """Return how many lines of each push the tenant reads through the proxy, once they are as many as were taken."""
    found: Counter[str] = Counter()
    query = 'sum by (push) (count_over_time({service_name=~"(flood|quiet)-[0-9]+"}[1h]))'

    def there() -> bool:
        answer = ask(stand, tenant, get("/loki/loki/api/v1/query", ("query", query)))
        assert answer.status == 200, answer
        result = json.loads(answer.text)["data"]["result"]
        found.clear()
        found.update({each["metric"]["push"]: int(each["value"][1]) for each in result})
        return found.total() == wanted

    until(there, SEEN_SECONDS)
    return found


def spans_found(stand: Stand, tenant: str, trace: str) -> int:
    """Return how many spans of a trace the tenant reads through the proxy.

    An accepted trace is not found for a moment while Tempo writes it down.
    """
    found: list[str] = []

    def read() -> bool:
        answer = ask(stand, tenant, get(f"/tempo/api/traces/{trace}"))
        found[:] = re.findall(r'"spanId"', answer.text) if answer.status == 200 else []
        return bool(found)

    until(read, SEEN_SECONDS)
    return len(found)


def discarded(url: str, metric: str) -> dict[tuple[str, str], float]:
    """Return a counter of what a store has thrown away, by tenant and reason."""
    found: dict[tuple[str, str], float] = {}
    for line in HTTP.get(f"{url}/metrics", timeout=10).text.splitlines():
        if line.startswith(f"{metric}{{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            key = (labels["tenant"], labels["reason"])
            found[key] = found.get(key, 0.0) + float(line.rsplit(" ", 1)[1])
    return {key: value for key, value in found.items() if value}


def _push_logs(stand: Stand, sent: Sent, tenant: str, name: str, lines: list[str]) -> None:
    now = time.time_ns()
    records = [
        {"timeUnixNano": str(now + number), "body": {"stringValue": line}, "attributes": attributes({"push": name})}
        for number, line in enumerate(lines)
    ]
    # A stream for each push: a single one would meet the limit of a stream before that of its tenant.
    resource = {"attributes": attributes({"service.name": name, "tenant": tenant})}
    document = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    sent.note(name, _post(f"{stand.loki}/otlp/v1/logs", document, tenant))


def _push_spans(stand: Stand, sent: Sent, tenant: str, trace: str, count: int) -> None:
    now = time.time_ns()
    spans = [
        {
            "traceId": trace,
            "spanId": f"{number + 1:016x}",
            "name": "flood",
            "kind": 1,
            "startTimeUnixNano": str(now - 1000),
            "endTimeUnixNano": str(now),
            "attributes": attributes({"padding": "x" * SPAN_BYTES}),
        }
        for number in range(count)
    ]
    resource = {"attributes": attributes({"service.name": "flood"})}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    sent.note(trace, _post(f"{stand.otlp}/v1/traces", document, tenant))


def _post(url: str, document: Json, tenant: str) -> Any:
    return HTTP.post(url, json=document, headers={"X-Scope-OrgID": quote(tenant)}, timeout=30)
