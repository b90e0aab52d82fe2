"""Each place that a secret may stand in, through the real collectors, with something beside it that is to stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from settings.units import Duration
from tests.components.collection_chain import Chain, plain, until
from tests.components.collection_signals import NOW, counter, logs, metrics, span, span_id, trace_id, traces
from tests.contexts import collecting, context
from tests.otlp import attributes

ARRIVAL_SECONDS = 30
SHOP = "shop"
KEY = "AKIAABCDEFGHIJKLMNOP"
"""What is a secret wherever it stands."""
OTHER_KEY = f"{KEY[:-1]}Z"
HUNTER = "hunter2"
"""What is one by its name only."""
MASK = "****"
RESOURCE = {"service.name": "api"}

TEXTS = {
    '{"msg":"in","password":"hunter2","token":"hunter2","user":"bob"}': (
        '{"msg":"in","password":"****","token":"****","user":"bob"}'
    ),
    '{"db_password": "hunter2 \\" hunter2", "n": 1}': '{"db_password": "****", "n": 1}',
    '{"token":4711,"hasPassword":true,"apiKey":null,"n":1}': (
        '{"token":"****","hasPassword":"****","apiKey":"****","n":1}'
    ),
    '{"passwords":["hunter2","hunter2"],"credentials":{"user":"hunter2"},"n":[1]}': (
        '{"passwords":"****","credentials":"****","n":[1]}'
    ),
    '{"msg":"got {\\"token\\":\\"hunter2\\",\\"user\\":\\"bob\\"}","n":1}': (
        '{"msg":"got {\\"token\\":\\"****\\",\\"user\\":\\"bob\\"}","n":1}'
    ),
    'msg="signed in" token=hunter2 user=bob': 'msg="signed in" token=**** user=bob',
    'secret="hunter2 hunter2" user=bob': "secret=**** user=bob",
    "Authorization: Basic hunter2": "Authorization: ****",
    "headers map[Authorization:[Bearer hunter2] Host:[a]]": "headers map[Authorization:**** Host:[a]]",
    "Cookie: id=hunter2; session=hunter2": "Cookie: ****",
    "{'password': 'hunter2', 'user': 'bob'}": "{'password': '****', 'user': 'bob'}",
    '{"password"=>"hunter2", "user"=>"bob"}': '{"password"=>"****", "user"=>"bob"}',
    "GET /orders?api_key=hunter2&page=2": "GET /orders?api_key=****&page=2",
    "DB_PASSWORD=hunter2": "DB_PASSWORD=****",
}
"""Lines with a secret, and what is to be left of them."""
KEPT = (
    '{"tokens":12,"cookie.count":3,"authorization.result":"granted","key":"a","compass":"north"}',
    "password authentication failed for user bob",
    'secret "tls" not found',
    "auth::Token::parse was called",
    "total_tokens=12 token_type=bearer next page of tokens: 2",
)
"""Lines that are no secret's, though they have its words in them."""


def _value(text: str) -> dict[str, Any]:
    return {"stringValue": text}


def _list(*texts: str) -> dict[str, Any]:
    return {"arrayValue": {"values": [_value(text) for text in texts]}}


def _map(**texts: str) -> dict[str, Any]:
    return {"kvlistValue": {"values": attributes(texts)}}


