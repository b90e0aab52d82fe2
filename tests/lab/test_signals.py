"""The generator itself: exact numbers, the same for the same seed, and nothing counted that was not taken."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lab.problem import LabError
from lab.signals import logs, send
from lab.signals.path import CHECKOUT, SHORT, Route
from lab.signals.plan import Fleet, Kind, Plan, Pod
from lab.signals.sent import Call, Edge, Sent
from lab.signals.traces import Maker, Request
from tests.serving import Asked, serving

NOW = 1_795_279_656_000_000_000
MIXED = Plan(traces=40, error_share=0.1, slow_share=0.05, orphan_share=0.05, placed={"payments": "payments"}, chunk=15)


def requests(plan: Plan) -> list[Request]:
    return list(Maker(plan).requests(0, plan.traces, NOW))


class Collector:
    """Takes everything, or what a test lets it."""

    def __init__(self, statuses: list[int] | None = None, refused: str = "") -> None:
        self.statuses = statuses or []
        self.refused = refused
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.path == self.refused:
            return 503, b"queue is full"
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.asked.append(asked)
        return status, b""

    def spans(self) -> list[Span]:
        found = [ExportTraceServiceRequest.FromString(each.body) for each in self.asked if each.path == "/v1/traces"]
        return [span for each in found for group in each.resource_spans for span in group.scope_spans[0].spans]


def run(collector: Collector, plan: Plan) -> Sent:
    with serving(collector.answer) as url:
        return send.run(plan, [Pod("shop", url), Pod("payments", url)])


@pytest.mark.parametrize("route", [CHECKOUT, SHORT])
def test_every_span_lies_within_its_parent_or_follows_a_message(route: Route) -> None:
    for index, hop in enumerate(route.hops):
        assert 0 <= hop.start < hop.end <= 1
        if hop.parent is not None:
            parent = route.hops[hop.parent]
            assert hop.parent < index
            assert hop.start >= parent.start
            assert hop.end <= parent.end or parent.kind == Span.SPAN_KIND_PRODUCER
    assert route.hops[0].parent is None


def test_the_path_is_the_shops_from_browser_to_recommendations() -> None:
    assert CHECKOUT.services == (
        "browser",
        "gateway",
        "storefront",
        "catalog",
        "orders",
        "outbox",
        "payments",
        "webhook",
        "recommendations",
    )
    called = [(CHECKOUT.hops[client].service, CHECKOUT.hops[server].service) for client, server in CHECKOUT.edges]
    assert called == [
        ("browser", "gateway"),
        ("gateway", "storefront"),
        ("storefront", "catalog"),
        ("storefront", "orders"),
        ("outbox", "payments"),
        ("payments", "webhook"),
        ("webhook", "recommendations"),
    ]


def test_the_same_path_can_go_through_services_of_other_names() -> None:
    other = SHORT.named("b-")
    assert other.services == ("b-storefront", "b-orders")
    assert other.edges == SHORT.edges


def test_a_message_is_followed_by_parent_and_by_link() -> None:
    (request,) = requests(dataclasses.replace(MIXED, traces=1))
    spans = [span for span in request.spans if span is not None]
    producer, consumer = spans[8], spans[9]
    assert (producer.kind, consumer.kind) == (Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER)
    assert consumer.parent_span_id == producer.span_id
    assert [(link.trace_id, link.span_id) for link in consumer.links] == [(producer.trace_id, producer.span_id)]


def test_kinds_come_in_exact_numbers_and_every_trace_shows_its_own() -> None:
    made = requests(MIXED)
    assert Counter(each.kind for each in made) == {
        Kind.ERROR: 4,
        Kind.SLOW: 2,
        Kind.ORPHAN: 2,
        Kind.BACKGROUND: 32,
    }
    for each in made:
        spans = [span for span in each.spans if span is not None]
        failed = sum(span.status.code == span.status.STATUS_CODE_ERROR for span in spans)
        length = max(s.end_time_unix_nano for s in spans) - min(s.start_time_unix_nano for s in spans)
        assert failed == (each.kind is Kind.ERROR)
        assert (length > 1_000_000_000) == (each.kind is Kind.SLOW)
        assert any(not span.parent_span_id for span in spans) == (each.kind is not Kind.ORPHAN)


def test_the_same_seed_makes_the_same_and_another_makes_others() -> None:
    first, again, other = requests(MIXED), requests(MIXED), requests(dataclasses.replace(MIXED, seed=2))
    assert [(each.hex, each.kind, each.ids) for each in first] == [(each.hex, each.kind, each.ids) for each in again]
    assert not {each.hex for each in first} & {each.hex for each in other}
    assert len({span.span_id for each in first for span in each.spans if span is not None}) == 14 * 40 - 2


def test_two_paths_share_no_id_though_their_seed_is_the_same() -> None:
    short = dataclasses.replace(MIXED, path=SHORT.named("b-"))
    assert not {each.hex for each in requests(MIXED)} & {each.hex for each in requests(short)}


def test_everything_that_was_taken_is_counted_and_nothing_else() -> None:
    collector = Collector()
    sent = run(collector, MIXED)
    spans = collector.spans()
    assert sent.spans == Counter(span.trace_id.hex() for span in spans)
    assert sent.spans.total() == 14 * 40 - 2
    assert {str(kind): len(ids) for kind, ids in sent.traces.items()} == {
        "error": 4,
        "slow": 2,
        "orphan": 2,
        "background": 32,
    }
    records = [
        record
        for each in collector.asked
        if each.path == "/v1/logs"
        for group in ExportLogsServiceRequest.FromString(each.body).resource_logs
        for record in group.scope_logs[0].log_records
    ]
    assert Counter(record.body.string_value for record in records) == Counter(line.body for line in sent.lines)
    assert len(records) == 7 * 40
    exports = [ExportMetricsServiceRequest.FromString(each.body) for each in collector.asked if "metrics" in each.path]
    assert len(exports) == sent.exports.total() == 3 * 7
    counted = max(
        len(metric.sum.data_points)
        for each in exports
        for metric in each.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "signals.requests"
    )
    assert sent.served == dict.fromkeys(sent.served, 40)
    assert counted == 40


def test_calls_edges_and_orphans_are_what_the_spans_say() -> None:
    sent = run(Collector(), MIXED)
    assert sent.calls[Call("payments", "payments", "process orders", "SPAN_KIND_CONSUMER", True)] == 4
    assert sent.calls[Call("payments", "payments", "process orders", "SPAN_KIND_CONSUMER", False)] == 36
    assert sent.calls[Call("shop", "browser", "POST", "SPAN_KIND_CLIENT", False)] == 38
    # The caller's span of an orphan is the root that is missing.
    assert sent.edges[Edge("browser", "gateway", "shop")] == 38
    assert sent.edges[Edge("outbox", "payments", "payments")] == 40
    assert sent.failed_edges == {Edge("outbox", "payments", "payments"): 4}
    assert sent.orphans == {
        ("shop", "gateway"): 2,
        ("shop", "storefront"): 2,
        ("shop", "catalog"): 2,
        ("shop", "orders"): 2,
        ("payments", "payments"): 2,
        ("shop", "webhook"): 2,
        ("shop", "recommendations"): 2,
    }


def test_what_is_refused_for_now_is_sent_again_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "_PAUSE_SECONDS", 0.01)
    collector = Collector([503, 429, 200])
    sent = run(collector, dataclasses.replace(MIXED, chunk=40))
    assert sent.retries == 2
    assert sent.spans == Counter(span.trace_id.hex() for span in collector.spans())
    assert (sent.refused, sent.broken) == ({}, set())


def test_what_is_refused_for_too_long_ends_the_run_or_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "_PAUSE_SECONDS", 0.01)
    impatient = dataclasses.replace(MIXED, patience=0.02)
    with pytest.raises(LabError, match=r"not taken within 0\.02 s: .*/v1/traces answered 503: queue is full"):
        run(Collector(refused="/v1/traces"), impatient)
    sent = run(Collector(refused="/v1/traces"), dataclasses.replace(impatient, tolerant=True))
    assert sent.refused == {"traces": 14 * 40 - 2}
    assert len(sent.broken) == 40
    assert not sent.spans
    # The other signals are none of its business.
    assert len(sent.lines) == 7 * 40


def test_a_refusal_for_good_ends_the_run_at_once() -> None:
    with pytest.raises(LabError, match="/v1/traces answered 400"):
        run(Collector([400]), MIXED)


def test_lines_of_containers_are_in_the_kubelets_files_cut_as_the_runtime_cuts_them(tmp_path: Path) -> None:
    plan = dataclasses.replace(MIXED, traces=3, padding=40_000, metrics=False)
    collector = Collector()
    with serving(collector.answer) as url:
        pods = [
            Pod(namespace, url, service, name=f"{service}-0", uid=f"uid-{service}", logs=tmp_path)
            for namespace, service in [("payments", "payments"), *(("shop", each) for each in CHECKOUT.services)]
        ]
        sent = send.run(plan, pods)
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.log"))
    assert files == [
        "payments_payments-0_uid-payments/main/0.log",
        "shop_catalog-0_uid-catalog/main/0.log",
        "shop_gateway-0_uid-gateway/main/0.log",
        "shop_outbox-0_uid-outbox/main/0.log",
    ]
    pieces = (tmp_path / files[0]).read_text().splitlines()
    assert [piece.split()[2] for piece in pieces] == ["P", "P", "F"] * 3
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout [PF] .*"
    assert all(re.fullmatch(form, piece) for piece in pieces)
    whole = "".join(piece.split(maxsplit=3)[3] for piece in pieces[:3])
    assert whole in {line.body for line in sent.lines if line.service == "payments"}
    assert len([line for line in sent.lines if line.stdout]) == 4 * 3
    assert len(sent.lines) == 7 * 3


def test_a_line_holds_the_ids_that_no_label_may_hold() -> None:
    (request,) = requests(dataclasses.replace(MIXED, traces=1))
    (line, *_) = logs.lines(MIXED, request)
    said = json.loads(line.body)
    assert said["trace_id"] == request.hex
    assert {"user_id", "order_id", "request_id"} <= set(said)


def test_services_without_a_pod_of_their_own_take_turns_over_those_of_the_namespace() -> None:
    one, other, own = Pod("shop", "http://1"), Pod("shop", "http://2"), Pod("shop", "http://3", "orders")
    fleet = Fleet([one, other, own])
    assert [fleet.of("shop", "browser", turn) for turn in range(3)] == [one, other, one]
    assert fleet.of("shop", "orders", 1) is own
    with pytest.raises(LabError, match="pods: payments has none that speaks for ledger"):
        fleet.of("payments", "ledger", 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"traces": 0}, "traces: 0 must be between 1 and 200000."),
        ({"traces": 5_001}, "traces: 5001 with metrics are a data point each; 5000 at most, or metrics off."),
        (
            {"error_share": 0.9, "slow_share": 0.2},
            "shares: error, slow and orphan are (0.9, 0.2, 0.05); each must be 0 or more, their sum 1 at most.",
        ),
        ({"users": 0}, "users, chunk: must be 1 or more; namespaces: at least one."),
    ],
)
def test_a_plan_that_is_none_is_refused(change: dict[str, float], sentence: str) -> None:
    with pytest.raises(LabError) as refusal:
        dataclasses.replace(MIXED, **change)  # type: ignore[arg-type] # the table is of several types
    assert str(refusal.value) == sentence
