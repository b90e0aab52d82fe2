"""Changes that somebody has to acknowledge: what they lose cannot be had back, or nobody would be told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from automation.report.leaves import Leaf, flattened
from automation.result import Change

REPLACE: Final = "replace-stateful"
DELETE: Final = "delete-stateful"
PROVIDER: Final = "replace-provider"
RETENTION: Final = "retention-cut"
ALERT: Final = "alert-removed"
LIMIT: Final = "limit-weakened"

_STATEFUL: Final = {
    "StatefulSet": "its pods stop until it is there again",
    "PersistentVolumeClaim": "its data is gone",
    "PersistentVolume": "its data is gone",
    "Namespace": "everything in it is gone",
    "CustomResourceDefinition": "every object of its kind is gone",
    "Prometheus": "its pods stop, and what they hold in memory is gone",
    "Alertmanager": "silences and the memory of what was sent are gone",
    "OpenTelemetryCollector": "what its queues hold is gone",
    "Bucket": "its data is gone",
    "Key": "what it encrypted cannot be read any more",
    "aws:secretsmanager/secret:Secret": "its value is gone",
}
_RETENTION: Final = re.compile(
    r"(?:^|[.\s\]_])(?:retention|retention_period|block_retention|retentionSize)$|retention$"
)
_EXPIRATION: Final = re.compile(r"xpiration\.?\w*[dD]ays$|noncurrentDays$")
_RATE: Final = re.compile(r"(?:^|[.\s])(?:ingestion_(?:rate|burst)\w*|(?:per_stream_)?rate_limit\w*|burst_size\w*)$")
"""Limits of which 0 may let nothing through as well as everything; so both ways are shown."""
_LIMIT: Final = re.compile(
    r"(?:^|[.\s])(?:max_(?:streams|global|traces|bytes|line|label|entries|series|query|active)\w*|cardinality_limit"
    r"|(?:sample|target|label|bodySize)Limit\w*)$"
)
"""Limits of which 0 is none."""
_MEMORY: Final = re.compile(r"(?:^|[.\s])resources\.limits\.memory$")
_RESOURCES: Final = re.compile(r"(?:^|[.\s])(?:resources|limits|memory)$")
_TENANT: Final = re.compile(r'(?:^|[.\s])overrides(?:\.\w+|\["(?:[^"\\]|\\.)*"\])$')
_RULE: Final = re.compile(r'(?:rules|groups)(?:\["((?:[^"\\]|\\.)*)"\]|\.(\w+))$')
_ALERT: Final = re.compile(r"(?:\.alert|groups\[\d+\]\.name)$")
_SIZE: Final = re.compile(r"^(\d+(?:\.\d+)?)([a-zA-Z]*)$")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_BYTES: Final = {
    f"{prefix}{suffix}": float(base**power)
    for power, prefix in enumerate("KMGTP", 1)
    for suffix, base in (("i", 1024), ("iB", 1024), ("B", 1000), ("", 1000))
}


@dataclass(frozen=True)
class Found:
    """A risk in one region."""

    kind: str
    subject: str
    """Name of the resource, as `--allow kind:subject` takes it."""
    what: str
    """What is lost, values included."""


def of_change(change: Change, leaves: Iterable[Leaf]) -> Iterator[Found]:
    """Yield the risks of one resource's change."""
    loss = _STATEFUL.get(change.type) or _STATEFUL.get(change.kind)
    if change.op == "replace" and change.type.startswith("pulumi:providers:"):
        yield Found(PROVIDER, change.label, "everything that it made is made anew")
    if loss and change.op == "delete":
        yield Found(DELETE, change.label, f"{change.kind} is deleted: {loss}")
    if loss and change.op == "replace":
        because = ", ".join(field.path for field in change.fields if field.replaces) or ", ".join(change.paths)
        yield Found(REPLACE, change.label, f"{change.kind} is replaced because of {because or 'its type'}: {loss}")
    if change.kind == "PrometheusRule" and change.op == "delete":
        yield Found(ALERT, change.label, "the rules of a whole file are removed")
    changed = list(leaves)
    for leaf in changed:
        yield from _of_leaf(change, leaf)
    if change.kind == "PrometheusRule":
        for name in _alerts_gone(changed):
            yield Found(ALERT, change.label, f"{name} is removed: nobody is told of it any more")


def _of_leaf(change: Change, whole: Leaf) -> Iterator[Found]:
    values = list(flattened(whole))
    # A tenant that comes with limits of its own is a new one, of which nothing older is kept.
    new = _TENANT.search(whole.path) and any(_RATE.search(leaf.path) for leaf in values)
    for leaf in values:
        shown = f"{leaf.path} {_side(leaf.before)} -> {_side(leaf.after)}"
        named = _RETENTION.search(leaf.path) or (_EXPIRATION.search(leaf.path) and "ifecycle" in change.type)
        if named and _cut(leaf) and not (new and leaf.kind == "add"):
            yield Found(RETENTION, change.label, f"{shown}: what is older is deleted for good")
        elif _MEMORY.search(leaf.path):
            # Who raises one has sized it; and a container that goes needs none.
            if _number(leaf.after) == 0 or (leaf.kind == "delete" and _RESOURCES.search(whole.path)):
                yield Found(LIMIT, change.label, f"{shown}: less keeps one pod from starving the others")
        elif _weakened(leaf):
            yield Found(LIMIT, change.label, f"{shown}: less keeps one tenant from starving the others")


def _side(value: Any) -> Any:
    return "nothing" if value is None else value


def _cut(leaf: Leaf) -> bool:
    """Return whether something is kept for a shorter time; where nothing says how long, it was kept for good."""
    if leaf.kind == "delete":
        return True
    before, after = _number(leaf.before), _number(leaf.after)
    if leaf.kind == "add":
        return after != 0 and leaf.after is not None and not isinstance(leaf.after, bool)
    return _less(after, before) or (before == 0 and _less(before, after))


def _weakened(leaf: Leaf) -> bool:
    before, after = _number(leaf.before), _number(leaf.after)
    unlimited = before == 0 and not _RATE.search(leaf.path)
    if unlimited or not (_RATE.search(leaf.path) or _LIMIT.search(leaf.path)):
        return False
    return leaf.kind == "delete" or after == 0 or _less(before, after)


def _alerts_gone(leaves: Iterable[Leaf]) -> Iterator[str]:
    """Yield the alerts and groups that a rule file loses.

    The engine compares lists by place: when one of many entries goes, all behind it differ and the last is gone. So
    names are counted on both sides.
    """
    before, after = Counter[str](), Counter[str]()
    for leaf in leaves:
        named = _RULE.search(leaf.path)
        if named and leaf.kind == "delete":
            yield named[1] or named[2]
        elif not named:
            names = [each for each in flattened(leaf) if _ALERT.search(each.path)]
            before.update(str(each.before) for each in names if each.kind != "add")
            after.update(str(each.after) for each in names if each.kind != "delete")
    yield from before - after


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def _number(value: Any) -> float | None:
    """Return a number, a duration in seconds, or a size in bytes; None for everything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    parts = re.findall(r"\d+(?:\.\d+)?(?:ms|[smhdwy])", str(value))
    if parts and "".join(parts) == str(value):
        return sum(float(re.sub(r"[a-z]+$", "", part)) * _SECONDS[re.sub(r"^[\d.]+", "", part)] for part in parts)
    size = _SIZE.match(str(value))
    return float(size[1]) * _BYTES.get(size[2], 1.0) if size and (not size[2] or size[2] in _BYTES) else None