def _with(**values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


GIVEN = {"args": _list("--key", KEY), "password": _list(HUNTER), "plain": _list("-v"), "n": {"intValue": "7"}}
REQUEST = [
    *attributes({"user": "bob", "password": HUNTER, "path": "/orders"}),
    *_with(credentials=_map(user=HUNTER), passwords=_list(HUNTER, HUNTER), token={"intValue": "4711"}),
]
STRUCTURED = {**GIVEN, "request": {"kvlistValue": {"values": REQUEST}}}
"""The same with a map that has a secret in it, for whose sake all of them become texts."""
PLAIN_MAP = {"request": _map(user="bob", word="token", path="/orders")}
"""A map that stays one: a secret's word is a value in it, and a part of one its key."""
LEFT = {"args": '["--key","****"]', "password": MASK, "redaction.masked.count": "2"}
LEFT_OF_STRUCTURED = {
    **LEFT,
    "plain": '["-v"]',
    "n": "7",
    "request": (
        '{"credentials":"****","password":"****","passwords":"****","path":"/orders","token":"****","user":"bob"}'
    ),
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    soon = collecting("dev.us-east", decision_wait=Duration("5s"), decision_wait_after_root=Duration("1s"))
    chain = Chain(context("dev.us-east", platform=soon), tmp_path_factory.mktemp("chain"))
    try:
        chain.start()
        _send(chain)
        yield chain
    finally:
        chain.stop()


def _send(chain: Chain) -> None:
    at = str(NOW)
    failed = span(
        1,
        1,
        status={"code": 2, "message": f"no answer: {KEY} token={HUNTER} after 5 s"},
        attributes=_with(**STRUCTURED),
        events=[{"timeUnixNano": at, "name": f"sent {KEY}", "attributes": _with(**STRUCTURED)}],
        traceState=f"a=1,x={KEY}",
    )
    quiet = span(1, 3, parent=1, attributes=_with(**PLAIN_MAP))
    twins = [
        {**span(1, 2, parent=1, attributes=_with(**GIVEN)), "name": f"GET /reset/{KEY}/orders"},
        {**span(1, 4, parent=1), "name": f"GET /reset/{OTHER_KEY}/orders"},
    ]
    payload = traces(RESOURCE, {**failed, "name": f"GET /reset/{KEY}/orders"}, quiet, *twins)
    payload["resourceSpans"][0]["resource"]["attributes"] += _with(**STRUCTURED)
    chain.send("traces", payload, SHOP)
    record = {"timeUnixNano": at, "severityNumber": 9}
    records = [
        {**record, "body": _value("structured"), "attributes": _with(**STRUCTURED)},
        {**record, "body": _value("lists"), "attributes": _with(**GIVEN)},
        {**record, "body": _value("plain map"), "attributes": _with(**PLAIN_MAP), "severityText": "INFORMATIONAL"},
        {**record, "body": _value("named"), "eventName": f"order.{KEY}", "severityText": f"INFO {KEY}"},
        {**record, "body": _value("event"), "eventName": "order.sent"},
        {**record, "body": _map(password=HUNTER, text=f"a {KEY} b", user="bob")},
        *({**record, "body": _value(text)} for text in (*TEXTS, *KEPT)),
    ]
    payload = logs(RESOURCE, *records)
    payload["resourceLogs"][0]["resource"]["attributes"] += _with(**STRUCTURED)
    chain.send("logs", payload, SHOP)
    chain.write_log(SHOP, [f"file {text}" for text in (*TEXTS, *KEPT)])
    points = [(1.0, {"api_key": "a", "shop": "x"}), (2.0, {"api_key": "b", "shop": "x"}), (4.0, {"shop": "y"})]
    dropped = {"password": HUNTER, "user_id": "user-1", "key": KEY}
    calls = counter("calls", points)
    calls["sum"]["dataPoints"][2]["exemplars"] = [
        {
            "timeUnixNano": at,
            "asDouble": 1,
            "traceId": trace_id(1),
            "spanId": span_id(1),
            "filteredAttributes": attributes(dropped),
        }
    ]
    payload = metrics(RESOURCE, calls, counter("depth", points, "gauge"))
    payload["resourceMetrics"][0]["resource"]["attributes"] += _with(**GIVEN)
    payload["resourceMetrics"][0]["scopeMetrics"][0]["scope"] = {"name": "lib", "attributes": attributes(dropped)}
    chain.send("metrics", payload, SHOP)


def stored(chain: Chain, signal: str, count: int) -> list[dict[str, Any]]:
    def read() -> list[dict[str, Any]] | None:
        entries = [each for each in chain.stored(signal) if not each.get("metric", "").startswith("traces")]
        return entries if len(entries) >= count else None

    return until(read, ARRIVAL_SECONDS, f"{count} of {signal}")


def spans(chain: Chain) -> dict[int, dict[str, Any]]:
    return {int(each["spanId"], 16): each for each in stored(chain, "traces", 4)}


def bodies(chain: Chain) -> dict[str, dict[str, Any]]:
    entries = stored(chain, "logs", 6 + 2 * (len(TEXTS) + len(KEPT)))
    return {each["body"].get("stringValue", "a map"): each for each in entries}


def test_texts_of_a_span_have_no_secret(chain: Chain) -> None:
    failed = spans(chain)[1]
    assert failed["name"] == "GET /reset/****/orders"
    assert failed["status"]["message"] == "no answer: **** token=**** after 5 s"
    assert failed["traceState"] == "a=1,x=****"
    assert failed["events"][0]["name"] == "sent ****"
    assert spans(chain)[3]["name"] == "GET /orders"


def test_lists_and_maps_of_spans_have_no_secret(chain: Chain) -> None:
    found = spans(chain)
    assert found[1]["attributes"] == LEFT_OF_STRUCTURED
    assert plain(found[1]["events"][0]["attributes"]) == LEFT_OF_STRUCTURED
    assert LEFT_OF_STRUCTURED.items() <= found[1]["resource"].items()
    assert found[2]["attributes"] == {**LEFT, "n": "7", "plain": {"values": [_value("-v")]}}
    assert found[3]["attributes"] == {"request": PLAIN_MAP["request"]["kvlistValue"]}


def test_lists_and_maps_of_log_records_have_no_secret(chain: Chain) -> None:
    found = bodies(chain)
    level = {"level": "info"}
    assert found["structured"]["attributes"] == {**LEFT_OF_STRUCTURED, **level}
    assert LEFT_OF_STRUCTURED.items() <= found["structured"]["resource"].items()
    assert found["lists"]["attributes"] == {**LEFT, **level, "n": "7", "plain": {"values": [_value("-v")]}}
    assert found["plain map"]["attributes"] == {**level, "request": PLAIN_MAP["request"]["kvlistValue"]}
    assert plain(found["a map"]["body"]["kvlistValue"]["values"]) == {
        "password": MASK,
        "text": "a **** b",
        "user": "bob",
    }


def test_a_records_event_and_severity_have_no_secret(chain: Chain) -> None:
    found = bodies(chain)
    assert (found["named"]["eventName"], found["named"]["severityText"]) == ("order.****", MASK)
    assert (found["event"]["eventName"], found["plain map"]["severityText"]) == ("order.sent", "INFORMATIONAL")


def test_a_line_loses_its_secrets_and_nothing_else(chain: Chain) -> None:
    for prefix in ("", "file "):
        lines = {f"{prefix}{text}" for text in (*TEXTS.values(), *KEPT)}
        assert lines - set(bodies(chain)) == set()


@pytest.mark.parametrize("line", [text for text in TEXTS if text.startswith('{"') and "=>" not in text])
def test_a_line_that_was_json_still_is(line: str) -> None:
    json.loads(line)
    json.loads(TEXTS[line])


def test_series_that_differ_in_a_secret_only_become_one(chain: Chain) -> None:
    points = [(each["metric"], each["asDouble"], each["attributes"]) for each in stored(chain, "metrics", 4)]
    one = {"api_key": MASK, "shop": "x"}
    other = {"shop": "y"}
    assert sorted(points, key=str) == [
        ("calls", 3, one),
        ("calls", 4, other),
        ("depth", 2, one),
        ("depth", 4, other),
    ]


def test_lists_of_a_metrics_resource_have_no_secret_and_no_count_of_it_is_a_label(chain: Chain) -> None:
    resource = stored(chain, "metrics", 4)[0]["resource"]
    left = {**LEFT, "n": "7", "plain": {"values": [_value("-v")]}}
    del left["redaction.masked.count"]
    assert left.items() <= resource.items()
    assert "redaction.masked.count" not in (chain.folder / "metrics.json").read_text()


def test_an_exemplar_says_its_trace_and_nothing_that_was_taken_off_its_series(chain: Chain) -> None:
    (with_one,) = [each for each in stored(chain, "metrics", 4) if each.get("exemplars")]
    (exemplar,) = with_one["exemplars"]
    assert (exemplar["traceId"], exemplar["spanId"]) == (trace_id(1), span_id(1))
    assert "filteredAttributes" not in exemplar


def test_span_metrics_have_names_without_secrets_and_one_series_of_each(chain: Chain) -> None:
    def read() -> list[tuple[str, str]] | None:
        points = [
            (each["attributes"]["span.name"], each["asInt"])
            for each in chain.stored("metrics")
            if each["metric"] == "traces.span.metrics.calls"
            and each["attributes"]["status.code"] == "STATUS_CODE_UNSET"
            and each["resource"]["service.name"] == "api"
        ]
        # Of each series the first point is nothing, for rates.
        return points if any(count != "0" for _, count in points) else None

    counted = [each for each in until(read, 2 * ARRIVAL_SECONDS, "span metrics") if each[1] != "0"]
    assert sorted(counted) == [("GET /orders", "1"), ("GET /reset/****/orders", "2")]


def test_no_secret_that_was_sent_is_in_any_store(chain: Chain) -> None:
    stored(chain, "metrics", 4), spans(chain), bodies(chain)
    for signal in ("traces", "logs", "metrics"):
        text = (chain.folder / f"{signal}.json").read_text()
        assert [secret for secret in (KEY, OTHER_KEY, HUNTER, "user-1") if secret in text] == []
