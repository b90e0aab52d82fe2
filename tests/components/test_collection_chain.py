"""What becomes of signals in the shipped configurations, run by the real collector from agent to store."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from components.values.context import Context
from lab.pace import hold
from settings.units import Duration
from tests.components.collection_chain import Chain, plain, until
from tests.components.collection_signals import DELTA, NOW, counter, logs, metrics, span, span_id, trace_id, traces
from tests.contexts import collecting, context
from tests.otlp import attributes

ARRIVAL_SECONDS = 30
"""Span metrics are flushed every 15 s; everything else is there within two."""
CLAIM = {"service.name": "api", "tenant": "payments", "region": "mars", "k8s.namespace.name": "payments"}
"""A producer in `shop` that says it is `payments`."""
SHOP, PAYMENTS = "shop", "payments"
ROOT_SECONDS = 10
"""How long the sampler waits for a root."""
LONG_SECONDS = 3
"""Between the first call of a request and its end: longer than agents and, after a root, the sampler wait."""
BACKGROUND = "background"
"""Service of traces that nothing but the background sample keeps."""


def quick() -> Context:
    """Return the dev region, deciding on traces soon and with a tenant that is slow at 500 ms."""
    base = context("dev.us-east")
    soon = collecting(
        "dev.us-east", decision_wait=Duration(f"{ROOT_SECONDS}s"), decision_wait_after_root=Duration("1s")
    )
    payments = base.platform.tenants[PAYMENTS].model_copy(update={"slow_trace": Duration("500ms")})
    return context("dev.us-east", platform={**soon, "tenants": {**base.platform.tenants, PAYMENTS: payments}})


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = Chain(quick(), tmp_path_factory.mktemp("chain"))
    try:
        chain.start()
        _send_all(chain)
        yield chain
    finally:
        chain.stop()


SECRET = {"db.password": "hunter2", "url.full": "https://user:pw@host/x", "gen_ai.usage.total_tokens": "12"}


def _send_all(chain: Chain) -> None:
    web, reports = {"service.name": "web"}, {"service.name": "reports"}
    # All that is known of it for a while is a quick call.
    chain.send("traces", traces(reports, span(10, 11, parent=10, kind=3)), SHOP)
    begun = time.monotonic()
    error = span(1, 1, status={"code": 2}, attributes=attributes({"tenant": PAYMENTS, **SECRET}))
    chain.send("traces", traces(CLAIM, error), SHOP)
    chain.send("traces", traces(web, span(2, 2, ms=1100)), SHOP)
    chain.send("traces", traces(web, span(3, 3, ms=600)), PAYMENTS)
    chain.send("traces", traces(web, span(4, 4, ms=600)), SHOP)
    chain.send("traces", traces(web, span(5, 5, parent=99)), SHOP)
    # Without a root as well: one is kept for its error, and of the other no server is missing its caller.
    worker = {"service.name": "worker"}
    chain.send("traces", traces(worker, span(8, 8, parent=98, status={"code": 2})), SHOP)
    chain.send("traces", traces(worker, span(9, 9, parent=97, kind=3)), SHOP)
    # A trace of two tenants, sent in two parts: too slow for payments only, which has a span in it.
    chain.send("traces", traces(web, span(6, 6, ms=600, kind=3)), SHOP)
    chain.send("traces", traces({"service.name": "ledger"}, span(6, 7, parent=6)), PAYMENTS)
    # The share is taken by a hash of the trace id, which takes ids that only count upwards for one.
    ids = random.Random(1)  # noqa: S311 - the same ids each time, so that the same are kept
    background = [{**span(7, number), "traceId": f"{ids.getrandbits(128):032x}"} for number in range(1, 2001)]
    chain.send("traces", traces({"service.name": BACKGROUND}, *background), PAYMENTS)
    record = {"timeUnixNano": str(NOW), "severityText": "Error", "body": {"stringValue": "Bearer abcdefghijklmnop1234"}}
    nameless = {**CLAIM, "service.name": ""}
    chain.send("logs", logs(nameless, {**record, "attributes": attributes({"tenant": PAYMENTS})}), "nobodys")
    chain.write_log(SHOP, list(LOG_LINES))
    orders = [(1.0, {"user_id": "a", "shop": "x"}), (2.0, {"user.id": "b", "shop": "x"}), (4.0, {"shop": "y"})]
    depth = [(1.0, {"order_id": "1", "tenant": PAYMENTS}), (7.0, {"order_id": "2"})]
    resource = {**CLAIM, "request_id": "r"}
    payload = metrics(resource, counter("orders", orders), counter("depth", depth, "gauge"))
    chain.send("metrics", payload, SHOP)
    for number in range(DELTAS):
        one = counter(VISITS, [(1.0, {"shop": "x"})], temporality=DELTA, at=NOW + number * 10**9)
        for pod in ("web-1", "web-2"):
            chain.send("metrics", metrics({"service.name": "web", "service.instance.id": pod}, one), SHOP)
    hold(begun, LONG_SECONDS)
    chain.send("traces", traces(reports, span(10, 10, ms=LONG_SECONDS * 1000)), SHOP)


VISITS = "visits"
DELTAS = 20
"""Deltas that each pod sends."""

LOG_LINES = {
    f'{{"level":"ERROR","trace_id":"{trace_id(77)}","span_id":"{span_id(77)}","order_id":"o-1"}}': "error",
    '{"level":30,"msg":"numbers are pino"}': "info",
    "level=warn msg=logfmt": "warn",
    "plain": "unknown",
    '{"broken': "unknown",
    "java.lang.IllegalStateException: no": "unknown",
    "\tat a.B.c(B.java:1)": "unknown",
    "Caused by: d": "unknown",
    '{"record":{"query_id":"42"},"logger":"postgres"}': "unknown",
    '{"message":"plan: {\\"Query Identifier\\": -77}"}': "unknown",
    "last": "unknown",
}
"""Lines of one container, with the level that each is to have."""
STACK = "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: d"


def stored(chain: Chain, signal: str, count: int) -> list[dict[str, Any]]:
    def read() -> list[dict[str, Any]] | None:
        entries = [
            each
            for each in chain.stored(signal)
            if not each.get("metric", "").startswith("traces") and each["resource"].get("service.name") != BACKGROUND
        ]
        return entries if len(entries) >= count else None

    return until(read, ARRIVAL_SECONDS, f"{count} of {signal}")


def labelled(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what Prometheus makes labels of, and more: attributes of the resource, and of the point."""
    return {**entry["resource"], **entry["attributes"]}


