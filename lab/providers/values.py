"""Property values of the engine's wire format as plain Python, with marks for what is secret or not yet known.

The signatures and sentinels are those of the engine's sdk/go/common/resource (sig.go, plugin/rpc.go).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

Object = dict[str, Any]
"""A JSON object whose leaves may also be Secret or UNKNOWN."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the public marker of a secret, none itself
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """A value that only the real operation will produce; there is one, UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, _memo: object) -> "Unknown":
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in state and hides in every display; its repr hides it in logs too."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


def unmarshal(struct: Struct, *, nulls: bool = False) -> Object:
    """Return the properties of a message; integral numbers become int.

    A null in an object is left out as absent, unless `nulls`: Helm values unset a chart's default with one.
    """
    found = _from_fields(struct, nulls)
    return found if isinstance(found, dict) else {}


def marshal(properties: Mapping[str, Any]) -> Struct:
    """Return properties as a message; None is left out, as the engine takes a null for absent too."""
    struct = Struct()
    _fill(struct, properties)
    return struct


def plain(value: Any) -> Any:
    """Return a value without the secret marks, for a server that takes none; UNKNOWN stays."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Tell whether a value, or anything within it, is not known yet."""
    return any(leaf is UNKNOWN for leaf in _leaves(value))


def has_secret(value: Any) -> bool:
    """Tell whether a value, or anything within it, is marked secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    return isinstance(value, list) and any(has_secret(item) for item in value)


def mark_like(values: Object, model: Mapping[str, Any]) -> Object:
    """Return values with whatever the model marks secret marked too.

    Objects are followed key by key; a list or scalar whose counterpart holds a secret is marked whole, since list
    items may have moved.
    """
    marked = dict(values)
    for key, like in model.items():
        if key not in marked or isinstance(marked[key], Secret):
            continue
        if isinstance(marked[key], dict) and isinstance(like, dict):
            marked[key] = mark_like(marked[key], like)
        elif has_secret(like):
            marked[key] = Secret(marked[key])
    return marked


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Secret):
        yield from _leaves(value.value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _number(value: Value) -> int | float:
    number = value.number_value
    whole = int(number) if number == number and abs(number) < 2**63 else 0
    return whole if whole == number else number


_READERS: Final[dict[str, Callable[[Value], Any]]] = {
    "string_value": lambda value: UNKNOWN if value.string_value in _UNKNOWNS else value.string_value,
    "number_value": _number,
    "bool_value": lambda value: value.bool_value,
}


def _from_value(value: Value, nulls: bool) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _from_fields(value.struct_value, nulls)
    if kind == "list_value":
        return [_from_value(item, nulls) for item in value.list_value.values]
    return None if kind in (None, "null_value") else _READERS[kind](value)


def _from_fields(struct: Struct, nulls: bool) -> Any:
    fields = struct.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else None
    if signature == SECRET_SIGNATURE:
        return Secret(_from_value(fields["value"], nulls))
    if signature == OUTPUT_SIGNATURE:
        inner = _from_value(fields["value"], nulls) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    read = ((key, _from_value(value, nulls)) for key, value in fields.items())
    return {key: value for key, value in read if nulls or value is not None}


def _fill(struct: Struct, properties: Mapping[str, Any]) -> None:
    # An empty object has to be written as one: touching struct_value alone would leave the value unset.
    struct.fields.clear()
    for key, item in properties.items():
        if item is not None:
            _write(struct.fields[key], item)


def _write(target: Value, value: Any) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        _fill(target.struct_value, value)
    elif isinstance(value, (list, tuple)):
        _write_list(target.list_value, value)
    elif isinstance(value, Secret):
        target.struct_value.fields[SIGNATURE].string_value = SECRET_SIGNATURE
        _write(target.struct_value.fields["value"], value.value)
    elif value is UNKNOWN:
        target.string_value = _UNKNOWN_STRING
    elif value is None:
        target.null_value = NULL_VALUE
    else:
        raise TypeError(f"a property value cannot be a {type(value).__name__}")


def _write_list(target: ListValue, items: list[Any] | tuple[Any, ...]) -> None:
    target.SetInParent()
    for item in items:
        _write(target.values.add(), item)
