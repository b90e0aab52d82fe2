"""Tables of what a query says now: one row per series, one column per label and value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panels import HEIGHT, NO_DATA
from dashboards.variables import source


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    """Its heading."""
    unit: str = ""
    """Grafana's name of the unit; empty for text."""
    expr: str = ""
    """Query of its values; empty for a label's column."""
    limits: Sequence[tuple[float | None, str]] = ()
    """Thresholds (from, colour) that colour the cell; the first is from nothing."""
    links: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Data links of its cells."""
    decimals: int | None = None
    """Digits behind the point."""


def instant(expr: str) -> Dataquery:
    """Return a query of the last value as a table."""
    return Dataquery().expr(expr).instant().format(PromQueryFormat.TABLE).legend_format("")


def table(title: str, description: str, labels: Mapping[str, Column], *values: Column, span: int = 24) -> Table:
    """Return a table that joins several queries by their labels.

    Args:
        title: what it shows.
        description: what a row means.
        labels: columns of labels by the label's name, in order; every query gives exactly these.
        values: columns of numbers, in order; sorted by the first, the largest on top.
        span: columns of the grid, of 24.
    """
    refs = [chr(ord("A") + number) for number in range(len(values))]
    panel = (
        Table()
        .title(title)
        .description(description)
        .unit("short")
        .height(HEIGHT)
        .span(span)
        .datasource(source())
        .no_value(NO_DATA)
        .transformations(_joined(labels, dict(zip(refs, values, strict=True))))
    )
    for ref, column in zip(refs, values, strict=True):
        panel = panel.with_target(instant(column.expr).ref_id(ref))
    for column in (*labels.values(), *values):
        properties = _properties(column)
        if properties:
            panel = panel.override_by_name(column.title, properties)
    return panel


def _joined(labels: Mapping[str, Column], values: Mapping[str, Column]) -> list[DataTransformerConfig]:
    """Return the transformations: all queries in one table, columns named and ordered, the largest first."""
    renamed = {label: column.title for label, column in labels.items()}
    renamed |= {f"Value #{ref}" if len(values) > 1 else "Value": column.title for ref, column in values.items()}
    order = {name: index for index, name in enumerate(renamed)}
    first = next(iter(values.values())).title
    return [
        DataTransformerConfig(id_val="merge", options={}),
        DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "renameByName": renamed, "indexByName": order},
        ),
        DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": first, "desc": True}]}),
    ]


def _properties(column: Column) -> list[DynamicConfigValue]:
    made: list[DynamicConfigValue] = []
    if column.unit:
        made.append(DynamicConfigValue(id_val="unit", value=column.unit))
    if column.decimals is not None:
        made.append(DynamicConfigValue(id_val="decimals", value=column.decimals))
    if column.limits:
        steps = [{"value": value, "color": color} for value, color in column.limits]
        made.append(DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps}))
        made.append(
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"})
        )
    if column.links:
        made.append(DynamicConfigValue(id_val="links", value=[dict(link) for link in column.links]))
    return made
