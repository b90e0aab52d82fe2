"""Every query that a dashboard sends to Loki and Tempo, on real ones: it returns data, and nobody else's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest

from automation.waiting import until
from components.values.dashboard_files import dashboard_files
from components.values.datasources import org_ids
from dashboards.catalogue import CATALOGUE
from dashboards.filling import Given, Query, filled, opening, queries
from tests.backends import HTTP, running
from tests.contexts import context
from tests.rendering import loki_files, tempo_files

HERE = context("dev.us-east")
MODELS = {each.uid: json.loads(each.text) for each in dashboard_files(HERE) if each.uid in CATALOGUE}
QUERIES = [each for model in MODELS.values() for each in queries(model) if each.kind != "prometheus"]
SECONDS: Final = 120.0
"""Until what was sent is found, on a busy machine."""
STEP, RANGE = 60, 1200
MINE = ("shop", "us-east")
OTHERS = [("payments", "us-east"), ("shop", "eu-west")]
CHOSEN: Given = {"tenant": ["shop"], "region": ["us-east"], "search": "PLAN", "trace": ""}
EVERYBODY: Given = {**CHOSEN, "tenant": ".*", "region": ".*"}
PLAN = 'duration: 812.5 ms  plan:\n{"Query Text": "select 1"}'
Result = list[Any]


@dataclass
class Stores:
    """Loki and Tempo, and the time range of every question."""

    loki: str
    tempo: str
    otlp: str
    now: int
    traces: int = 0

    def send(self, tenant: str, region: str) -> None:
        """Send an error's line and the trace that it is of, as a gateway hands them on."""
        self.traces += 1
        trace, span = f"{self.traces:032x}", f"{self.traces:016x}"
        resource = {
            "tenant": tenant,
            "region": region,
            "cluster": f"dev-{region}",
            "environment": "dev",
            "service.name": "orders-db",
            "k8s.namespace.name": "orders",
        }
        owner = {"attributes": attributes(resource)}
        line = {
            "timeUnixNano": str(self.now * 10**9),
            "body": {"stringValue": PLAN},
            "traceId": trace,
            "spanId": span,
            "attributes": attributes({"level": "error", "query_id": "-77"}),
        }
        logs = {"resourceLogs": [{"resource": owner, "scopeLogs": [{"logRecords": [line]}]}]}
        done = {
            "traceId": trace,
            "spanId": span,
            "name": "GET /orders",
            "kind": 2,
            "status": {"code": 2},
            "startTimeUnixNano": str((self.now - 2) * 10**9),
            "endTimeUnixNano": str(self.now * 10**9),
        }
        spans = {"resourceSpans": [{"resource": owner, "scopeSpans": [{"spans": [done]}]}]}
        headers = {"X-Scope-OrgID": tenant}
        for url, document in ((f"{self.loki}/otlp/v1/logs", logs), (f"{self.otlp}/v1/traces", spans)):
            answer = HTTP.post(url, json=document, headers=headers, timeout=30)
            assert answer.ok, answer.text

    def ask(self, query: Query, given: Given) -> Result:
        """Return what a panel is given, in an order of its own; the data source reads every tenant."""
        values = {**opening(MODELS[query.dashboard]), **given}
        text = filled(query.text, query.kind, values, STEP, RANGE)
        start, end = self.now - RANGE // 2, self.now + RANGE // 2
        if query.kind == "loki":
            url, asked = f"{self.loki}/loki/api/v1/query_range", {"query": text, "step": f"{STEP}s", "limit": "500"}
        else:
            url, asked = f"{self.tempo}/api/search", {"q": text, "limit": "20"}
        times = {"start": str(start), "end": str(end)}
        answer = HTTP.get(url, params={**asked, **times}, headers={"X-Scope-OrgID": org_ids(HERE)}, timeout=30)
        assert answer.ok, f"{text}: {answer.text}"
        found: Result = answer.json()["data"]["result"] if query.kind == "loki" else answer.json().get("traces", [])
        in_order: Result = ordered(found)
        return in_order


def ordered(value: Any) -> Any:
    """Return an answer with its lists in one order: Tempo gives a span's attributes in any."""
    if isinstance(value, dict):
        return {key: ordered(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((ordered(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with running(tmp_path_factory.mktemp("stores")) as backends, ThreadPoolExecutor() as pool:
        loki = pool.submit(backends.loki, *loki_files(HERE))
        # Its metrics go nowhere: no panel here asks for them.
        tempo, otlp = backends.tempo(*tempo_files(HERE), "http://127.0.0.1:9")
        yield Stores(loki.result(), tempo, otlp, int(time.time()) // STEP * STEP)


@pytest.fixture(scope="module")
def alone(stores: Stores) -> dict[Query, Result]:
    """What each query returns while there is one tenant in one region; empty where it never returns anything."""
    stores.send(*MINE)
    found: dict[Query, Result] = {}

    def complete() -> bool:
        found.update({query: stores.ask(query, CHOSEN) for query in QUERIES if not found.get(query)})
        return all(found.values())

    until(complete, SECONDS, interval=1.0)
    return found


@pytest.fixture(scope="module")
def among(stores: Stores, alone: dict[Query, Result]) -> dict[Query, tuple[Result, Result]]:
    """What each query returns among others of the same services: with the one chosen, and with everybody."""
    for other in OTHERS:
        stores.send(*other)
    found: dict[Query, tuple[Result, Result]] = {}

    def complete() -> bool:
        found.update({query: (stores.ask(query, CHOSEN), stores.ask(query, EVERYBODY)) for query in QUERIES})
        return all(everybody != alone[query] for query, (_, everybody) in found.items())

    until(complete, SECONDS, interval=1.0)
    return found


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_the_query_returns_data(alone: dict[Query, Result], query: Query) -> None:
    assert alone[query]


@pytest.mark.parametrize("query", [each for each in QUERIES if each.legend], ids=lambda query: f"{query.panel}")
def test_what_a_legend_names_is_there(alone: dict[Query, Result], query: Query) -> None:
    named = set(re.findall(r"\{\{ *(\w+) *\}\}", query.legend))
    assert named
    assert not named - {label for each in alone[query] for label in each["metric"]}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_other_tenants_and_regions_change_nothing(
    alone: dict[Query, Result], among: dict[Query, tuple[Result, Result]], query: Query
) -> None:
    chosen, everybody = among[query]
    assert chosen == alone[query]
    assert everybody != chosen, "there is something else to see"
