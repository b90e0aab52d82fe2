"""What a panel's series are called, and where their lines break."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.gallery.bundle import Answer

_LABEL: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_GAP: Final = 1.5
"""Steps without a point after which a line is broken."""


@dataclass(frozen=True)
class Curve:
    """One line of a panel."""

    name: str
    times: Sequence[float]
    values: Sequence[float]
    """NaN where the line breaks."""

    @property
    def last(self) -> float:
        """Return the last value that is one."""
        return next(value for value in reversed(self.values) if not math.isnan(value))


def curves(panel: Mapping[str, Any], answers: Mapping[str, Answer]) -> list[Curve]:
    """Return the lines of a panel, in the order of its queries."""
    found = []
    for target in panel.get("targets") or []:
        answer = answers.get(target["refId"], Answer(""))
        for each in answer.series:
            times, values = broken(each.points, answer.step)
            found.append(Curve(name(target.get("legendFormat") or "", each.labels), times, values))
    return found


def name(legend: str, labels: Mapping[str, str]) -> str:
    """Return what a series is called: the legend with its labels filled in, or all its labels."""
    if legend and legend != "__auto":
        return " ".join(_LABEL.sub(lambda found: labels.get(found[1], ""), legend).split()) or "Value"
    shown = {key: value for key, value in labels.items() if key != "__name__"}
    written = ", ".join(f'{key}="{value}"' for key, value in sorted(shown.items()))
    return labels.get("__name__", "") + (f"{{{written}}}" if written else "") or "Value"


def broken(points: Sequence[tuple[float, float]], step: int) -> tuple[list[float], list[float]]:
    """Return times and values with a NaN wherever points are missing."""
    times: list[float] = []
    values: list[float] = []
    for time, value in points:
        if times and step and time - times[-1] > _GAP * step:
            times.append(times[-1] + step)
            values.append(math.nan)
        times.append(time)
        values.append(value)
    return times, values
