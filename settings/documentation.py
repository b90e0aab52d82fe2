"""Write the table of every field, from the models: the documentation cannot say what the program does not."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings import fields, load
from settings.platform import Platform

FILE = Path("docs/configuration.md")
BEGIN = "<!-- fields: written by `python -m settings docs`, do not edit -->\n"
END = "<!-- end of fields -->\n"
_HEAD = "| field | default | allowed | what it does |\n|---|---|---|---|\n"


def table() -> str:
    """Return a Markdown table with one row per field, in the order of the models."""
    return _HEAD + "".join(_rows(Platform, ""))


def page(root: Path = load.ROOT) -> str:
    """Return docs/configuration.md with the table as it should be.

    Raises:
        ValueError: the page lacks the two marks that the table stands between.
    """
    before, _, rest = (root / FILE).read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{FILE} lacks the marks {BEGIN.strip()!r} and {END.strip()!r}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _rows(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, spot in fields.of(model).items():
        kind, _ = spot.bare
        inner = fields.Spot(typing.get_args(kind)[-1]) if typing.get_origin(kind) in (dict, list) else spot
        many = "[]" if typing.get_origin(kind) is list else ".*" if typing.get_origin(kind) is dict else ""
        below = inner.bare[0]
        model_below = isinstance(below, type) and issubclass(below, BaseModel)
        words = fields.allowed(spot) + (f", each: {fields.allowed(inner)}" if many and not model_below else "")
        cells = (f"`{path}{name}`", _default(model.model_fields[name]), words, spot.description)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
        if model_below:
            yield from _rows(below, f"{path}{name}{many}.")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ([], {}):
        return "unset" if value is None else "empty"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
