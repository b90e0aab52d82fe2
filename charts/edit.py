"""Write a digest into charts.yaml, and leave every other line as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from charts import pins
from charts.pull import store
from charts.repository import Public, digest, from_mirror, refused
from settings.problem import SettingsError

Origin = Literal["public", "mirror"]
_FIELDS = {"public": "sha256", "mirror": "mirror_sha256"}


@dataclass(frozen=True)
class Pinned:
    """What was written."""

    chart: str
    version: str
    field: str
    """`sha256` or `mirror_sha256`."""
    digest: str
    changed: bool
    """False when charts.yaml held this digest already."""


def pin(chart: str, version: str, origin: Origin, root: Path, *, replace: bool = False) -> Pinned:
    """Fetch a package, compute its digest, and write it into charts.yaml.

    Args:
        chart: a chart of charts.yaml.
        version: a version of it, listed there or new.
        origin: the chart's public repository, or the mirror directory.
        root: folder of charts.yaml.
        replace: overwrite another digest of the same version.

    Raises:
        SettingsError: the chart is not in charts.yaml, there is no such package, or another digest is pinned.
    """
    known = pins.load(root)
    entry = entry_of(known, chart).versions.get(version)
    field, found = measured(known, chart, version, origin, root)
    old: str | None = getattr(entry, field) if entry else None
    if old not in (None, found) and not replace:
        raise refused(
            chart,
            f"has the {field} {old} pinned for {version}, but the package has {found}",
            "a published package never changes",
            "find out who changed it, and only then run the command again with --replace",
        )
    if old != found:
        path = root / pins.FILE
        text = written(path.read_text(encoding="utf-8"), chart, version, field, found)
        store(path, text.encode())
    return Pinned(chart, version, field, found, old != found)


def entry_of(known: pins.Pins, chart: str) -> pins.Pin:
    """Return what charts.yaml says of a chart.

    Raises:
        SettingsError: nothing.
    """
    if chart not in known.charts:
        raise refused(chart, "is not in charts.yaml", ", ".join(known.charts), "correct the name, or add the chart")
    return known.charts[chart]


def measured(known: pins.Pins, chart: str, version: str, origin: Origin, root: Path) -> tuple[str, str]:
    """Return the field that a package's digest belongs into, and the digest.

    Raises:
        SettingsError: there is no such package.
    """
    content = (
        from_mirror(root / known.mirror, chart, version)
        if origin == "mirror"
        else Public().package(known, chart, version)
    )
    return _FIELDS[origin], digest(content)


def written(text: str, chart: str, version: str, field: str, value: str) -> str:
    """Return the text of charts.yaml with one digest set; comments and order stay.

    Raises:
        SettingsError: the text is not laid out as charts.yaml is (two spaces per level, one key per line).
    """
    lines = text.splitlines(keepends=True)
    top, bottom = 0, len(lines)
    for indent, key in ((0, "charts"), (2, chart), (4, "versions")):
        top, bottom = _block(lines, top, bottom, key, indent)
    first, last = _block(lines, top, bottom, version, 6)
    line, _ = _block(lines, first, last, field, 8)
    if line >= 0:
        lines[line - 1] = re.sub(r"[0-9a-f]{64}", value, lines[line - 1])
    elif first >= 0:
        lines.insert(first, f"        {field}: {value}\n")
    elif top >= 0:
        lines[top:top] = [f"      {version}:\n", f"        {field}: {value}\n"]
    result = "".join(lines)
    if not _says(result, chart, version, field, value):
        raise refused(
            chart,
            "cannot be edited, for charts.yaml is not laid out as expected",
            "two spaces per level and one key per line",
            f"write {field}: {value} under charts.{chart}.versions.{version} by hand",
        )
    return result


def _says(text: str, chart: str, version: str, field: str, value: str) -> bool:
    try:
        entry = pins.parse(text).charts[chart].versions.get(version)
    except SettingsError:
        return False
    return entry is not None and getattr(entry, field) == value


def _block(lines: list[str], start: int, end: int, key: str, indent: int) -> tuple[int, int]:
    """Return where the block of a key begins (the line behind the key) and ends; (-1, -1) when there is none."""
    head = re.compile(rf"^ {{{indent}}}[\"']?{re.escape(key)}[\"']?:")
    at = next((number for number in range(max(start, 0), end) if head.match(lines[number])), None)
    if at is None:
        return -1, -1
    inner = re.compile(rf"^(?: {{{indent + 1}}}| *#| *$)")
    stop = next((number for number in range(at + 1, end) if not inner.match(lines[number])), end)
    return at + 1, stop
