"""Draw time series with matplotlib, as SVG that stands in the page itself.

The library is among the development tools only, so that it is imported where something is drawn.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from dashboards.gallery import colors, units
from dashboards.gallery.bundle import Mark
from dashboards.gallery.lines import Curve

_POINTS_PER_PIXEL: Final = 72
"""Resolution at which one of matplotlib's points is one pixel."""
_STEPS: Final = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
"""Seconds between two marks of the time axis."""
_LABEL_PIXELS: Final = 90
"""Room for one mark of the time axis."""
_GRID: Final = "#e4e7eb"
_INK: Final = "#5b6370"
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 8, 6, 20
"""Pixels around the axes."""


class DrawingError(Exception):
    """The plot library is not there; the message says how to get it."""


def time_series(
    panel: Mapping[str, Any],
    curves: Sequence[Curve],
    span: tuple[float, float],
    size: tuple[int, int],
    salt: str,
    marks: Sequence[Mark] = (),
) -> str:
    """Return the picture of a time series panel.

    Args:
        panel: its JSON.
        curves: its lines; at least one.
        span: start and end of the time axis, seconds since the epoch.
        size: width and height in pixels.
        salt: makes the ids in the picture those of no other one.
        marks: what happened meanwhile.

    Raises:
        DrawingError: matplotlib is not installed.
    """
    defaults = panel["fieldConfig"]["defaults"]
    figure = _figure(size)
    axes = figure.add_axes(_inner(size))
    low, high = _limits(curves, defaults)
    _frame(axes, span, (low, high), defaults.get("unit", ""), size)
    by_value = defaults.get("color", {}).get("mode") == "thresholds"
    steps = colors.steps(defaults)
    custom = defaults.get("custom", {})
    width = custom.get("lineWidth", 1) * 1.2
    opacity = custom.get("fillOpacity", 0) / 100
    for number, curve in enumerate(curves):
        base = colors.line(panel, curve.name, number)
        if by_value and steps:
            _by_value(axes, curve, steps, width)
        else:
            axes.plot(curve.times, curve.values, color=base, linewidth=width, **_alone(curve))
            if opacity and len(curves) <= 6:
                axes.fill_between(curve.times, curve.values, low, color=base, alpha=opacity, linewidth=0)
    if custom.get("thresholdsStyle", {}).get("mode", "off") != "off":
        for step in steps:
            if step.get("value") is not None and low <= step["value"] <= high:
                axes.axhline(step["value"], color=colors.css(step["color"]), linewidth=1.2, linestyle=(0, (5, 4)))
    _mark(axes, marks)
    return _svg(figure, size, salt)


