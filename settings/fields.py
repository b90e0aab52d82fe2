"""Find a field in the models and say in words what it takes: for refusals and for the documentation."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings.base import Words
from settings.units import Unit


@dataclass(frozen=True)
class Spot:
    """One place in a document: what may stand there."""

    annotation: Any
    """Type, with its constraints where it carries any."""
    constraints: tuple[Any, ...] = ()
    """Constraints that stand on the field instead of on its type."""
    description: str = ""
    """The field's docstring."""

    @property
    def about(self) -> str:
        """The first sentence of the description, without its full stop."""
        return self.description.split(". ")[0].rstrip(".").replace("\n", " ")

    @property
    def bare(self) -> tuple[Any, tuple[Any, ...]]:
        """The type without None and without Annotated, and every constraint on it."""
        annotation, constraints = self.annotation, list(self.constraints)
        while True:
            if typing.get_origin(annotation) is typing.Annotated:
                annotation, *more = typing.get_args(annotation)
                constraints += more
            elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
                annotation = next(arg for arg in typing.get_args(annotation) if arg is not type(None))
            else:
                return annotation, tuple(_flat(constraints))

    @property
    def choices(self) -> list[str]:
        """The words of a closed vocabulary, or nothing."""
        kind = self.bare[0]
        return [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else []

    @property
    def unit(self) -> type[Unit] | None:
        """The unit that a value must carry, if any."""
        kind = self.bare[0]
        return kind if isinstance(kind, type) and issubclass(kind, Unit) else None

    @property
    def secret(self) -> bool:
        """Whether a credential may have been written here by mistake."""
        return any(isinstance(c, Words) and c.secret for c in self.bare[1])


def _flat(constraints: Sequence[Any]) -> Iterator[Any]:
    """Yield single constraints: a FieldInfo inside Annotated holds its own list."""
    for constraint in constraints:
        if isinstance(constraint, FieldInfo):
            yield from constraint.metadata
        else:
            yield constraint


def of(model: type[BaseModel]) -> dict[str, Spot]:
    """Return the fields of a model by name."""
    return {
        name: Spot(info.annotation, tuple(info.metadata), info.description or "")
        for name, info in model.model_fields.items()
    }


def spot_at(model: type[BaseModel], loc: Sequence[str | int]) -> Spot:
    """Return the place that a path of keys and indexes leads to."""
    spot = Spot(model, description=model.__doc__ or "")
    for part in loc:
        kind = spot.bare[0]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            spot = of(kind)[str(part)]
        else:
            spot = Spot(typing.get_args(kind)[-1], description=spot.description)
    return spot


def key_at(model: type[BaseModel], loc: Sequence[str | int]) -> Spot:
    """Return what a key of the map at this path may be."""
    return Spot(typing.get_args(spot_at(model, loc).bare[0])[0])


def keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Return the keys that the model at this path knows."""
    return list(spot_at(model, loc).bare[0].model_fields)


def allowed(spot: Spot) -> str:
    """Say in words what may stand at a place, from its type and bounds."""
    kind, constraints = spot.bare
    for constraint in constraints:
        if isinstance(constraint, Words):
            return constraint.text
    return ", ".join([_kind(spot, kind), *_bounds(constraints)])


def _kind(spot: Spot, kind: Any) -> str:
    if spot.unit:
        return spot.unit.allowed
    if spot.choices:
        return ", ".join(spot.choices)
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    if kind in words:
        return words[kind]
    return "a list" if typing.get_origin(kind) is list else "a map"


def _bounds(constraints: Sequence[Any]) -> Iterator[str]:
    for constraint in constraints:
        match constraint:
            case Ge(ge=bound):
                yield f"at least {_number(bound)}"
            case Gt(gt=bound):
                yield f"more than {_number(bound)}"
            case Le(le=bound):
                yield f"at most {_number(bound)}"
            case Lt(lt=bound):
                yield f"less than {_number(bound)}"
            case MinLen():
                yield "not empty"


def _number(bound: object) -> str:
    return f"{bound:,}" if isinstance(bound, int) else str(bound)
