"""A real Prometheus on samples of the past: blocks by promtool, then what the rules that ship record of them.

A recording may read another, so that they are evaluated in levels: each level's results are blocks before the next is.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

import tools
from automation.waiting import until
from bench.samples import Owner, identity
from components.values import thresholds
from components.values.context import Context
from components.values.rule_files import everywhere
from lab import prometheus
from lab.problem import LabError
from lab.process import Processes
from rules.slo import recordings
from settings import names
from settings.slo import Slo

SECONDS: Final = 120.0
"""For a start, or for blocks to be seen, on a busy machine."""
TIMEOUT: Final = 120
LONGEST_BLOCK: Final = "500h"
"""More than any backfill here: promtool reads its whole input once for each block."""


@dataclass(frozen=True)
class Window:
    """Times at which rules are evaluated, or a panel draws: seconds since the epoch, both ends included."""

    start: int
    end: int
    step: int

    @property
    def times(self) -> range:
        """Every time."""
        return range(self.start, self.end + 1, self.step)


@dataclass(frozen=True)
class Rule:
    """One recording."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def reads(self, recorded: set[str]) -> set[str]:
        """Return which recordings it reads."""
        return set(re.findall(r"[a-zA-Z_:][\w:]*", self.expr)) & recorded


def shipped(context: Context, owners: Iterable[Owner], slos: Mapping[str, Slo]) -> list[Rule]:
    """Return the recordings that ship, for some owners, each of which has the same SLOs.

    Args:
        context: where thresholds and limits are read; every owner has the limits of its first tenant.
        owners: tenants and regions.
        slos: by name.
    """
    found = [rule for area, file in everywhere(context).items() if area != thresholds.AREA for rule in _rules(file)]
    limits = [rule for rule in _rules(thresholds.recordings(context)) if rule.record == thresholds.LIMIT_RECORD]
    first = next(iter(context.tenants))
    for owner in owners:
        groups = recordings.rule_groups(owner.tenant, slos, identity(owner.region))
        found += _rules({"groups": groups})
        found += [
            Rule(rule.record, rule.expr, {**rule.labels, **owner.labels})
            for rule in limits
            if rule.labels[names.TENANT_LABEL] == first
        ]
    return found


def _rules(file: Mapping[str, Any]) -> list[Rule]:
    return [
        Rule(rule["record"], rule["expr"], {**group.get("labels", {}), **rule.get("labels", {})})
        for group in file["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]


def levels(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Yield recordings so that each comes after what it reads.

    Raises:
        ValueError: some read each other.
    """
    waiting = list(rules)
    while waiting:
        missing = {rule.record for rule in waiting}
        ready = [rule for rule in waiting if not rule.reads(missing) - {rule.record}]
        if not ready:
            raise ValueError(f"recordings that read each other: {', '.join(sorted(missing))}")
        yield ready
        waiting = [rule for rule in waiting if rule not in ready]


class Backfilled:
    """A Prometheus that has only what it was given."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        """Start it below a folder, whose name it has.

        Raises:
            LabError: it does not start.
        """
        self._folder = folder
        self._data = prometheus.data(folder)
        self._data.mkdir(parents=True)
        flags = (
            "--storage.tsdb.block-reload-interval=1s",
            # What was backfilled level by level overlaps, and stays apart for the time of a test.
            "--no-storage.tsdb.allow-overlapping-compaction",
        )
        self.url = prometheus.start(processes, prometheus.command(folder, {}, *flags, name=folder.name), SECONDS)
        self._session = requests.Session()
        self._session.trust_env = False

    def add(self, lines: Iterable[str], longest_block: str = LONGEST_BLOCK) -> int:
        """Make blocks of OpenMetrics lines, wait until they are seen, and return how many lines there were.

        Raises:
            LabError: promtool refuses them, or Prometheus does not load the blocks.
        """
        file = self._folder / "samples.txt"
        count = 0
        with file.open("w", encoding="utf-8") as out:
            for line in lines:
                out.write(line)
                count += 1
            out.write("# EOF\n")
        if count:
            promtool = str(tools.ensure("promtool")["promtool"])
            done = subprocess.run(
                [
                    *(promtool, "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={longest_block}"),
                    *("openmetrics", str(file), str(self._data)),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise LabError(f"promtool makes no blocks of {file}: {done.stderr or done.stdout}")
            blocks = len(list(self._data.glob("*/meta.json")))
            if not until(lambda: self._loaded() == blocks, SECONDS):
                raise LabError(f"Prometheus has loaded {self._loaded()} of {blocks} blocks after {SECONDS:.0f} s.")
        file.unlink()
        return count

    def record(self, rules: Sequence[Rule], windows: Sequence[Window], longest_block: str = LONGEST_BLOCK) -> int:
        """Evaluate recordings at every time of some windows, and return how many samples that gave."""
        return sum(self.add(self._evaluated(level, windows), longest_block) for level in levels(rules))

    def _evaluated(self, rules: Sequence[Rule], windows: Sequence[Window]) -> Iterator[str]:
        for rule in rules:
            found: dict[str, dict[float, str]] = {}
            for window in windows:
                for each in self.range(rule.expr, window):
                    labels = {**each["metric"], **rule.labels}
                    labels.pop("__name__", None)
                    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()) if value)
                    found.setdefault(f"{rule.record}{{{text}}}", {}).update(each["values"])
            for name, values in found.items():
                yield from (f"{name} {value} {time}\n" for time, value in sorted(values.items()))

    def range(self, expr: str, window: Window) -> list[dict[str, Any]]:
        """Return the result of a range query."""
        asked = {"start": str(window.start), "end": str(window.end), "step": str(window.step)}
        found: list[dict[str, Any]] = self._asked("query_range", {"query": expr, **asked})["result"]
        return found

    def instant(self, expr: str, time: int) -> list[dict[str, Any]]:
        """Return the result of a query at a time."""
        found: list[dict[str, Any]] = self._asked("query", {"query": expr, "time": str(time)})["result"]
        return found

    def values(self, label: str, selector: str, window: Window) -> list[str]:
        """Return the values of a label, as a variable gets them."""
        asked = {"match[]": selector, "start": str(window.start), "end": str(window.end)}
        answer = self._session.get(f"{self.url}/api/v1/label/{label}/values", params=asked, timeout=TIMEOUT)
        found: list[str] = _data(answer, selector)
        return found

    def _asked(self, path: str, form: Mapping[str, str]) -> Any:
        return _data(self._session.post(f"{self.url}/api/v1/{path}", data=form, timeout=TIMEOUT), form["query"])

    def _loaded(self) -> int:
        text = self._session.get(f"{self.url}/metrics", timeout=TIMEOUT).text
        found = re.search(r"^prometheus_tsdb_blocks_loaded (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0


def _data(answer: requests.Response, query: str) -> Any:
    if not answer.ok:
        raise LabError(f"Prometheus refuses {query}: {answer.text}")
    return answer.json()["data"]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
