"""The colours of Grafana's light theme."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

PALETTE: Final = (
    "#56a64b", "#f2cc0c", "#3274d9", "#ff780a", "#e02f44", "#8f3bb8", "#37872d", "#e0b400", "#1f60c4", "#fa6400",
    "#c4162a", "#7c2ea3", "#96d98d", "#8ab8ff", "#ffb357", "#ff7383",
)  # fmt: skip
"""Of lines, in turn."""
NAMED: Final = {
    "green": "#56a64b", "yellow": "#e0b400", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9",
    "purple": "#8f3bb8", "text": "#24292e", "transparent": "#00000000",
}  # fmt: skip
"""Of thresholds."""
PLAIN: Final = "#24292e"


def css(name: str) -> str:
    """Return a colour as CSS writes it; a name that is none of Grafana's stays."""
    return NAMED.get(name, name)


def line(panel: Mapping[str, Any], name: str, number: int) -> str:
    """Return the colour of a line by what its panel says of its name, or by its place."""
    for override in panel["fieldConfig"].get("overrides") or []:
        if override["matcher"]["id"] == "byRegexp" and re.search(override["matcher"]["options"].strip("/"), name):
            for each in override["properties"]:
                if each["id"] == "color":
                    return css(each["value"]["fixedColor"])
    return PALETTE[number % len(PALETTE)]


def at(value: float, steps: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the colour of a value by its thresholds; None where there are none."""
    found = None
    for step in steps:
        if step.get("value") is None or value >= step["value"]:
            found = css(step["color"])
    return found


def steps(defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a field's thresholds."""
    found: list[dict[str, Any]] = defaults.get("thresholds", {}).get("steps", [])
    return found
