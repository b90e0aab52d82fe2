"""Read of an expression what lint asks: metrics with their labels, aggregations, matchings. No parser of PromQL.

promtool has parsed the expression before; here its words are told apart by what stands around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

AGGREGATORS = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "atan2", "inf", "nan", "start", "end"})
TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
    r"""|(?P<number>(?:\d[\d.]*(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?)+)|(?P<word>[A-Za-z_:][\w:]*)|(?P<sign>=~|!~|!=|==|>=|<=|.)""",
    re.DOTALL,
)
"""One token; the group that matched says its kind."""


@dataclass(frozen=True)
class Selector:
    """One metric in an expression; the name is empty where braces stand alone."""

    metric: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Grouping:
    """One aggregation or matching: its word (`sum`, `on`), how it lists labels, and which."""

    word: str
    how: str
    labels: frozenset[str]
    keeps: bool = False
    """Whether group_left or group_right, or a set operator before it, keeps the labels of one side."""


@dataclass
class Expression:
    """What lint asks of one expression."""

    selectors: list[Selector] = field(default_factory=list)
    groupings: list[Grouping] = field(default_factory=list)


def tokens(text: str) -> list[tuple[str, str]]:
    """Return an expression's tokens as pairs of kind (text, number, word, sign) and what is written."""
    found = [(match.lastgroup or "", match[0]) for match in TOKEN.finditer(text)]
    return [each for each in found if each[0] != "skip"]


def read(text: str) -> Expression:
    """Return the metrics, aggregations and matchings of an expression that promtool takes."""
    given, result, place = tokens(text), Expression(), 0
    before = ""
    while place < len(given):
        kind, word = given[place]
        following = given[place + 1][1] if place + 1 < len(given) else ""
        if kind == "word" and word in AGGREGATORS and following in {"(", "by", "without"}:
            how = following if following != "(" else ""
            labels = frozenset(_listed(given, place + 2)) if how else frozenset[str]()
            result.groupings.append(Grouping(word, how, labels))
            place += 2 + _length(given, place + 2) if how else 1
        elif kind == "word" and word in _LISTS:
            if word in {"on", "ignoring"}:
                after = given[place + 1 + _length(given, place + 1)][1:]
                keeps = before in {"and", "or", "unless"} or after in {("group_left",), ("group_right",)}
                result.groupings.append(Grouping(word, word, frozenset(_listed(given, place + 1)), keeps))
            place += 1 + (_length(given, place + 1) if following == "(" else 0)
        elif kind == "word" and following != "(" and word.lower() not in _WORDS:
            place = _selector(result, given, place + 1, word)
        elif word == "{":
            place = _selector(result, given, place, "")
        else:
            place += 1
        before = word
    return result


def _selector(result: Expression, given: list[tuple[str, str]], place: int, metric: str) -> int:
    labels: list[str] = []
    if place < len(given) and given[place][1] == "{":
        end = next(index for index in range(place, len(given)) if given[index][1] == "}")
        labels = [word for kind, word in given[place:end] if kind == "word"]
        place = end + 1
    result.selectors.append(Selector(metric, frozenset(labels)))
    return place


def _length(given: list[tuple[str, str]], place: int) -> int:
    """Return how many tokens a list in parentheses takes, parentheses included."""
    return next(index for index in range(place, len(given)) if given[index][1] == ")") - place + 1


def _listed(given: list[tuple[str, str]], place: int) -> Iterator[str]:
    yield from (word for kind, word in given[place : place + _length(given, place)] if kind == "word")
