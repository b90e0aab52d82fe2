"""Numbers as Grafana writes them, by its names of units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_THOUSANDS: Final = (("", 1.0), ("K", 1e3), ("Mil", 1e6), ("Bil", 1e9), ("Tri", 1e12))
_SI: Final = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))
_BINARY: Final = (("", 1.0), ("Ki", 2.0**10), ("Mi", 2.0**20), ("Gi", 2.0**30), ("Ti", 2.0**40))
_TIMES: Final = (
    ("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("mins", 60.0), ("hours", 3600.0), ("days", 86_400.0),
    ("weeks", 604_800.0),
)  # fmt: skip
_SUFFIXES: Final = {"reqps": " req/s", "cps": " c/s", "celsius": " °C", "watt": " W", "d": " days"}
_PREFIXED: Final = {"Bps": (_SI, "B/s"), "decbytes": (_SI, "B"), "bytes": (_BINARY, "B"), "binBps": (_BINARY, "B/s")}
ROUND: Final = {
    "s": tuple(size for _, size in _TIMES if size >= 1),
    **{name: tuple(size for _, size in scale) for name, (scale, _) in _PREFIXED.items()},
}
"""Sizes of which marks on an axis are multiples, by unit; of others powers of ten."""
UNITS: Final = frozenset({"", "none", "short", "percent", "percentunit", "s", "currencyUSD", *_SUFFIXES, *_PREFIXED})
"""What `text` knows; a test holds the dashboards to it."""


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a number with its unit.

    Args:
        value: the number.
        unit: Grafana's name; an unknown one follows the number as it is.
        decimals: digits behind the point; as many as tell without it.
    """
    if unit in {"percentunit", "percent"}:
        return f"{_digits(value * 100 if unit == 'percentunit' else value, decimals)}%"
    if unit == "currencyUSD":
        return f"${_scaled(value, _THOUSANDS, decimals)}"
    if unit == "s":
        return _scaled(value, _TIMES, decimals, smallest=3, space=" ")
    if unit in _PREFIXED:
        scale, name = _PREFIXED[unit]
        return (
            f"{_scaled(value, scale, decimals, space=' ')}{name}"
            if abs(value) >= scale[1][1]
            else (f"{_digits(value, decimals)} {name}")
        )
    if unit in {"", "none"}:
        return _digits(value, decimals)
    return f"{_scaled(value, _THOUSANDS, decimals)}{_SUFFIXES.get(unit, '' if unit == 'short' else f' {unit}')}"


def _scaled(
    value: float,
    scale: Sequence[tuple[str, float]],
    decimals: int | None,
    *,
    smallest: int = 0,
    space: str = " ",
) -> str:
    """Return a number in the largest step of a scale that it reaches; `smallest` is the step of zero."""
    reached = [each for each in scale if abs(value) >= each[1]]
    name, size = reached[-1] if reached else scale[smallest if value == 0 else 0]
    digits = _digits(value / size, decimals)
    return f"{digits}{space}{name}" if name else digits


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0:
        return "0"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    written = f"{value:.{places}f}" if size >= 0.001 else f"{value:.1e}"
    return written.rstrip("0").rstrip(".") if "." in written and "e" not in written else written
