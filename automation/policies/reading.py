"""Read what is planned, where anything may be unknown until the update, secret, or not as documented.

What is unknown breaks no rule and keeps none from looking at the rest: the update's own preview, or the next one, knows
it. What cannot be read for another reason is a violation, since a rule that did not look must say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from automation.paths import MASK, UNKNOWN

ABSENT: Final = (None, UNKNOWN)
"""What a field is that is not set, or not yet known."""


class UnreadableError(Exception):
    """What lies at a path is secret, or of another shape than documented; the message is that path."""

    def __init__(self, *path: str) -> None:
        super().__init__(".".join(path) or "an entry")


def at(value: Any, *path: str) -> Any:
    """Return what lies at a path: None where nothing does, `UNKNOWN` where only the update will know.

    Raises:
        UnreadableError: it is secret, or lies in something that is no map.
    """
    for key in path:
        if value is None or value == UNKNOWN:
            return value
        if not isinstance(value, Mapping):
            raise UnreadableError(*path)
        value = value.get(key)
    if value == MASK:
        raise UnreadableError(*path)
    return value


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    """Return the map at a path, empty where there is none yet.

    Raises:
        UnreadableError: it is secret, or no map.
    """
    found = at(value, *path)
    if found in ABSENT:
        return {}
    if not isinstance(found, Mapping):
        raise UnreadableError(*path)
    return found


def items(value: Any, *path: str) -> list[Any]:
    """Return the entries of a list, none where there is no list yet; an entry may be `UNKNOWN`.

    Raises:
        UnreadableError: it is secret, or no list.
    """
    found = at(value, *path)
    if found in ABSENT:
        return []
    if not isinstance(found, list):
        raise UnreadableError(*path)
    return found


def maps(value: Any, *path: str) -> Iterator[Mapping[str, Any]]:
    """Yield the maps of a list that are known.

    Raises:
        UnreadableError: the list or an entry of it is secret, or of another shape.
    """
    for each in items(value, *path):
        if each == UNKNOWN:
            continue
        if not isinstance(each, Mapping):
            raise UnreadableError(*path)
        yield each


def document(value: Any, *path: str) -> Any:
    """Return the document at a path, which may be there as JSON; None where there is none.

    Raises:
        UnreadableError: it is secret, or no JSON.
    """
    found = at(value, *path)
    if not isinstance(found, str) or found == UNKNOWN:
        return found
    if not found.strip():
        return None
    try:
        return json.loads(found)
    except (ValueError, RecursionError):
        raise UnreadableError(*path) from None
