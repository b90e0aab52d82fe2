"""Find alerts of kube-prometheus-stack that say what ours say: a pair that asks one metric must be decided."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rules import files
from rules.lint import Finding
from rules.lint_promql import read

CHART = "kube-prometheus-stack"
LABEL = "labels."
"""Begins each word of a rule that names a label of its alert."""
_WORD = re.compile(rf"{re.escape(LABEL)}[a-z_]+|[a-z_:]+")
_RULES = re.compile(rf"^{CHART}/templates/prometheus/rules-1\.14/[^/]+\.yaml$")
_GATE = re.compile(r"\.Values\.defaultRules\.rules\.(\w+)")
_ALERT = re.compile(r"^    - alert: (?P<name>\w+)\n(?P<body>(?:(?!^    - ).*\n)*)", re.MULTILINE)


@cache
def decisions() -> Mapping[str, Any]:
    """Return rules/chart_alerts.yaml: `replaced` and `beside`, by the chart's alert."""
    found: dict[str, Any] = yaml.safe_load((files.RULES / "chart_alerts.yaml").read_text(encoding="utf-8"))
    return found


def shipped(package: Path, off: Collection[str]) -> dict[str, set[str]]:
    """Return the chart's alerts, each with every word of its rule, read from the templates as they are packed.

    Args:
        package: the chart's archive.
        off: groups of defaultRules.rules that are switched off.
    """
    found: dict[str, set[str]] = {}
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member) if _RULES.match(member.name) else None
            text = content.read().decode() if content else ""
            gate = _GATE.search(text)
            if gate is None or gate[1] in off:
                continue
            for match in _ALERT.finditer(text):
                found.setdefault(match["name"], set()).update(_WORD.findall(match["body"]))
    return found


def findings(areas: Mapping[str, list[dict[str, Any]]], theirs: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Yield every pair of alerts that asks one metric and is not decided, and every decision about nothing.

    `up` alone is no sign of a pair: what it says depends on the job.
    """
    replaced, beside = decisions()["replaced"], decisions()["beside"]
    for area, groups in areas.items():
        recorded = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            name, metrics = rule["alert"], _metrics(rule["expr"], recorded) - {"up"}
            for other, words in theirs.items():
                if other == name:
                    yield Finding(area, name, f"has the name of an alert of {CHART}", "rename it, or switch theirs off")
                elif metrics & words and other not in replaced and other not in beside:
                    shared = ", ".join(sorted(metrics & words))
                    yield Finding(
                        area, name, f"asks {shared}, as {other} of {CHART} does", "decide in chart_alerts.yaml"
                    )
    ours = {rule.get("alert") for groups in areas.values() for group in groups for rule in group["rules"]}
    for other, names in replaced.items():
        if other not in theirs or not set(names) <= ours:
            yield Finding("*", other, "is replaced in chart_alerts.yaml, and one of the two is not there", "correct it")


def _metrics(expression: str, recorded: Mapping[str, str]) -> set[str]:
    """Return the metrics that an expression asks for, through the recordings of its file."""
    found: set[str] = set()
    for each in read(expression.replace("@THRESHOLD@", "1")).selectors:
        found |= _metrics(recorded[each.metric], {}) if each.metric in recorded else {each.metric}
    return found - {""}
