"""The random stand-in: values as asked for, made once, secret where they are."""

import base64
import string
from random import SystemRandom
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers.protocol import Connection, ProviderError
from lab.providers.random import RandomProvider, text
from lab.providers.values import UNKNOWN, Secret, marshal, unmarshal
from tests.lab.providers.conftest import urn

PASSWORD = "random:index/randomPassword:RandomPassword"
IDENTIFIER = "random:index/randomId:RandomId"
CONNECTION = Connection(configured=SystemRandom())
PROVIDER = RandomProvider()


def check(token: str, **inputs: Any) -> proto.CheckResponse:
    return PROVIDER.check(CONNECTION, proto.CheckRequest(urn=urn(token, "it"), news=marshal(inputs)))


def create(token: str, preview: bool = False, **inputs: Any) -> dict[str, Any]:
    request = proto.CreateRequest(urn=urn(token, "it"), properties=check(token, **inputs).inputs, preview=preview)
    return unmarshal(PROVIDER.create(CONNECTION, request).properties)


@given(
    some.fixed_dictionaries(
        {
            "length": some.integers(20, 60),
            "special": some.booleans(),
            "upper": some.booleans(),
            "overrideSpecial": some.sampled_from(["", "-_"]),
            "minNumeric": some.integers(0, 5),
        }
    )
)
def test_a_text_has_the_characters_asked_for(inputs: dict[str, Any]) -> None:
    made = text(SystemRandom(), inputs)
    special = inputs["overrideSpecial"] or "!@#$%&*()-_=+[]{}<>:?"
    allowed = string.ascii_lowercase + string.digits
    allowed += string.ascii_uppercase if inputs["upper"] else ""
    allowed += special if inputs["special"] else ""
    assert len(made) == inputs["length"]
    assert set(made) <= set(allowed)
    assert sum(character.isdigit() for character in made) >= inputs["minNumeric"]


def test_a_password_is_secret_and_unknown_before_it_is_made() -> None:
    made = create(PASSWORD, length=32, special=False)["result"]
    assert isinstance(made, Secret)
    assert len(made.value) == 32
    assert create(PASSWORD, length=32)["result"] != made
    assert create(PASSWORD, preview=True, length=32)["result"] == Secret(UNKNOWN)


def test_an_identifier_is_one_value_in_four_notations() -> None:
    made = create(IDENTIFIER, byteLength=4, prefix="p-")
    value = bytes.fromhex(made["hex"].removeprefix("p-"))
    assert len(value) == 4
    assert made["dec"] == f"p-{int.from_bytes(value, 'big')}"
    assert made["b64Std"] == "p-" + base64.b64encode(value).decode()


def test_other_types() -> None:
    assert 5 <= create("random:index/randomInteger:RandomInteger", min=5, max=7)["result"] <= 7
    assert len(create("random:index/randomUuid:RandomUuid")["result"]) == 36
    made = create("random:index/randomString:RandomString", length=5, lower=False, upper=False, special=False)
    assert made["result"].isdigit()


def test_any_change_makes_another_value_and_none_keeps_it() -> None:
    old, new = (check(PASSWORD, length=length).inputs for length in (16, 17))
    same = proto.DiffRequest(urn=urn(PASSWORD, "it"), old_inputs=old, news=old)
    other = proto.DiffRequest(urn=urn(PASSWORD, "it"), old_inputs=old, news=new)
    assert PROVIDER.diff(CONNECTION, same).changes == proto.DiffResponse.DIFF_NONE
    assert list(PROVIDER.diff(CONNECTION, other).replaces) == ["length"]


def test_a_refresh_finds_the_value_of_the_state() -> None:
    inputs = check(PASSWORD, length=16).inputs
    state = PROVIDER.create(CONNECTION, proto.CreateRequest(urn=urn(PASSWORD, "it"), properties=inputs)).properties
    answer = PROVIDER.read(
        CONNECTION, proto.ReadRequest(urn=urn(PASSWORD, "it"), id="none", properties=state, inputs=inputs)
    )
    assert unmarshal(answer.properties)["result"] == unmarshal(state)["result"]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (
            {"length": 3, "minLower": 2, "minUpper": 2},
            "length: 3 is less than the 4 characters that the minimums ask for; raise it.",
        ),
        (
            {"length": 3, "lower": False, "upper": False, "numeric": False, "special": False},
            "lower, upper, numeric, special: all are off, which leaves no character; switch one on.",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(inputs: dict[str, Any], sentence: str) -> None:
    assert [failure.reason for failure in check(PASSWORD, **inputs).failures] == [sentence]


def test_an_unknown_type_is_named_with_those_there_are() -> None:
    with pytest.raises(ProviderError, match="random:index/randomPet:RandomPet: the stand-in random provider does not"):
        check("random:index/randomPet:RandomPet")
