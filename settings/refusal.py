"""Turn pydantic's errors into sentences that name the path, the value, what is allowed, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settings import fields
from settings.problem import Problem

Loc = Sequence[str | int]
_KEY = "[key]"
"""What pydantic puts behind a map's key when the key itself is refused."""
_SHOWN_MAX = 80
"""Longest value that a message repeats, in characters."""
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return one problem per mistake in the document, in the order in which the model names its fields."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False):
        if detail["type"] == "consistency":
            found.extend(detail["ctx"]["problems"])
        else:
            found.append(_problem(detail, model))
    return found


def path_of(loc: Loc) -> str:
    """Return a location as operators read it: `tenants.shop.namespaces[0]`; `document` is the whole."""
    path = ""
    for part in loc:
        if part != _KEY:
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "document"


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc, kind, value = detail["loc"], detail["type"], detail["input"]
    path, leaf = path_of(loc), str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        known = fields.keys_at(model, loc[:-1])
        return Problem(path, "is not a known key", ", ".join(known), _nearest(leaf, known) or "remove it")
    if loc and loc[-1] == _KEY:
        key = fields.key_at(model, loc[:-2])
        fix = _nearest(str(value), key.choices) or "rename it"
        return Problem(path, f"has the name {value!r}", fields.allowed(key), fix)
    spot = fields.spot_at(model, loc)
    if kind == "missing":
        return Problem(path, "is missing", fields.allowed(spot), f"add {leaf}: {spot.about}")
    shown = "is refused (value hidden)" if spot.secret else f"is {_shown(value)}"
    return Problem(path, shown, fields.allowed(spot), _fix(kind, value, spot))


def _fix(kind: str, value: object, spot: fields.Spot) -> str:
    """Return the shortest instruction that makes the value right."""
    if value is None:
        return "write a value, or remove the key"
    if spot.secret:
        return "put the value into the store, and write the secret's name here"
    if spot.unit:
        return spot.unit.fix
    if spot.choices:
        return _nearest(str(value), spot.choices) or "choose one of these"
    if kind in _BOUNDS:
        return "choose a number within these bounds"
    if kind == "too_short":
        return "add at least one entry"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "write it in quotes"
    if kind in ("int_type", "float_type", "bool_type") and isinstance(value, str):
        return "write it without quotes"
    return f"correct it: {spot.about}" if spot.about else "correct it"


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _shown(value: object) -> str:
    """Return a value as its author wrote it, cut where it is long."""
    if value is None or value in ([], {}):
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"
