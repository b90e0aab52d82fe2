"""What an alert compares, asked of the chosen tenants and regions: a panel of it cannot differ from the alert."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from dashboards.queries import SELECTOR
from rules import files
from rules.filling import THRESHOLD

_KEYWORDS: Final = {"and", "or", "unless", "bool", "offset"}
_PARTS: Final = re.compile(
    r'"[^"]*"'
    r"|\[[^\]]*\]"
    r"|\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^()]*\)"
    r"|(?<![\w:.])(?P<name>[a-zA-Z_:][\w:]*)(?:(?P<call>(?=\s*(?:\(|by\b|without\b)))|\{(?P<matchers>[^{}]*)\})?"
)
"""Strings, ranges and lists of labels, which hold no metric, and names: of functions, or of metrics with matchers."""


@cache
def _expressions() -> dict[str, str]:
    return {rule["alert"]: rule["expr"] for rule in files.alerts()}


def compared(alert: str, *more: str, chosen: str = SELECTOR) -> str:
    """Return what an alert of rules/ compares with its threshold or with 0; the whole where it compares otherwise.

    Args:
        alert: its name.
        more: further matchers of every selector, such as those of a dashboard's own variables.
        chosen: the matchers of tenant and region.

    Raises:
        KeyError: there is no such alert.
    """
    return narrowed(left(_expressions()[alert]), chosen, *more)


def left(expression: str) -> str:
    """Return what an alert's expression compares with its threshold or with 0, else the whole; on one line."""
    before = " ".join(expression.partition(THRESHOLD)[0].split())
    return re.sub(r"\s*(?:==|>=|<=|>|<)(?: 0)?$", "", before).replace("( ", "(").replace(" )", ")")


def narrowed(expression: str, *matchers: str) -> str:
    """Return an expression with further matchers in each of its selectors."""

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        if not name or found["call"] is not None or name in _KEYWORDS:
            return found[0]
        own = [found["matchers"]] if found["matchers"] else []
        return f"{name}{{{', '.join([*matchers, *own])}}}"

    return _PARTS.sub(replaced, expression)
