"""Property paths as the engine writes them (`data["config.yaml"]`, `rules[0].expiration.days`), and what lies there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final

MASK: Final = "[secret]"
"""What stands for a secret value wherever something is shown or kept."""
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, no password
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes at a preview for a value that only an update will know."""
_PART: Final = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[]+)')

MISSING: Final = object()
"""Returned where a path leads nowhere; None is a value."""


def parts(path: str) -> list[str | int]:
    """Return the keys and indices that a path names."""
    found: list[str | int] = []
    for match in _PART.finditer(path):
        index, quoted, plain = match.groups()
        found.append(int(index) if index is not None else plain if quoted is None else json.loads(f'"{quoted}"'))
    return found


def joined(path: str, key: str | int) -> str:
    """Return a path one step deeper, quoted where the engine quotes."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def lookup(document: Any, path: str) -> Any:
    """Return what lies at a path, `MASK` when it lies inside a secret, and `MISSING` when there is nothing."""
    here = document
    for part in parts(path):
        if is_secret(here):
            return MASK
        if isinstance(here, Mapping) and str(part) in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return MISSING
    return masked(here)


def is_secret(value: Any) -> bool:
    """Return whether a value is the engine's envelope around a secret."""
    return isinstance(value, Mapping) and value.get(_SIGNATURE) == _SECRET_SIGNATURE


def masked(value: Any) -> Any:
    """Return a value with every secret in it replaced by `MASK`."""
    if is_secret(value):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield `(path, before, after)` for every leaf that differs; `MISSING` where one side has nothing.

    Lists whose entries have names of a kind (see `_called`), or are texts, are compared by those, and other lists in
    their order, so that one more entry is one difference wherever it stands.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            inner = joined(path, str(key))
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), inner)
    elif isinstance(before, list) and isinstance(after, list):
        left, right = _by_name(before), _by_name(after)
        if left is None or right is None:
            yield from _in_order(before, after, path)
        elif left != right:
            yield from differences(left, right, path)
        elif before != after:
            # Only their order differs.
            yield path, before, after
    elif before is MISSING or after is MISSING or before != after:
        yield path, before, after


def _in_order(before: list[Any], after: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between lists without names, entries aligned as far as they are equal."""
    left, right = ([json.dumps(each, sort_keys=True, default=str) for each in side] for side in (before, after))
    for _, first, last, start, end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for old, new in zip_longest(range(first, last), range(start, end)):
            yield from differences(
                MISSING if old is None else before[old],
                MISSING if new is None else after[new],
                joined(path, old if new is None else new),
            )


def _by_name(entries: list[Any]) -> dict[str, Any] | None:
    """Return entries by their names; None when one has none, or two have the same."""
    names = [
        entry if isinstance(entry, str) else _called(entry) for entry in entries if isinstance(entry, str | Mapping)
    ]
    if len(names) != len(entries) or not all(names) or len(set(names)) != len(names):
        return None
    return dict(zip(names, entries, strict=True))


def _called(entry: Mapping[str, Any]) -> str:
    """Return what an entry of a list goes by: its name, a rule's alert or record, a route's matchers and receiver."""
    if isinstance(entry.get("name"), str):
        return str(entry["name"])
    if "alert" in entry or "record" in entry:
        severity = (entry.get("labels") or {}).get("severity", "")
        return f"{entry.get('alert') or entry.get('record')} {severity}".strip()
    if "receiver" in entry:
        return f"{', '.join(map(str, entry.get('matchers') or ['everything']))} -> {entry['receiver']}"
    return ""
