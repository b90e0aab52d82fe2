"""Turn pydantic's errors into sentences that name the path, the value, what is allowed, and the fix."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settings.problem import Problem

Loc = Sequence[str | int]


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return one problem per mistake in the document, in document order."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False):
        if detail["type"] == "consistency":
            found.extend(detail["ctx"]["problems"])
        else:
            found.append(_problem(detail, model))
    return found


def path_of(loc: Loc) -> str:
    """Return a location as operators read it: `tenants.shop.namespaces[0]`."""
    path = ""
    for part in loc:
        if part == "[key]":
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc, kind, value = detail["loc"], detail["type"], detail["input"]
    path, leaf = path_of(loc), str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        known = list(_model_at(model, loc[:-1]).model_fields)
        close = difflib.get_close_matches(leaf, known, n=1)
        fix = f"did you mean {close[0]}?" if close else "remove it"
        return Problem(path, "is no known key", ", ".join(known), fix)
    field = _field_at(model, loc)
    about = (field.description or "").split(". ")[0].rstrip(".") if field else ""
    if kind == "missing":
        return Problem(path, "is missing", _allowed(field) or about, f"add {leaf}: {about}")
    if loc and loc[-1] == "[key]":
        return Problem(path, f"is named {value!r}", _pattern_text(detail), "rename it")
    if kind == "unit":
        return Problem(path, f"is {value!r}", detail["ctx"]["allowed"], detail["ctx"]["fix"])
    allowed = _allowed(field) or _pattern_text(detail)
    return Problem(path, f"is {_shown(value)}", allowed, f"correct it: {about}" if about else "correct it")


def _shown(value: object) -> str:
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)


def _pattern_text(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"]
        return PATTERNS.get(pattern, f"text matching {pattern}")
    if detail["type"] in ("enum", "literal_error"):
        return str(detail["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
    return detail["msg"][0].lower() + detail["msg"][1:]


PATTERNS = {
    r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$": "a DNS label: lower-case letters, digits and hyphens, 63 at most",
    r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$": "a DNS label: lower-case letters, digits and hyphens, 20 at most",
    r"^[0-9]{12}$": "an AWS account id: 12 digits in quotes",
    r"^[a-z]{2}(-[a-z]+)+-[1-9]$": "an AWS region such as us-east-1",
}
"""Patterns in words."""


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    here: Any = model
    for part in loc:
        here = _step(here, part)
    inner = _models_in(here)
    return inner[0] if inner else model


def _field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    here: Any = model
    field: FieldInfo | None = None
    for part in loc:
        models = _models_in(here)
        if isinstance(part, str) and models and part in models[0].model_fields:
            field = models[0].model_fields[part]
            here = field.annotation
        else:
            here = _step(here, part)
    return field


def _step(annotation: Any, part: str | int) -> Any:
    """Follow one part of a location: a field of a model, a value of a map, an item of a list."""
    for inner in _models_in(annotation):
        if isinstance(part, str) and part in inner.model_fields:
            return inner.model_fields[part].annotation
    args = [arg for arg in _flatten(annotation) if typing.get_origin(arg) in (dict, list)]
    return typing.get_args(args[0])[-1] if args else annotation


def _flatten(annotation: Any) -> Iterable[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _flatten(typing.get_args(annotation)[0])
    elif origin is None or origin in (dict, list):
        yield annotation
    else:
        for arg in typing.get_args(annotation):
            yield from _flatten(arg)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    return [a for a in _flatten(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]


def _allowed(field: FieldInfo | None) -> str:
    """Say in words what a field takes, from its type and bounds."""
    if field is None:
        return ""
    parts: list[str] = []
    for kind in _flatten(field.annotation):
        parts.extend(_type_words(kind))
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound):
                parts.append(f"at least {bound}")
            case Gt(gt=bound):
                parts.append(f"more than {bound}")
            case Le(le=bound):
                parts.append(f"at most {bound}")
            case Lt(lt=bound):
                parts.append(f"less than {bound}")
            case MinLen(min_length=1):
                parts.append("not empty")
            case StringConstraints(pattern=str() as pattern):
                parts = [PATTERNS.get(pattern, f"text matching {pattern}")]
    return ", ".join(parts)


def _type_words(kind: Any) -> list[str]:
    from enum import StrEnum

    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [" | ".join(member.value for member in kind)]
    words = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        type(None): "nothing",
    }
    if kind in words:
        return [words[kind]] if kind is not type(None) else []
    if allowed := getattr(kind, "allowed", ""):
        return [str(allowed)]
    return ["a map" if typing.get_origin(kind) is dict or _models_in(kind) else "a list"]
