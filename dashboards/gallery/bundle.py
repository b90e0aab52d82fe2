"""What data sources answered, panel by panel: all that the page needs besides the dashboards, as one JSON file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class BundleError(Exception):
    """A file is no data bundle; the message says which and how to get one."""


@dataclass(frozen=True, config=_STRICT)
class Series:
    """One time series, or one value of an instant query."""

    labels: dict[str, str]
    points: list[tuple[float, float]]
    """Seconds since the epoch and value, ascending."""


@dataclass(frozen=True, config=_STRICT)
class Line:
    """One log line."""

    time: float
    labels: dict[str, str]
    text: str


@dataclass(frozen=True, config=_STRICT)
class Trace:
    """One trace that a search found."""

    id: str
    service: str
    name: str
    start: float
    duration_ms: float


@dataclass(frozen=True, config=_STRICT)
class Answer:
    """What one query returned."""

    query: str
    """As it was sent, with its variables filled."""
    step: int = 0
    """Seconds between two points; 0 for one value."""
    series: list[Series] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    error: str = ""
    """What the data source said instead; empty where it answered."""

    @property
    def empty(self) -> bool:
        """Return whether nothing came."""
        return not (self.series or self.lines or self.traces)


@dataclass(frozen=True, config=_STRICT)
class Mark:
    """Something that happened, on the time axis of every panel."""

    name: str
    """Of the annotation: what kind of thing."""
    text: str
    color: str
    start: float
    end: float
    """The same as the start where it did not last."""


@dataclass(frozen=True, config=_STRICT)
class Board:
    """What the queries of one dashboard returned over one time range."""

    start: float
    end: float
    panels: dict[int, dict[str, Answer]] = field(default_factory=dict)
    """By the panel's id and the target's letter."""
    marks: list[Mark] = field(default_factory=list)
    """The first of a kind first."""


@dataclass(frozen=True, config=_STRICT)
class Bundle:
    """The answers to all dashboards."""

    source: str
    """Where the data comes from, in a sentence; stands on the page."""
    boards: dict[str, Board] = field(default_factory=dict)
    """By uid."""

    def answers(self) -> Iterator[Answer]:
        """Yield every answer."""
        for board in self.boards.values():
            for by_target in board.panels.values():
                yield from by_target.values()


_ADAPTER = TypeAdapter(Bundle)


def saved(bundle: Bundle, file: Path) -> None:
    """Write a bundle."""
    file.write_bytes(_ADAPTER.dump_json(bundle) + b"\n")


def loaded(file: Path) -> Bundle:
    """Read a bundle.

    Raises:
        BundleError: the file is not there or holds something else.
    """
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except OSError as error:
        raise BundleError(f"--data: {file} cannot be read ({error.strerror}); fix: name a file of --save") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(
            f"--data: {file} is no data bundle: {where}: {first['msg']}; "
            "fix: record it anew with python -m dashboards gallery --save FILE"
        ) from error
