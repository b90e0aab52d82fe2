"""What a dashboard marks on its time axes: stretches of a query's series, and what Grafana keeps, such as deploys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dashboards.filling import Annotation
from dashboards.gallery.bundle import BundleError, Mark, Series
from dashboards.gallery.lines import name

_GAP: Final = 1.5
"""Steps without a point after which a thing has ended."""


@dataclass(frozen=True)
class Kept:
    """One annotation as Grafana's API gives it."""

    tags: frozenset[str]
    text: str
    start: float
    """Seconds since the epoch."""
    end: float


def kept(file: Path) -> list[Kept]:
    """Return the annotations of a file: the answer of `GET /api/annotations`, whose times are milliseconds.

    Raises:
        BundleError: the file cannot be read or is no such answer.
    """
    try:
        return [_kept(each) for each in json.loads(file.read_bytes())]
    except OSError as error:
        raise BundleError(
            f"--annotations: {file} cannot be read ({error.strerror}); fix: save GET /api/annotations?tags=deploy there"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"--annotations: {file} is no list of annotations ({type(error).__name__}); allowed: objects with time, "
            "tags and text; fix: save the answer of GET /api/annotations?tags=deploy"
        ) from error


def _kept(given: Mapping[str, Any]) -> Kept:
    start = float(given["time"]) / 1000
    return Kept(frozenset(given["tags"]), str(given["text"]), start, float(given.get("timeEnd") or 0) / 1000 or start)


def of_grafana(annotation: Annotation, found: Iterable[Kept], start: float, end: float) -> list[Mark]:
    """Return the marks of an annotation among those that Grafana keeps, within a time range."""
    return [
        Mark(annotation.name, each.text, annotation.color, max(each.start, start), min(each.end, end))
        for each in found
        if each.tags.issuperset(annotation.tags) and each.start <= end and each.end >= start
    ]


def of_series(annotation: Annotation, series: Iterable[Series], step: int) -> list[Mark]:
    """Return a mark for each stretch over which a series lasts, as Grafana joins neighbouring points.

    Args:
        annotation: whose.
        series: what its query returned.
        step: seconds between two points.
    """
    return [
        Mark(annotation.name, name(annotation.title, each.labels), annotation.color, stretch[0], stretch[-1])
        for each in series
        for stretch in _stretches([time for time, _ in each.points], step)
    ]


def _stretches(times: Sequence[float], step: int) -> list[list[float]]:
    found: list[list[float]] = []
    for time in times:
        if found and time - found[-1][-1] <= _GAP * step:
            found[-1].append(time)
        else:
            found.append([time])
    return found
