"""One panel as HTML: its picture, or the sentence that says why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from dashboards.gallery import colors, drawing, tables, units
from dashboards.gallery.bundle import Answer, Board
from dashboards.gallery.lines import Curve, curves

COLUMNS: Final = 24
PAGE_PIXELS: Final = 1366
_MARGIN: Final = 12
GAP: Final = 8
"""Pixels between panels."""
ROW_PIXELS: Final = 30
"""Height of a row of Grafana's grid, the gap apart."""
_PADDING: Final = 8
_HEAD: Final = 30
_LEGEND: Final = 22
"""Pixels of one row of the legend."""
_NAMES: Final = 12
"""Names in a legend before it says how many more there are."""
_ROWS: Final = 40
"""Rows of a table that are written."""
_LEVELS: Final = {"error": "#e02f44", "fatal": "#e02f44", "warn": "#e0b400", "info": "#56a64b", "debug": "#3274d9"}


@dataclass(frozen=True)
class Shown:
    """A panel's content."""

    html: str
    drawn: bool
    """Whether it shows data; `html` is a reason otherwise."""


def shown(panel: Mapping[str, Any], board: Board | None, salt: str) -> Shown:
    """Return a panel as HTML.

    Args:
        panel: its JSON.
        board: what its dashboard's queries returned; None where nobody asked.
        salt: a name that no other panel of the page has.

    Raises:
        DrawingError: the plot library is not installed.
    """
    if panel["type"] == "text":
        return Shown(f'<div class="text">{markdown(panel["options"]["content"])}</div>', drawn=True)
    answers = board.panels.get(panel["id"], {}) if board else {}
    if board is None or not answers:
        return _reason("Its queries were not asked.")
    errors = [answer.error for answer in answers.values() if answer.error]
    if errors:
        return _reason(errors[0])
    if all(answer.empty for answer in answers.values()):
        return _reason(panel["fieldConfig"]["defaults"].get("noValue") or "No data.")
    if panel["type"] == "table":
        return Shown(_table(tables.grid(panel, answers)), drawn=True)
    if panel["type"] == "logs":
        return Shown(_lines(answers), drawn=True)
    found = curves(panel, answers)
    if panel["type"] == "stat":
        return Shown(_stat(panel, found, salt), drawn=True)
    if panel["type"] == "timeseries":
        return Shown(_time_series(panel, found, board, salt), drawn=True)
    return _reason(f"The gallery does not draw panels of the kind {panel['type']}.")


def size(panel: Mapping[str, Any]) -> tuple[int, int]:
    """Return width and height of a panel's content in pixels."""
    place = panel["gridPos"]
    column = (PAGE_PIXELS - 2 * _MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    width = place["w"] * column + (place["w"] - 1) * GAP - 2 * _PADDING - 2
    height = place["h"] * ROW_PIXELS + (place["h"] - 1) * GAP - _HEAD - _PADDING
    return int(width), int(height)


def _reason(sentence: str) -> Shown:
    return Shown(f'<p class="reason">{escape(sentence)}</p>', drawn=False)


def _time_series(panel: Mapping[str, Any], found: Sequence[Curve], board: Board, salt: str) -> str:
    width, height = size(panel)
    length = sum(len(curve.name) * 7 + 30 for curve in found[:_NAMES])
    rows = 1 if length <= width else 2
    span = (board.start, board.end)
    picture = drawing.time_series(panel, found, span, (width, height - rows * _LEGEND), salt, board.marks)
    by_value = panel["fieldConfig"]["defaults"].get("color", {}).get("mode") == "thresholds"
    steps = colors.steps(panel["fieldConfig"]["defaults"])
    names = []
    for number, curve in enumerate(found[:_NAMES]):
        own = (colors.at(curve.last, steps) if by_value else None) or colors.line(panel, curve.name, number)
        names.append(f'<span title="{escape(curve.name)}"><i style="background:{own}"></i>{escape(curve.name)}</span>')
    if len(found) > _NAMES:
        names.append(f"<em>and {len(found) - _NAMES} more</em>")
    return f'{picture}<div class="legend" style="height:{rows * _LEGEND}px">{"".join(names)}</div>'


def _stat(panel: Mapping[str, Any], found: Sequence[Curve], salt: str) -> str:
    """Return the last value of each series, in the colour of its threshold, before its course."""
    defaults = panel["fieldConfig"]["defaults"]
    width, height = size(panel)
    made = []
    for number, curve in enumerate(found[:4]):
        color = colors.at(curve.last, colors.steps(defaults)) or colors.PLAIN
        picture = (width // min(len(found), 4), height // 2)
        name = escape(curve.name) if len(found) > 1 else ""
        value = escape(units.text(curve.last, defaults.get("unit", ""), defaults.get("decimals")))
        # One value has no course, and Grafana draws none.
        back = drawing.sparkline(curve, color, picture, f"{salt}-{number}") if len(curve.values) > 1 else ""
        made.append(f'<div class="stat">{back}<b style="color:{color}">{value}</b><small>{name}</small></div>')
    return f'<div class="stats">{"".join(made)}</div>'


def _table(grid: tables.Grid) -> str:
    columns = zip(*grid.rows, strict=True) if grid.rows else [()] * len(grid.heads)
    pairs = zip(grid.heads, (any(cell.number for cell in column) for column in columns), strict=True)
    heads = "".join(f"<th{' class=n' if number else ''}>{escape(head)}</th>" for head, number in pairs)
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in grid.rows[:_ROWS])
    return f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: tables.Cell) -> str:
    style = f' style="background:{cell.color};color:#fff"' if cell.color else ""
    return f'<td{" class=n" if cell.number else ""}{style} title="{escape(cell.text)}">{escape(cell.text)}</td>'


def _lines(answers: Mapping[str, Answer]) -> str:
    made = []
    for line in (line for answer in answers.values() for line in answer.lines):
        color = _LEVELS.get(line.labels.get("level", "").lower(), "#b8bec8")
        time = datetime.fromtimestamp(line.time, UTC).strftime("%H:%M:%S.%f")[:-3]
        who = escape(line.labels.get("service_name", ""))
        made.append(f'<li style="border-color:{color}"><time>{time}</time><b>{who}</b>{escape(line.text)}</li>')
    return f'<ul class="lines">{"".join(made)}</ul>'


def markdown(text: str) -> str:
    """Return the HTML of the Markdown that panels of text use: lists, links, code and emphasis."""
    made, items = [], []
    for line in text.splitlines():
        if line.startswith("- "):
            items.append(f"<li>{_inline(line[2:])}</li>")
            continue
        made += [f"<ul>{''.join(items)}</ul>"] if items else []
        items = []
        made += [f"<p>{_inline(line)}</p>"] if line.strip() else []
    made += [f"<ul>{''.join(items)}</ul>"] if items else []
    return "".join(made)


def _inline(text: str) -> str:
    made = escape(text, quote=False)
    made = re.sub(r"`([^`]+)`", r"<code>\1</code>", made)
    made = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", lambda found: _link(found[1], found[2]), made)
    made = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", made)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*", r"<i>\1</i>", made)


def _link(title: str, url: str) -> str:
    """Return a link within the page where it leads to a dashboard; others, such as runbooks, are Grafana's."""
    board = re.match(r"/d/([a-z0-9-]+)", url)
    if board is None or board[1].startswith("runbook-"):
        return f'<u title="{escape(url)}">{title}</u>'
    return f'<a href="#{board[1]}">{title}</a>'
