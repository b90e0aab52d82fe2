"""The real Tempo and Prometheus, from the rendered configuration: who reads what, and what is generated.

In dev's one process and in the processes that prod has, one of each role.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from automation.waiting import until
from components.values.context import Context
from tests.backends import HTTP, running
from tests.contexts import context
from tests.otlp import attributes
from tests.rendering import tempo_files

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
DEADLINE_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """Where the three are, whose they are, and whose trace is there."""

    given: Context
    owner: str
    other: str
    queries: str
    otlp: str
    prometheus: str


@pytest.fixture(
    scope="module", params=[("dev.us-east", "shop", "payments"), ("prod.eu-west", "storefront", "payments")]
)
def region(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Running]:
    """Return a Tempo that holds one trace of a tenant, and the Prometheus that it writes to."""
    stack, owner, other = request.param
    given = context(stack)
    config, overrides = tempo_files(given)
    # Only to be quicker: two collections of 15 s each pass before a series is there.
    config["metrics_generator"]["registry"]["collection_interval"] = "1s"
    with running(tmp_path_factory.mktemp("tempo")) as backends:
        prometheus = backends.prometheus()
        start = backends.distributed_tempo if given.distributed else backends.tempo
        queries, otlp = start(config, overrides, prometheus)
        assert push(otlp, owner).status_code == 200
        yield Running(given, owner, other, queries, otlp, prometheus)


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
    """Return the label sets that a query finds, once there are any or the deadline has passed.

    Sends again meanwhile: a distributor that has just started may not have heard of the generator, and passes it by.
    """
    found: list[dict[str, str]] = []

    def look() -> bool:
        assert push(region.otlp, region.owner).status_code == 200
        answer = HTTP.get(f"{region.prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        found[:] = [each["metric"] for each in answer.json()["data"]["result"]]
        return bool(found)

    until(look, DEADLINE_SECONDS)
    return found


def identity(region: Running) -> dict[str, str]:
    return {"tenant": region.owner, **region.given.identity, "source": "tempo"}


def test_a_tenant_reads_its_own_traces_only(region: Running) -> None:
    assert until(lambda: trace(region, region.owner) == 200, DEADLINE_SECONDS)
    assert trace(region, region.other) == 404


def test_the_platform_team_reads_across_tenants(region: Running) -> None:
    assert until(lambda: trace(region, f"{region.other}|{region.owner}") == 200, DEADLINE_SECONDS)


def test_without_a_tenant_nothing_is_read_or_written(region: Running) -> None:
    assert HTTP.get(f"{region.queries}/api/search", timeout=10).status_code == 401
    assert push(region.otlp, None).status_code >= 400


def test_span_metrics_carry_tenant_region_cluster_environment_and_namespace(region: Running) -> None:
    found = series(region, 'traces_spanmetrics_calls_total{service="cart"}')
    assert len(found) == 1
    expected = {
        **identity(region),
        "k8s_namespace_name": "shop",
        "span_name": "GET /cart",
        "span_kind": "SPAN_KIND_SERVER",
    }
    assert expected.items() <= found[0].items()


def test_latency_has_a_bound_at_one_second(region: Running) -> None:
    assert series(region, 'traces_spanmetrics_latency_bucket{service="cart", le="1"}')


def test_the_service_graph_of_stored_traces_has_a_name_that_no_service_map_adds_up(region: Running) -> None:
    found = series(region, 'traces_stored_service_graph_request_total{client="checkout"}')
    assert len(found) == 1
    answer = HTTP.get(f"{region.prometheus}/api/v1/label/__name__/values", timeout=10)
    assert not [name for name in answer.json()["data"] if name.startswith("traces_service_graph")]
    assert {**identity(region), "server": "cart"}.items() <= found[0].items()


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
        assert push(region.otlp, region.owner).status_code == 200
        return bool(exemplars())

    assert until(pushed, DEADLINE_SECONDS)
    assert {labels["trace_id"] for labels in exemplars()} == {TRACE_ID}


def test_an_unknown_org_is_refused_what_a_tenant_may_send_and_told_to_come_back(region: Running) -> None:
    # Two of 6 MB are more than the burst of 8 MB, and 5 kB/s do not refill it in between.
    answers = [push(region.otlp, "nobody", "x" * 3_000_000) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[-1].headers["Retry-After"] == "5"