def generated(chain: Chain, metric: str, **labels: str) -> dict[str, Any]:
    def read() -> dict[str, Any] | None:
        for entry in reversed(chain.stored("metrics")):
            counted = entry.get("asInt", entry.get("count")) != "0"
            if counted and entry["metric"] == metric and labels.items() <= labelled(entry).items():
                found: dict[str, Any] = entry
                return found
        return None

    return until(read, 2 * ARRIVAL_SECONDS, f"{metric} {labels}")


def body(entry: dict[str, Any]) -> str:
    return str(entry["body"]["stringValue"])


def test_errors_and_slow_traces_are_kept_whole_and_the_rest_is_not(chain: Chain) -> None:
    kept = stored(chain, "traces", 8)
    assert sorted((int(each["traceId"], 16), int(each["spanId"], 16)) for each in kept) == [
        (1, 1),
        (2, 2),
        (3, 3),
        (6, 6),
        (6, 7),
        (8, 8),
        (10, 10),
        (10, 11),
    ]


def test_of_the_rest_one_in_a_hundred_is_kept(chain: Chain) -> None:
    def read() -> int | None:
        return sum(each["resource"].get("service.name") == BACKGROUND for each in chain.stored("traces")) or None

    # 2,000 traces; 20 with a standard deviation of 4.4.
    assert 7 <= until(read, ARRIVAL_SECONDS, "a background trace") <= 33


def test_kept_spans_of_one_resource_are_stored_together_without_what_the_sampler_wrote(chain: Chain) -> None:
    stored(chain, "traces", 8)
    until(lambda: BACKGROUND in (chain.folder / "traces.json").read_text() or None, ARRIVAL_SECONDS, "the sample")
    text = (chain.folder / "traces.json").read_text()
    groups = [group for line in text.splitlines() for group in json.loads(line)["resourceSpans"]]
    sizes = [
        len(scope["spans"])
        for group in groups
        if plain(group["resource"]["attributes"])["service.name"] == BACKGROUND
        for scope in group["scopeSpans"]
    ]
    assert max(sizes) > 1
    assert "tailsampling" not in text


def test_each_tenant_gets_its_own_spans_of_a_shared_trace(chain: Chain) -> None:
    owners = {int(each["spanId"], 16): each["tenant"] for each in stored(chain, "traces", 8)}
    assert owners == {1: SHOP, 2: SHOP, 3: PAYMENTS, 6: SHOP, 7: PAYMENTS, 8: SHOP, 10: SHOP, 11: SHOP}


def test_what_a_producer_claims_is_not_believed(chain: Chain) -> None:
    (error,) = [each for each in stored(chain, "traces", 8) if int(each["spanId"], 16) == 1]
    where = {"tenant": SHOP, "region": "us-east", "cluster": "dev-us-east", "environment": "dev"}
    assert where.items() <= error["resource"].items()
    assert error["resource"]["k8s.namespace.name"] == SHOP
    assert "tenant" not in error["attributes"]


def test_secrets_in_attributes_are_masked_and_counts_of_tokens_are_not(chain: Chain) -> None:
    (error,) = [each for each in stored(chain, "traces", 8) if int(each["spanId"], 16) == 1]
    assert error["attributes"] == {
        "db.password": "****",
        "url.full": "https****host/x",
        "gen_ai.usage.total_tokens": "12",
        "redaction.masked.count": "2",
    }


