"""Change one thing in one rule at a time, and ask the rule's own tests whether they notice: mutants, killed or not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import tools
from components.values.rule_files import everywhere
from dashboards import alert_panels
from rules import files
from rules.filling import filled_tests
from rules.lint_promql import TOKEN
from settings.thresholds import Unit, defaults
from settings.units import Duration
from tests.contexts import context

STACK = "dev.us-east"
BATCH = 12
"""Mutants in one run of promtool; it reads each one's files from a folder of its own."""
NUMBERS = (0.8, 1.2)
"""What a number right of a comparison is multiplied by; a count below 5 is one less and one more instead."""
DURATIONS = (0.5, 2)
"""What `for` is multiplied by."""
_STRICT = {">": ">=", ">=": ">", "<": "<=", "<=": "<"}
_REVERSED = {">": "<", ">=": "<", "<": ">", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Mutant:
    """One change of one rule."""

    area: str
    rule: str
    change: str
    """What was changed, as survivors are listed: `> to >=`, `0.05 to 0.06`, `for 5m to 2m30s`."""
    document: dict[str, Any]
    """The area's rule file with the change."""


def mutants() -> list[Mutant]:
    """Return every mutant of every rule file, in the order of the files."""
    shipped = everywhere(context(STACK))
    return [each for area in sorted(files.sources()) for each in _of(area, shipped[area])]


def _of(area: str, document: dict[str, Any]) -> Iterator[Mutant]:
    for group, groups in enumerate(document["groups"]):
        for place, rule in enumerate(groups["rules"]):
            name = rule.get("alert") or rule["record"]
            for change, changed in [*_expressions(name, rule), *_waits(rule)]:
                rules = [changed if index == place else each for index, each in enumerate(groups["rules"])]
                others = [
                    {**each, "rules": rules} if index == group else each
                    for index, each in enumerate(document["groups"])
                ]
                yield Mutant(area, name, change, {"groups": others})


def _expressions(name: str, rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    text, depth = rule["expr"], 0
    found = [match for match in TOKEN.finditer(text) if match.lastgroup != "skip"]
    for place, token in enumerate(found):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth or token[0] not in _REVERSED:
            continue
        # A recording's `> 0` only keeps a division from zero, and 0 or NaN is compared alike.
        strict = _STRICT.get(token[0]) if "alert" in rule else None
        for other in (strict, _REVERSED[token[0]]):
            if other is not None:
                yield f"{token[0]} to {other}", {**rule, "expr": text[: token.start()] + other + text[token.end() :]}
        number = found[place + 1] if place + 1 < len(found) else token
        if number.lastgroup == "number" and (value := float(number[0])):
            few = name in defaults() and defaults()[name].unit is Unit.COUNT and value < 5
            for near in [value - 1, value + 1] if few else [value * factor for factor in NUMBERS]:
                changed = text[: number.start()] + f"{near:.12g}" + text[number.end() :]
                yield f"{number[0]} to {near:.12g}", {**rule, "expr": changed}


def _waits(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "for" in rule:
        for factor in DURATIONS:
            other = f"{int(Duration(rule['for']).seconds * factor)}s"
            yield f"for {rule['for']} to {other}", {**rule, "for": other}


def survivors(these: Sequence[Mutant], folder: Path, workers: int = 1) -> list[Mutant]:
    """Return the mutants that their area's tests do not notice, in their order.

    Args:
        these: any of `mutants()`.
        folder: an empty one, for the files that promtool reads.
        workers: how many promtools run at a time; each is one thread long.
    """
    starts = range(0, len(these), BATCH)

    def alive(start: int) -> list[Mutant]:
        batch = these[start : start + BATCH]
        paths = [_written(each, folder / str(start + index)) for index, each in enumerate(batch)]
        command = [str(tools.ensure("promtool")["promtool"]), "test", "rules", *map(str, paths)]
        # One stream, since failures are written to the other one and the order tells whose they are.
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
        results = re.findall(r"^  (SUCCESS|FAILED)", said, re.MULTILINE)
        assert len(results) == len(batch), said
        return [each for each, result in zip(batch, results, strict=True) if result == "SUCCESS"]

    with ThreadPoolExecutor(workers) as pool:
        return [each for found in pool.map(alive, starts) for each in found]


def _written(mutant: Mutant, folder: Path) -> Path:
    """Write a mutant's rules and the tests that speak of its alert (all of both for a recording)."""
    folder.mkdir(parents=True)
    tests = filled_tests(yaml.safe_load(files.tests(mutant.area)), alert_panels.by_alert())
    document = mutant.document
    if ":" not in mutant.rule:
        groups = [
            {**group, "rules": [each for each in group["rules"] if each.get("alert", mutant.rule) == mutant.rule]}
            for group in document["groups"]
        ]
        document = {"groups": groups}
        about = [
            {**test, "alert_rule_test": own, "promql_expr_test": []}
            for test in tests["tests"]
            if (own := [each for each in test.get("alert_rule_test", []) if each["alertname"] == mutant.rule])
        ]
        tests = {**tests, "tests": about}
    (folder / f"{mutant.area}{files.SUFFIX}").write_text(yaml.safe_dump(document), encoding="utf-8")
    file = folder / f"{mutant.area}{files.TESTS_SUFFIX}"
    file.write_text(yaml.safe_dump(tests), encoding="utf-8")
    return file
