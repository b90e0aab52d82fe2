"""The real Tempo and Prometheus, from the rendered configuration: who reads what, and what is generated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from automation.waiting import until
from charts.pull import resolve
from components.values import traces
from tests.backends import HTTP, running
from tests.contexts import context
from tests.otlp import attributes
from tests.rendering import render

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
DEADLINE_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """Where the three are."""

    queries: str
    otlp: str
    prometheus: str


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a Tempo that holds one trace of shop, and the Prometheus that it writes to."""
    given = context("dev.us-east")
    objects = render("tempo", resolve({})["tempo"], traces.helm_values(given), "observability")
    files = {key: text for each in objects if each["kind"] == "ConfigMap" for key, text in each["data"].items()}
    config, overrides = yaml.safe_load(files["tempo.yaml"]), yaml.safe_load(files["overrides.yaml"])["overrides"]
    # Only to be quicker: two collections of 15 s each pass before a series is there.
    config["metrics_generator"]["registry"]["collection_interval"] = "1s"
    with running(tmp_path_factory.mktemp("tempo")) as backends:
        prometheus = backends.prometheus()
        queries, otlp = backends.tempo(config, overrides, prometheus)
        assert push(otlp, "shop").status_code == 200
        yield Running(queries, otlp, prometheus)


def push(otlp: str, tenant: str | None, padding: str = "") -> Any:
    """Send a trace of two services: a call of checkout to cart."""
    now = time.time_ns()
    # Never twice as long: Tempo's writer takes an exemplar of the same trace and value for one that it has sent.
    length = 200_000_000 + now % 1_000_000
    spans = [
        {"service": "checkout", "spanId": "00f067aa0ba902b7", "kind": 3},
        {"service": "cart", "spanId": "00f067aa0ba902b8", "kind": 2, "parentSpanId": "00f067aa0ba902b7"},
    ]
    document = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": attributes({"service.name": str(span.pop("service")), "k8s.namespace.name": "shop"})
                },
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                **span,
                                "traceId": TRACE_ID,
                                "name": "GET /cart",
                                "startTimeUnixNano": str(now - length),
                                "endTimeUnixNano": str(now),
                                "attributes": attributes({"padding": padding}),
                            }
                        ]
                    }
                ],
            }
            for span in spans
        ]
    }
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    return HTTP.post(f"{otlp}/v1/traces", json=document, headers=headers, timeout=10)


def trace(region: Running, tenant: str) -> int:
    headers = {"X-Scope-OrgID": tenant}
    return HTTP.get(f"{region.queries}/api/traces/{TRACE_ID}", headers=headers, timeout=10).status_code


def series(region: Running, expression: str) -> list[dict[str, str]]:
    """Return the label sets that a query finds, once there are any or the deadline has passed."""
    found: list[dict[str, str]] = []

    def look() -> bool:
        answer = HTTP.get(f"{region.prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        found[:] = [each["metric"] for each in answer.json()["data"]["result"]]
        return bool(found)

    until(look, DEADLINE_SECONDS)
    return found


IDENTITY = {
    "tenant": "shop",
    "region": "us-east",
    "cluster": "dev-us-east",
    "environment": "dev",
    "source": "tempo",
}


def test_a_tenant_reads_its_own_traces_only(region: Running) -> None:
    assert until(lambda: trace(region, "shop") == 200, DEADLINE_SECONDS)
    assert trace(region, "payments") == 404


def test_the_platform_team_reads_across_tenants(region: Running) -> None:
    assert until(lambda: trace(region, "payments|shop") == 200, DEADLINE_SECONDS)


def test_without_a_tenant_nothing_is_read_or_written(region: Running) -> None:
    assert HTTP.get(f"{region.queries}/api/search", timeout=10).status_code == 401
    assert push(region.otlp, None).status_code >= 400


def test_span_metrics_carry_tenant_region_cluster_environment_and_namespace(region: Running) -> None:
    found = series(region, 'traces_spanmetrics_calls_total{service="cart"}')
    assert len(found) == 1
    expected = {**IDENTITY, "k8s_namespace_name": "shop", "span_name": "GET /cart", "span_kind": "SPAN_KIND_SERVER"}
    assert expected.items() <= found[0].items()


def test_latency_has_a_bound_at_one_second(region: Running) -> None:
    assert series(region, 'traces_spanmetrics_latency_bucket{service="cart", le="1"}')


def test_the_service_graph_of_stored_traces_has_a_name_that_no_service_map_adds_up(region: Running) -> None:
    found = series(region, 'traces_stored_service_graph_request_total{client="checkout"}')
    assert len(found) == 1
    answer = HTTP.get(f"{region.prometheus}/api/v1/label/__name__/values", timeout=10)
    assert not [name for name in answer.json()["data"] if name.startswith("traces_service_graph")]
    assert {**IDENTITY, "server": "cart"}.items() <= found[0].items()


def test_an_exemplar_leads_to_the_trace_under_the_label_of_the_sdks(region: Running) -> None:
    def exemplars() -> list[dict[str, str]]:
        now = time.time()
        answer = HTTP.get(
            f"{region.prometheus}/api/v1/query_exemplars",
            params={"query": "traces_spanmetrics_latency_bucket", "start": str(now - 600), "end": str(now + 60)},
            timeout=10,
        )
        return [point["labels"] for each in answer.json()["data"] for point in each["exemplars"]]

    def pushed() -> bool:
        # An exemplar is sent once, unlike a sample, and one that comes before Tempo's writer has started is gone.
        assert push(region.otlp, "shop").status_code == 200
        return bool(exemplars())

    assert until(pushed, DEADLINE_SECONDS)
    assert {labels["trace_id"] for labels in exemplars()} == {TRACE_ID}


def test_an_unknown_org_is_refused_what_a_tenant_may_send_and_told_to_come_back(region: Running) -> None:
    # Two of 6 MB are more than the burst of 8 MB, and 5 kB/s do not refill it in between.
    answers = [push(region.otlp, "nobody", "x" * 3_000_000) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[-1].headers["Retry-After"] == "5"