def test_span_metrics_count_every_span_with_its_tenant_and_an_exemplar(chain: Chain) -> None:
    of_web = {"service.name": "web", "tenant": SHOP, "span.kind": "SPAN_KIND_SERVER"}
    seen = generated(chain, "traces.span.metrics.duration", **of_web)
    # Spans 2, 4 and 5, of which sampling keeps 2 alone.
    assert (seen["count"], seen["sum"]) == ("3", pytest.approx(1.705))
    assert seen["attributes"]["source"] == "gateway"
    assert seen["resource"]["service.instance.id"] == "gateway-collector-0"
    every = [each for each in chain.stored("metrics") if of_web.items() <= labelled(each).items()]
    exemplars = [exemplar for each in every for exemplar in each.get("exemplars", [])]
    assert {int(each["traceId"], 16) for each in exemplars} == {2, 4, 5}


def test_an_edge_between_tenants_is_the_serving_tenants(chain: Chain) -> None:
    edge = generated(chain, "traces_service_graph_request_total", client="web", server="ledger")
    assert (edge["attributes"]["tenant"], edge["attributes"]["client_tenant"]) == (PAYMENTS, SHOP)
    assert edge["resource"]["region"] == "us-east"


@pytest.mark.parametrize(("service", "trace"), [("web", 5), ("worker", 8)])
def test_a_span_whose_trace_has_no_root_is_counted_as_an_orphan(chain: Chain, service: str, trace: int) -> None:
    orphan = generated(chain, "traces.orphan.spans", **{"service.name": service, "tenant": SHOP})
    assert (orphan["asInt"], orphan["attributes"]["span.kind"]) == ("1", "SPAN_KIND_SERVER")
    of_it = [each for each in chain.stored("metrics") if each["metric"] == "traces.orphan.spans"]
    exemplars = [
        exemplar
        for each in of_it
        if each["attributes"]["service.name"] == service
        for exemplar in each.get("exemplars", [])
    ]
    assert {int(each["traceId"], 16) for each in exemplars} == {trace}


def test_container_logs_belong_to_the_tenant_of_the_folder_they_lie_in(chain: Chain) -> None:
    lines = [each for each in stored(chain, "logs", 10) if body(each) == "last"]
    assert [(each["tenant"], each["resource"]["k8s.namespace.name"]) for each in lines] == [(SHOP, SHOP)]
    assert lines[0]["attributes"] == {"log.iostream": "stdout", "level": "unknown"}


def test_every_record_has_a_level_and_its_body_stays_as_written(chain: Chain) -> None:
    levels = {body(each): each["attributes"]["level"] for each in stored(chain, "logs", 10) if each["tenant"] == SHOP}
    single = {line: level for line, level in LOG_LINES.items() if line not in STACK}
    assert levels == {**single, STACK: "unknown"}


def test_trace_and_span_id_of_a_json_body_become_the_records_own(chain: Chain) -> None:
    (line,) = [each for each in stored(chain, "logs", 10) if "order_id" in body(each)]
    assert (line["traceId"], line["spanId"]) == (trace_id(77), span_id(77))
    assert set(line["attributes"]) == {"log.iostream", "level"}


def test_a_plan_is_found_by_its_query_id(chain: Chain) -> None:
    found = {each["attributes"].get("query_id") for each in stored(chain, "logs", 10)}
    assert found == {None, "42", "-77"}


def test_a_namespace_that_nobody_claims_is_the_platforms(chain: Chain) -> None:
    (record,) = [each for each in stored(chain, "logs", 10) if each["tenant"] == "platform"]
    assert record["resource"]["tenant"] == "platform"
    # Without a name its metrics would have no job, which is how rules tell what they recorded themselves.
    assert record["resource"]["service.name"] == "unknown_service"
    assert record["attributes"] == {"level": "error", "redaction.body.masked.count": "1"}
    assert body(record) == "****"


def test_dropped_attributes_leave_added_up_counters_and_the_largest_gauge(chain: Chain) -> None:
    points = [
        (each["metric"], each["asDouble"], each["attributes"])
        for each in stored(chain, "metrics", 3)
        if each["metric"] != VISITS
    ]
    assert sorted(points, key=str) == [
        ("depth", 7, {}),
        ("orders", 3, {"shop": "x"}),
        ("orders", 4, {"shop": "y"}),
    ]
    assert "request_id" not in stored(chain, "metrics", 3)[0]["resource"]


def test_deltas_are_added_up_for_each_pod(chain: Chain) -> None:
    def read() -> dict[str, float] | None:
        points = [each for each in stored(chain, "metrics", 1) if each["metric"] == VISITS]
        totals = {each["resource"]["service.instance.id"]: each["asDouble"] for each in points}
        return totals if set(totals.values()) == {float(DELTAS)} else None

    assert set(until(read, ARRIVAL_SECONDS, "the sum of all deltas")) == {"web-1", "web-2"}