def sparkline(curve: Curve, color: str, size: tuple[int, int], salt: str) -> str:
    """Return the small picture behind a single number.

    Raises:
        DrawingError: matplotlib is not installed.
    """
    figure = _figure(size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    real = [value for value in curve.values if not math.isnan(value)]
    low, high = min(real), max(real)
    room = (high - low) or abs(high) or 1.0
    axes.set_ylim(low - room * 0.1, high + room * 0.1)
    axes.set_xlim(curve.times[0], max(curve.times[-1], curve.times[0] + 1))
    axes.plot(curve.times, curve.values, color=color, linewidth=1.2, **_alone(curve))
    axes.fill_between(curve.times, curve.values, low - room * 0.1, color=color, alpha=0.15, linewidth=0)
    return _svg(figure, size, salt)


def _mark(axes: Any, marks: Sequence[Mark]) -> None:
    """Draw a dashed line where something began, and a light band for as long as it lasted; equal ones once."""
    for start, end, color in dict.fromkeys((each.start, each.end, colors.css(each.color)) for each in marks):
        axes.axvline(start, color=color, linewidth=1, linestyle=(0, (3, 3)))
        if end > start:
            axes.axvspan(start, end, color=color, alpha=0.1, linewidth=0)  # of what is written one decimal stays


def _alone(curve: Curve) -> dict[str, Any]:
    """Return marks for points that have no neighbour and so would be no line."""
    gaps = [math.isnan(value) for value in curve.values]
    alone = [
        index
        for index, gap in enumerate(gaps)
        if not gap and all(gaps[max(0, index - 1) : index]) and all(gaps[index + 1 : index + 2])
    ]
    return {"marker": "o", "markersize": 2.5, "markevery": alone} if alone else {}


def _by_value(axes: Any, curve: Curve, steps: Sequence[Mapping[str, Any]], width: float) -> None:
    """Draw a line once for each threshold, in its colour, where it is beyond it."""
    for place, step in enumerate(steps):
        least = -math.inf if step.get("value") is None else step["value"]
        most = steps[place + 1]["value"] if place + 1 < len(steps) else math.inf
        within = [least <= value < most for value in curve.values]
        # One point more at each end, so that neighbouring parts meet.
        near = [any(within[max(0, index - 1) : index + 2]) for index in range(len(within))]
        if any(within):
            values = [value if keep else math.nan for value, keep in zip(curve.values, near, strict=True)]
            axes.plot(curve.times, values, color=colors.css(step["color"]), linewidth=width, **_alone(curve))


def _limits(curves: Sequence[Curve], defaults: Mapping[str, Any]) -> tuple[float, float]:
    real = [value for curve in curves for value in curve.values if not math.isnan(value)]
    low, high = min(real), max(real)
    low = min(low, defaults["min"]) if defaults.get("min") is not None else low
    high = max(high, defaults["max"]) if defaults.get("max") is not None else high
    room = (high - low) or abs(high) or 1.0
    return (low if defaults.get("min") is not None else low - room * 0.05), high + room * 0.08


def _frame(axes: Any, span: tuple[float, float], limits: tuple[float, float], unit: str, size: tuple[int, int]) -> None:
    axes.set_xlim(*span)
    axes.set_ylim(*limits)
    marks = _times(span, size[0])
    axes.set_xticks(marks, [_clock(mark, span) for mark in marks])
    rows = max(2, min(5, size[1] // 40))
    values = _values(limits, rows, units.ROUND.get(unit, (1.0,)))
    axes.set_yticks(values, [units.text(value, unit) for value in values])
    axes.tick_params(length=0, labelsize=10, labelcolor=_INK, pad=4)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _times(span: tuple[float, float], width: int) -> list[float]:
    wanted = (span[1] - span[0]) / max(2, width // _LABEL_PIXELS)
    step = next((each for each in _STEPS if each >= wanted), _STEPS[-1])
    # Half a label from each end, where it would meet the value axis or leave the picture.
    edge = (span[1] - span[0]) * 20 / width
    first = math.ceil((span[0] + edge) / step) * step
    return [first + step * index for index in range(int((span[1] - edge - first) // step) + 1)]


def _clock(time: float, span: tuple[float, float]) -> str:
    long = span[1] - span[0] > 2 * 86_400
    return datetime.fromtimestamp(time, UTC).strftime("%m-%d" if long else "%H:%M")


def _values(limits: tuple[float, float], rows: int, sizes: Sequence[float]) -> list[float]:
    """Return round marks of the value axis, in the largest of the sizes (such as minutes) that a mark reaches."""
    wanted = (limits[1] - limits[0]) / rows
    unit = max((size for size in sizes if size <= wanted), default=1.0)
    power = 10.0 ** math.floor(math.log10(wanted / unit))
    step = next(size * power * unit for size in (1, 2, 2.5, 5, 10) if size * power * unit >= wanted)
    first = math.ceil(limits[0] / step)
    return [step * index for index in range(first, math.floor(limits[1] / step) + 1)]


def _inner(size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    return _LEFT / width, _BOTTOM / height, (width - _LEFT - _RIGHT) / width, (height - _TOP - _BOTTOM) / height


@cache
def _library() -> Any:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DrawingError(
            "matplotlib is not installed, which draws the gallery; fix: uv sync --group dev, or make setup"
        ) from error
    # Text stays text: smaller, and the page's own font is used.
    matplotlib.rcParams.update({"svg.fonttype": "none", "path.simplify": True, "path.simplify_threshold": 0.5})
    matplotlib.rcParams["font.family"] = ["DejaVu Sans"]
    return matplotlib, Figure


def _figure(size: tuple[int, int]) -> Any:
    _, figure = _library()
    made = figure(figsize=(size[0] / _POINTS_PER_PIXEL, size[1] / _POINTS_PER_PIXEL), dpi=_POINTS_PER_PIXEL)
    made.patch.set_alpha(0)
    return made


def _svg(figure: Any, size: tuple[int, int], salt: str) -> str:
    matplotlib, _ = _library()
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "gallery"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="\w+"', "<g", text)
    # Equal pictures have equal ids, which stand on one page here.
    text = re.sub(r'( id="|url\(#|href="#)(\w+)', rf"\g<1>{salt}-\g<2>", text)
    # A tenth of a pixel is enough; what is written between tags are the axes' own numbers.
    text = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\d+\.\d)\d+", r"\1", found[0]), text)
    text = re.sub(r"\n\s*", "\n", text)
    head = f'<svg viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}" role="img"'
    return re.sub(
        r"<svg[^>]*?(xmlns:xlink=\"[^\"]*\")?[^>]*>",
        head + ' xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )
