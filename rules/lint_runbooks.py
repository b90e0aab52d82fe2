"""Check the queries of the runbooks: metrics, labels and services that there are, and one query of each pillar."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.lint import Known, metrics
from rules.lint_promql import read

KINDS = ("Metric", "Trace", "Log")
ALERTS = "ALERTS"
"""What Prometheus itself writes of alerts."""
_CHECK = re.compile(rf"^\d\. (?P<kind>{'|'.join(KINDS)}): (?P<text>.*(?:\n(?!\d\. |\n|\*\*).*)*)", re.MULTILINE)
_FENCED = re.compile(r"^ *```\n(?P<query>.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_PROMQL = re.compile(r"^(?:\w+:\w+:\w+|\w+_\w+\b|\w+( by \([^)]*\) )?\(|[a-z_]+\{)")
"""How a metric's query begins: a recording, a metric, a call. `idle in transaction` does not."""
_STREAM = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r'(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"')
_FILTERED = re.compile(r"\|\s*(?P<label>[a-z_]+)\s*(?:=~|!~|!=|=)")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_BY = re.compile(r"\bby \(([^)]*)\)")


@dataclass(frozen=True)
class Query:
    """One query of a page."""

    alert: str
    kind: str
    """Metric, Trace or Log."""
    text: str


@dataclass(frozen=True)
class Stores:
    """What Loki knows of a line, and what the platform's own pods are called there."""

    index_labels: Collection[str]
    """Labels of Loki's streams."""
    metadata: Collection[str]
    """Labels that a line has besides: its structured metadata."""
    services: Collection[str]
    """Values of service_name that the platform's own pods and collectors have."""


def queries(pages: Mapping[str, str]) -> list[Query]:
    """Return every query of the runbooks, in the order of the pages.

    A check is one numbered line, `1. Metric: what it tells`, with its query fenced below or inline.
    """
    found = []
    for alert, page in pages.items():
        for check in _CHECK.finditer(page):
            kind = check["kind"]
            fenced = [match["query"].strip() for match in _FENCED.finditer(check["text"])]
            inline = [text for text in _INLINE.findall(check["text"]) if _is_query(kind, text)]
            found += [Query(alert, kind, text) for text in fenced or inline]
    return found


def _is_query(kind: str, text: str) -> bool:
    """Tell an inline query from a word in code."""
    if kind == "Metric":
        return bool(_PROMQL.match(text))
    return text.startswith("{") or (kind == "Log" and bool(_STREAM.search(text)))


def as_rules(pages: Mapping[str, str]) -> dict[str, Any]:
    """Return the queries of metrics as a rule file, by which promtool reads them: it takes no bare expressions."""
    asked = [each for each in queries(pages) if each.kind == "Metric"]
    rules = [{"record": f"runbook:{each.alert}:query{number}", "expr": each.text} for number, each in enumerate(asked)]
    return {"groups": [{"name": "runbooks", "rules": rules}]}


def problems(pages: Mapping[str, str], have: Known, stores: Stores) -> Iterator[str]:
    """Yield what is wrong with the pages' queries, as sentences."""
    found = queries(pages)
    for alert in pages:
        for number, kind in enumerate(KINDS, 1):
            if not any((each.alert, each.kind) == (alert, kind) for each in found):
                yield f"runbooks/{alert}.md: has no {kind} query; fix: write `{number}. {kind}: ...` under Look"
    for each in found:
        said: Iterator[tuple[str, str]] = iter(())
        if each.kind == "Metric":
            said = metrics(read(each.text), have, (ALERTS,))
        elif each.kind == "Log":
            said = _log(each.text, stores)
        for what, fix in said:
            yield f"runbooks/{each.alert}.md: {each.kind} query {what}; fix: {fix}"


def _log(text: str, stores: Stores) -> Iterator[tuple[str, str]]:
    streams = _STREAM.findall(text)
    if not streams:
        yield f"{text} selects no stream", 'write {tenant="...", ...} first'
    for matchers in streams:
        for match in _MATCHER.finditer(matchers):
            if match["label"] not in stores.index_labels:
                yield (
                    f"selects streams by {match['label']}, which is no index label",
                    f"one of {', '.join(sorted(stores.index_labels))}, or filter by it after the braces",
                )
            if match["label"] == "service_name" and "<" not in match["value"]:
                yield from _services(match["operator"], match["value"], stores.services)
    rest = _TEXT.sub("", _STREAM.sub("", text))
    # What a parser finds in a line is the program's own.
    if "| json" in rest or "| logfmt" in rest:
        return
    asked = {match["label"] for match in _FILTERED.finditer(rest)}
    asked |= {label.strip() for labels in _BY.findall(rest) for label in labels.split(",")}
    for label in sorted(asked - {*stores.index_labels, *stores.metadata}):
        yield f"asks lines for {label}, which none has", f"one of {', '.join(sorted(stores.metadata))}"


def _services(operator: str, value: str, services: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the names that nobody has; of a regular expression each alternative must be somebody's."""
    for name in value.split("|") if "~" in operator else [re.escape(value)]:
        if not any(re.fullmatch(name, service) for service in services):
            yield f"asks for service {name}, and nobody is called so", f"one of {', '.join(sorted(services))}"
