"""What rendered objects tell of the series that are scraped: targets, labels, and names that are dropped; pure.

What a new version of a program itself exports is not among it: that shows only when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_MONITORS: Final = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
_NAME: Final = "__name__"
_RECORDED: Final = "record"
_PROMETHEUS_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True)
class Scraped:
    """What some objects scrape, record and label."""

    targets: frozenset[str]
    """Monitors, each `kind/name`."""
    recorded: frozenset[str]
    """Names of recording rules."""
    labels: frozenset[str]
    """Labels that monitors add to what they scrape."""
    dropped: frozenset[tuple[str, str]]
    """Monitor and regular expression of series that it drops by their names."""
    kept: frozenset[tuple[str, str]]
    """Monitor and regular expression of the only series that it keeps."""
    removed: frozenset[tuple[str, str]]
    """Monitor and regular expression of labels that it removes."""
    resources: frozenset[str]
    """Kinds of objects, in the plural, of which kube-state-metrics gives series."""


@dataclass(frozen=True)
class Lost:
    """What goes from one version of some objects to the next, of what is used."""

    targets: frozenset[str]
    series: frozenset[str]
    labels: frozenset[str]


def scraped(objects: Iterable[Mapping[str, Any]]) -> Scraped:
    """Return what objects scrape, record and label."""
    things = list(objects)
    rules = [rule for each in things for rule in _relabelings(each)]
    return Scraped(
        targets=frozenset(_called(each) for each in things if each["kind"] in _MONITORS),
        recorded=frozenset(name for each in things for name in _records(each)),
        labels=frozenset(label for each in things for label in _labels(each)),
        dropped=frozenset((whose, each["regex"]) for whose, each in rules if _by_name(each, "drop")),
        kept=frozenset((whose, each["regex"]) for whose, each in rules if _by_name(each, "keep")),
        removed=frozenset((whose, each["regex"]) for whose, each in rules if each.get("action") == "labeldrop"),
        resources=frozenset(name for each in things for name in _resources(each)),
    )


def lost(old: Scraped, new: Scraped, used: Collection[str]) -> Lost:
    """Return what the new objects no longer scrape, record or label.

    Args:
        old: before.
        new: after.
        used: names of series and labels that rules and dashboards use.
    """
    by_rule = {name for name in used if _matches(name, new.dropped - old.dropped)}
    by_rule -= {name for name in used if _matches(name, old.dropped)}
    for whose, pattern in new.kept - old.kept:
        before = {regex for monitor, regex in old.kept if monitor == whose}
        by_rule |= {
            name
            for name in used
            if any(re.fullmatch(regex, name) for regex in before) and not re.fullmatch(pattern, name)
        }
    gone = {_singular(name) for name in old.resources - new.resources} if new.resources else set()
    by_kind = {name for name in used if any(name.startswith(f"kube_{kind}_") for kind in gone)}
    unlabeled = (old.labels - new.labels) | {name for name in used if _matches(name, new.removed - old.removed)}
    return Lost(
        targets=old.targets - new.targets,
        series=frozenset((old.recorded - new.recorded) & set(used)) | by_rule | by_kind,
        labels=frozenset(unlabeled & set(used)),
    )


def _relabelings(thing: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for endpoint in thing["spec"].get(_MONITORS[thing["kind"]]) or [] if thing["kind"] in _MONITORS else []:
        for rule in endpoint.get("metricRelabelings") or []:
            yield _called(thing), {"regex": "(.*)", **rule}


def _labels(thing: Mapping[str, Any]) -> Iterator[str]:
    if thing["kind"] not in _MONITORS:
        return
    spec = thing["spec"]
    for name in (*(spec.get("targetLabels") or []), *(spec.get("podTargetLabels") or [])):
        yield _PROMETHEUS_LABEL.sub("_", name)
    for endpoint in spec.get(_MONITORS[thing["kind"]]) or []:
        for rule in (*(endpoint.get("relabelings") or []), *(endpoint.get("metricRelabelings") or [])):
            label = rule.get("targetLabel", "")
            if label and not label.startswith("__"):
                yield label


def _records(thing: Mapping[str, Any]) -> Iterator[str]:
    if thing["kind"] == "PrometheusRule":
        for group in thing["spec"].get("groups") or []:
            yield from (rule[_RECORDED] for rule in group.get("rules") or [] if _RECORDED in rule)


def _resources(thing: Mapping[str, Any]) -> Iterator[str]:
    if thing["kind"] in {"Deployment", "StatefulSet"} and "kube-state-metrics" in thing["metadata"]["name"]:
        for container in thing["spec"]["template"]["spec"]["containers"]:
            for argument in container.get("args") or []:
                name, _, value = argument.partition("=")
                yield from value.split(",") if name == "--resources" else ()


def _by_name(rule: Mapping[str, Any], action: str) -> bool:
    return rule.get("action") == action and rule.get("sourceLabels") == [_NAME]


def _matches(name: str, rules: Iterable[tuple[str, str]]) -> bool:
    return any(re.fullmatch(regex, name) for _, regex in rules)


def _singular(resource: str) -> str:
    """Return how kube-state-metrics writes one of a kind: it drops the plural of resources' names."""
    if resource.endswith(("classes", "ingresses")):
        return resource.removesuffix("es")
    return f"{resource.removesuffix('ies')}y" if resource.endswith("ies") else resource.removesuffix("s")


def _called(thing: Mapping[str, Any]) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"
