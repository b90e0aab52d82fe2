"""The stand-in for pulumi-random 4: generated once, kept in state, secret where the real one is.

A password has no bcryptHash here: the standard library has no bcrypt, and the platform reads none.
"""

import base64
import math
import string
import uuid
from collections.abc import Mapping
from random import SystemRandom
from typing import Any, Final

from lab.providers.table import Found, Kind, TableProvider
from lab.providers.values import Object

_SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
"""The special characters unless overrideSpecial names others (hashicorp/random, docs of random_password)."""
_CLASSES: Final = (
    ("lower", "minLower", string.ascii_lowercase),
    ("upper", "minUpper", string.ascii_uppercase),
    ("numeric", "minNumeric", string.digits),
    ("special", "minSpecial", _SPECIAL),
)
_TEXT_INPUTS: Final = (
    "length",
    "overrideSpecial",
    "keepers",
    *(name for row in _CLASSES for name in row[:2]),
)
_TEXT_DEFAULTS: Final[Object] = {
    **{name: True for name, _, _ in _CLASSES},
    **{least: 0 for _, least, _ in _CLASSES},
}


def text(source: SystemRandom, inputs: Mapping[str, Any]) -> str:
    """Return random characters of the classes asked for, each at least as often as its minimum."""
    pools = {name: characters for name, _, characters in _CLASSES}
    pools["special"] = inputs.get("overrideSpecial") or pools["special"]
    chosen = [source.choice(pools[name]) for name, least, _ in _CLASSES for _ in range(int(inputs.get(least) or 0))]
    allowed = "".join(pools[name] for name, _, _ in _CLASSES if inputs.get(name, True))
    chosen += [source.choice(allowed) for _ in range(int(inputs["length"]) - len(chosen))]
    source.shuffle(chosen)
    return "".join(chosen)


def _text_wrong(inputs: Object) -> str | None:
    length = inputs.get("length")
    if not isinstance(length, int):
        return None
    least = sum(int(inputs.get(name) or 0) for _, name, _ in _CLASSES)
    if length < max(1, least):
        return f"length: {length} is less than the {max(1, least)} characters that the minimums ask for; raise it."
    if not any(inputs.get(name, True) for name, _, _ in _CLASSES):
        return "lower, upper, numeric, special: all are off, which leaves no character; switch one on."
    return None


def _password(source: SystemRandom, inputs: Object) -> tuple[str, Object]:
    return "none", {"result": text(source, inputs)}


def _string(source: SystemRandom, inputs: Object) -> tuple[str, Object]:
    result = text(source, inputs)
    return result, {"result": result}


def _id(source: SystemRandom, inputs: Object) -> tuple[str, Object]:
    value = source.randbytes(int(inputs["byteLength"]))
    prefix = inputs.get("prefix") or ""
    url = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    return url, {
        "b64Url": prefix + url,
        "b64Std": prefix + base64.b64encode(value).decode(),
        "hex": prefix + value.hex(),
        "dec": f"{prefix}{int.from_bytes(value, 'big')}",
    }


def _uuid(source: SystemRandom, _inputs: Object) -> tuple[str, Object]:
    result = str(uuid.UUID(bytes=source.randbytes(16), version=4))
    return result, {"result": result}


def _integer(source: SystemRandom, inputs: Object) -> tuple[str, Object]:
    low, high = math.ceil(inputs["min"]), math.floor(inputs["max"])
    result = source.randint(low, high)
    return str(result), {"result": result}


def _integer_wrong(inputs: Object) -> str | None:
    low, high = inputs.get("min"), inputs.get("max")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        return f"min: {low} is above max: {high}; exchange them."
    return None


def _kept(_source: SystemRandom, _id: str, inputs: Object, state: Object) -> Found | None:
    # The value lives in state alone, so a refresh always finds it.
    return Found({name: value for name, value in state.items() if name not in inputs}, {})


def _forgotten(_source: SystemRandom, _id: str, _state: Object) -> None:
    """Nothing is left behind: the value was only in state."""


class RandomProvider(TableProvider[SystemRandom]):
    """The types of pulumi-random that a platform needs; every change makes a new value."""

    package = "random"
    version = "4.21.4"
    kinds = {
        "random:index/randomPassword:RandomPassword": Kind(
            inputs=_TEXT_INPUTS,
            create=_password,
            read=_kept,
            delete=_forgotten,
            computed=("result",),
            secret=("result",),
            defaults=lambda _client, _inputs: _TEXT_DEFAULTS,
            validate=_text_wrong,
        ),
        "random:index/randomString:RandomString": Kind(
            inputs=_TEXT_INPUTS,
            create=_string,
            read=_kept,
            delete=_forgotten,
            computed=("result",),
            defaults=lambda _client, _inputs: _TEXT_DEFAULTS,
            validate=_text_wrong,
        ),
        "random:index/randomId:RandomId": Kind(
            inputs=("byteLength", "prefix", "keepers"),
            create=_id,
            read=_kept,
            delete=_forgotten,
            computed=("b64Url", "b64Std", "hex", "dec"),
        ),
        "random:index/randomUuid:RandomUuid": Kind(
            inputs=("keepers",), create=_uuid, read=_kept, delete=_forgotten, computed=("result",)
        ),
        "random:index/randomInteger:RandomInteger": Kind(
            inputs=("min", "max", "keepers"),
            create=_integer,
            read=_kept,
            delete=_forgotten,
            computed=("result",),
            validate=_integer_wrong,
        ),
    }

    def configure(self, config: Object) -> SystemRandom:
        """Return the operating system's source of randomness; there is nothing to configure."""
        del config
        return SystemRandom()
