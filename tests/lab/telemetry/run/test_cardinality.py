"""Ids of users, orders and requests: in no label of any metric or log stream, in the body of every line."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass

import pytest

from lab.signals import send
from lab.signals.path import SHORT
from lab.signals.plan import Plan
from lab.signals.sent import Sent
from tests.lab.telemetry.asking import Stores, becomes
from tests.lab.telemetry.standing import Standing

PREFIX = "ids-"
FEW = Plan(traces=60, users=10, error_share=0.3, slow_share=0.3, path=SHORT.named(PREFIX))
MANY = dataclasses.replace(FEW, traces=1_000, users=1_000, seed=2)
IDS = ("user_id", "order_id", "request_id")
MINE = f'{{service_name=~"{PREFIX}.+"}}'
STORED = f'{{service=~"{PREFIX}.+"}}'
"""As Tempo's own metrics call a service."""
PUSHED = tuple(f'{{__name__!~".+:.+|ALERTS|ALERTS_FOR_STATE", {selector[1:]}' for selector in (MINE, STORED))
"""What was pushed; what rules record has a colon in its name, and what they find is an alert."""


@dataclass(frozen=True)
class Counted:
    """What there was after ten users, and what was sent of a thousand."""

    stores: Stores
    series: set[tuple[tuple[str, str], ...]]
    streams: list[dict[str, str]]
    sent: Sent


def settled(stores: Stores, *sent: Sent) -> None:
    """Wait until every request that was sent is counted in the metrics and every line is there."""
    # A run's counters begin anew, as those of a program that was started again.
    served: Counter[tuple[str, ...]] = Counter({(service,): count for (_, service), count in sent[-1].served.items()})
    asked = f"sum by (service_name) (signals_requests_total{MINE})"
    becomes(served, lambda: stores.counts(asked, "service_name"))
    spans = sum(each.spans.total() for each in sent)
    becomes(
        spans,
        lambda: stores.counts(f'sum(traces_span_metrics_calls_total{{source="gateway",{MINE[1:]})').total(),
    )
    # Tempo counts stored spans: of each kind there is one in a failed or slow trace.
    kinds = len({call for each in sent for call in each.calls})
    becomes(kinds, lambda: len(stores.reader.samples(f"traces_spanmetrics_calls_total{STORED}")))
    lines = sum(len(each.lines) for each in sent)
    becomes(lines, lambda: len(stores.reader.lines(MINE, limit=5_000)))


@pytest.fixture(scope="module")
def counted(standing: Standing) -> Counted:
    stores, pods = standing.stores, standing.pods(FEW)
    few = send.run(FEW, pods)
    settled(stores, few)
    series, streams = stores.series(*PUSHED), stores.reader.streams(MINE)
    many = send.run(MANY, pods)
    settled(stores, few, many)
    return Counted(stores, series, streams, many)


def test_a_thousand_users_leave_the_series_as_they_were(counted: Counted) -> None:
    assert len({user for user in (f"user-{number}" for number in range(1_000)) if said(counted, user)}) == 1_000
    names = {dict(each)["__name__"] for each in counted.series}
    assert {"signals_requests_total", "http_server_request_duration_seconds_bucket"} <= names
    assert {"traces_span_metrics_calls_total", "traces_spanmetrics_calls_total"} <= names
    assert counted.stores.series(*PUSHED) == counted.series


def labelled(streams: list[dict[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter(tuple(sorted(each.items())) for each in streams)


def said(counted: Counted, user: str) -> list[str]:
    return [line.body for line in counted.sent.lines if f'"user_id":"{user}"' in line.body]


def test_a_thousand_users_leave_the_log_streams_as_they_were(counted: Counted) -> None:
    assert {each["level"] for each in counted.streams} == {"info", "warn", "error"}
    assert labelled(counted.stores.reader.streams(MINE)) == labelled(counted.streams)


def test_ids_are_in_no_label_of_any_metric_or_stream(counted: Counted) -> None:
    spellings = {*IDS, *(each.replace("_", ".") for each in IDS)}
    assert not counted.stores.labels() & spellings
    assert not counted.stores.reader.stream_labels() & spellings
    text = str(counted.stores.series(MINE, STORED)) + str(counted.stores.reader.streams(MINE))
    assert not [value for value in ("user-7", "order-2-", "request-2-") if value in text]


def test_ids_are_in_the_body_of_every_line(counted: Counted) -> None:
    asked = f'{MINE} | json | user_id="user-77" | order_id="order-2-77" | request_id="request-2-77"'
    (expected,) = said(counted, "user-77")
    assert [line.text for line in counted.stores.reader.lines(asked)] == [expected]


def test_what_is_left_without_the_ids_is_added_up(counted: Counted) -> None:
    count = "sum by (service_name) (http_server_request_duration_seconds_count"
    expected: Counter[tuple[str, ...]] = Counter(
        {(service,): number for (_, service), number in counted.sent.served.items()}
    )
    assert expected.total() == 2_000
    assert counted.stores.counts(f"{count}{MINE})", "service_name") == expected
