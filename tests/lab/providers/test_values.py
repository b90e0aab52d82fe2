"""Property values: what goes out comes back, with its marks."""

from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.providers.values import (
    ASSET_SIGNATURE,
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    Secret,
    has_secret,
    has_unknown,
    mark_like,
    marshal,
    plain,
    unmarshal,
)

UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

scalars = (
    some.text().filter(lambda text: text != UNKNOWN_STRING)
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(-1e300, 1e300)
    | some.just(UNKNOWN)
)
values = some.recursive(
    scalars,
    lambda inner: (
        some.lists(inner)
        | some.dictionaries(some.text().filter(lambda key: key != SIGNATURE), inner)
        | inner.map(lambda value: value if isinstance(value, Secret) else Secret(value))
    ),
    max_leaves=20,
)


def struct(content: dict[str, Any]) -> Struct:
    return json_format.ParseDict(content, Struct())


@settings(max_examples=50)
@given(some.dictionaries(some.text().filter(lambda key: key != SIGNATURE), values))
def test_what_is_sent_comes_back(properties: dict[str, Any]) -> None:
    assert unmarshal(marshal(properties)) == properties


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ({"a": {SIGNATURE: SECRET_SIGNATURE, "value": {"b": "c"}}}, {"a": Secret({"b": "c"})}),
        ({"a": UNKNOWN_STRING}, {"a": UNKNOWN}),
        ({"a": "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"}, {"a": UNKNOWN}),
        ({"a": {SIGNATURE: OUTPUT_SIGNATURE, "value": "x", "secret": True}}, {"a": Secret("x")}),
        ({"a": {SIGNATURE: OUTPUT_SIGNATURE, "dependencies": []}}, {"a": UNKNOWN}),
        ({"a": {SIGNATURE: ASSET_SIGNATURE, "text": "t"}}, {"a": {SIGNATURE: ASSET_SIGNATURE, "text": "t"}}),
        ({"a": 3.0, "b": 0.5, "c": {}, "d": [], "e": ""}, {"a": 3, "b": 0.5, "c": {}, "d": [], "e": ""}),
        ({"a": None, "b": {"c": None}}, {"b": {}}),
    ],
)
def test_the_engine_s_encoding_is_read(wire: dict[str, Any], value: dict[str, Any]) -> None:
    assert unmarshal(struct(wire)) == value


def test_nulls_stay_where_they_mean_something() -> None:
    assert unmarshal(struct({"replicas": None, "list": [None]}), nulls=True) == {"replicas": None, "list": [None]}


def test_marks_are_seen_at_any_depth_and_taken_off() -> None:
    value = {"a": [{"b": Secret({"c": UNKNOWN})}], "d": 1}
    assert has_secret(value)
    assert has_unknown(value)
    assert plain(value) == {"a": [{"b": {"c": UNKNOWN}}], "d": 1}
    assert not has_secret(plain(value))
    assert not has_unknown({"a": 1})


def test_a_secret_does_not_show_in_a_log() -> None:
    assert "hunter2" not in repr({"password": Secret("hunter2")})


def test_what_the_inputs_mark_is_marked_in_the_answer() -> None:
    model = {"data": {"a": Secret("1")}, "list": [{"x": Secret("y")}], "gone": Secret("z")}
    live = {"data": {"a": "1", "b": "2"}, "list": [{"x": "y"}, {}], "status": {}}
    assert mark_like(live, model) == {
        "data": {"a": Secret("1"), "b": "2"},
        "list": Secret([{"x": "y"}, {}]),
        "status": {},
    }


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="a property value cannot be a set"):
        marshal({"a": {1}})
