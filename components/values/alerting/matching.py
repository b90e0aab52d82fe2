"""Which receivers an alert reaches in a tree: Alertmanager's own search, for lint, picture and property tests.

Tests hold it against the real amtool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Labels = Mapping[str, str]
_MATCHER = re.compile(r'^(?P<label>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>=~|!~|!=|=)"(?P<value>.*)"$')


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; a label that an alert lacks is empty."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Labels) -> bool:
        """Tell whether an alert's labels meet it."""
        given = labels.get(self.label, "")
        equal = bool(_anchored(self.value).match(given)) if "~" in self.operator else given == self.value
        return equal is not self.operator.startswith("!")

    def __str__(self) -> str:
        """Return it as Alertmanager writes it."""
        return f'{self.label}{self.operator}"{self.value}"'


@cache
def parsed(text: str) -> Matcher:
    """Return a matcher of the tree.

    Raises:
        ValueError: it is not written as `label="value"`, with one of four operators.
    """
    found = _MATCHER.match(text)
    if found is None:
        raise ValueError(f'matcher {text!r} is not understood; allowed: label="value" with =, !=, =~ or !~')
    return Matcher(found["label"], found["operator"], found["value"])


def matchers(route: Mapping[str, Any]) -> list[Matcher]:
    """Return a route's own matchers; a route without any takes every alert that comes to it."""
    return [parsed(text) for text in route.get("matchers", [])]


def takes(route: Mapping[str, Any], labels: Labels) -> bool:
    """Tell whether a route's own matchers hold."""
    return all(each.holds(labels) for each in matchers(route))


def found(route: Mapping[str, Any], labels: Labels) -> Iterator[Mapping[str, Any]]:
    """Yield the routes that an alert ends in, in order: the deepest that take it, and on while they say `continue`."""
    if not takes(route, labels):
        return
    below = False
    for child in route.get("routes", []):
        ends = list(found(child, labels))
        yield from ends
        below = below or bool(ends)
        if ends and not child.get("continue", False):
            break
    if not below:
        yield route


def receivers(tree: Mapping[str, Any], labels: Labels) -> list[str]:
    """Return the receivers that an alert reaches, in order."""
    return [route["receiver"] for route in found(tree["route"], labels)]


def inhibits(rule: Mapping[str, Any], source: Labels, target: Labels) -> bool:
    """Tell whether one firing alert keeps another quiet by a rule of the tree."""
    holds = all(parsed(text).holds(source) for text in rule["source_matchers"])
    holds = holds and all(parsed(text).holds(target) for text in rule["target_matchers"])
    return holds and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])


@cache
def _anchored(pattern: str) -> re.Pattern[str]:
    return re.compile(f"^(?:{pattern})$")
