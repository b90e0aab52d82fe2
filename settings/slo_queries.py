"""Whether an SLO's own query reads the tenant's series only, as its text tells without a parser of PromQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from settings.problem import Problem
from settings.slo import OWNER, WINDOW, Slo

_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`")
"""A string as PromQL's lexer ends it: a line ends none of the first two kinds, and only the third holds backslashes."""
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_OPERATOR = re.compile(r"(?<=[)\]}0-9])(\s*)(?:and|or|unless|offset)\b", re.IGNORECASE)
"""Words that PromQL also takes for metrics, where they stand behind what an operator stands behind."""
_NAME = re.compile(r"(?<![0-9.$])\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")
_WORDS = frozenset({"atan2", "bool", "group_left", "group_right", "inf", "nan"})
"""Words that are never metrics. Functions, aggregations and start() have a bracket behind them, as `by` has."""
_PAIRS = {")": "(", "]": "[", "}": "{"}


def problems(path: str, slo: Slo) -> Iterator[Problem]:
    """Refuse queries that could read another tenant's series, or that count over a length of their own."""
    for field in ("errors", "total"):
        query = getattr(slo, field)
        if query is not None:
            found = list(_unreadable(f"{path}.{field}", query))
            # What hides in a comment or behind a bracket too many would make every other sentence untrue.
            yield from found or _foreign(f"{path}.{field}", _STRING.sub('""', query))


def _unreadable(path: str, query: str) -> Iterator[Problem]:
    """Yield what would make another query of this one, once it stands within ours."""
    text = _STRING.sub("", query)
    if "#" in text:
        yield Problem(
            path,
            "has a comment, which would hide what stands behind it",
            "PromQL without comments",
            "remove # and the rest of its line",
        )
    elif set(text) & set("\"'`"):
        yield Problem(path, "has a quote that nothing closes", "quotes in pairs, on one line", "close it")
    elif any(placeholder in quoted for quoted in _STRING.findall(query) for placeholder in (OWNER, WINDOW)):
        yield Problem(
            path,
            f"has {OWNER} or {WINDOW} within quotes, where it is text",
            f"{{{OWNER}, ...}} in every selector and [{WINDOW}] as every range",
            "remove it from the quotes",
        )
    elif bracket := _unpaired(text):
        yield Problem(
            path, f"has the bracket {bracket} without its other half", "brackets in pairs", "pair or remove it"
        )


def _unpaired(text: str) -> str:
    """Return the first bracket that closes nothing or another kind, else the last that nothing closes, if any."""
    still_open: list[str] = []
    for character in text:
        if character in _PAIRS.values():
            still_open.append(character)
        elif character in _PAIRS and (not still_open or still_open.pop() != _PAIRS[character]):
            return character
    return still_open[-1] if still_open else ""


def _foreign(path: str, text: str) -> Iterator[Problem]:
    """Yield ranges and metrics that are not the placeholders' in a query whose strings are empty."""
    ranges = re.findall(r"\[[^\]]*\]", text)
    if not ranges or set(ranges) != {f"[{WINDOW}]"}:
        yield Problem(
            path,
            f"counts over {', '.join(sorted(set(ranges))) or 'no range'}",
            f"[{WINDOW}] as every range",
            f"write rate(...[{WINDOW}])",
        )
    open_to_all = [
        metric or "{}"
        for metric, matchers in _SELECTOR.findall(text)
        if OWNER not in re.split(r"\s*,\s*", matchers.strip())
    ]
    # From here on a selector is what an operator stands behind, and no name.
    bare = _NAME.findall(_OPERATOR.sub(r"\1", _SELECTOR.sub("{}", _GROUPING.sub("", text))).replace(f"[{WINDOW}]", ""))
    open_to_all += [name for name in bare if name.lower() not in _WORDS]
    for name in sorted(set(open_to_all)):
        yield Problem(
            path,
            f"selects {name} of every tenant",
            f"{{{OWNER}}}, or {{{OWNER}, label=...}}, behind every metric",
            f"write {name.replace('{}', '')}{{{OWNER}}}",
        )
