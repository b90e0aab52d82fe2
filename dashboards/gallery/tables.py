"""A table's rows as its transformations leave them: queries joined by their labels, columns named and ordered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dashboards.gallery import colors, units
from dashboards.gallery.bundle import Answer


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str
    color: str = ""
    """Behind the text; empty for none."""
    number: bool = False


@dataclass(frozen=True)
class Grid:
    """A table."""

    heads: list[str]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class _Look:
    unit: str = ""
    decimals: int | None = None
    steps: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    colored: bool = False


def grid(panel: Mapping[str, Any], answers: Mapping[str, Answer]) -> Grid:
    """Return the table of a panel's answers."""
    if any(answer.traces for answer in answers.values()):
        return _traces(answers)
    refs = [target["refId"] for target in panel.get("targets") or []]
    organize, sort = _transformations(panel)
    renamed = organize.get("renameByName", {})
    values = {ref: f"Value #{ref}" if len(refs) > 1 else "Value" for ref in refs}
    rows: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    for ref in refs:
        for series in answers[ref].series if ref in answers else []:
            row = rows.setdefault(tuple(sorted(series.labels.items())), dict(series.labels))
            row[values[ref]] = series.points[-1][1]
    order = organize.get("indexByName", {})
    present = {name for row in rows.values() for name in row} | set(renamed)
    hidden = {name for name, without in organize.get("excludeByName", {}).items() if without}
    columns = sorted(present - hidden, key=lambda name: (order.get(name, len(order)), name))
    looks = _looks(panel)
    made = list(rows.values())
    for each in reversed(sort):
        source = next((name for name in columns if renamed.get(name, name) == each["field"]), None)
        if source is not None:
            made.sort(key=lambda row: _number(row.get(source)), reverse=bool(each.get("desc")))
    heads = [renamed.get(name, name) for name in columns]
    default = _Look(panel["fieldConfig"]["defaults"].get("unit", ""))
    cells = [
        [_cell(row.get(name), looks.get(head, default)) for name, head in zip(columns, heads, strict=True)]
        for row in made
    ]
    return Grid(heads, cells)


def _number(value: str | float | None) -> float:
    return value if isinstance(value, float) else -math.inf


def _cell(value: str | float | None, look: _Look) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, str):
        return Cell(value)
    color = colors.at(value, look.steps) if look.colored else None
    return Cell(units.text(value, look.unit, look.decimals), color or "", number=True)


def _transformations(panel: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    organize: dict[str, Any] = {}
    sort: list[dict[str, Any]] = []
    for each in panel.get("transformations") or []:
        if each["id"] == "organize":
            organize = each["options"]
        if each["id"] == "sortBy":
            sort = each["options"]["sort"]
    return organize, sort


def _looks(panel: Mapping[str, Any]) -> dict[str, _Look]:
    found = {}
    for override in panel["fieldConfig"].get("overrides") or []:
        if override["matcher"]["id"] == "byName":
            own = {each["id"]: each["value"] for each in override["properties"]}
            found[override["matcher"]["options"]] = _Look(
                own.get("unit", panel["fieldConfig"]["defaults"].get("unit", "")),
                own.get("decimals"),
                own.get("thresholds", {}).get("steps", ()),
                "custom.cellOptions" in own,
            )
    return found


def _traces(answers: Mapping[str, Answer]) -> Grid:
    rows = [
        [
            Cell(f"{trace.id[:12]}…"),
            Cell(f"{datetime.fromtimestamp(trace.start, UTC):%H:%M:%S}"),
            Cell(trace.service),
            Cell(trace.name),
            Cell(units.text(trace.duration_ms / 1000, "s"), number=True),
        ]
        for answer in answers.values()
        for trace in answer.traces
    ]
    return Grid(["Trace", "Start", "Service", "Name", "Duration"], rows)
