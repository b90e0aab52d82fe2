"""Changes that somebody has to acknowledge: what they lose cannot be had back, or nobody would be told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from automation.report.leaves import Leaf
from automation.result import Change

REPLACE: Final = "replace-stateful"
DELETE: Final = "delete-stateful"
PROVIDER: Final = "replace-provider"
RETENTION: Final = "retention-cut"
RECEIVER: Final = "receiver-removed"
ROUTE: Final = "route-removed"
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
_LIMIT: Final = re.compile(
    r"(?:^|[.\s])(?:ingestion_(?:rate|burst)\w*|rate_limit\w*|burst_size\w*|per_stream_rate_limit\w*"
    r"|max_(?:streams|global|traces|bytes|line|label|entries|series|query|active)\w*|cardinality_limit"
    r"|(?:sample|target|label|bodySize)Limit\w*|resources\.limits\.memory)$"
)
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
    for leaf in leaves:
        yield from _of_leaf(change, leaf)


def of_outputs(leaves: Iterable[Leaf]) -> Iterator[Found]:
    """Yield the risks of a stack's outputs, where the tree of Alertmanager shows; the Secret itself is masked."""
    for leaf in leaves:
        if not leaf.path.startswith("alertmanagerConfig") or leaf.kind != "delete":
            continue
        place = re.search(r'(receivers|routes)(?:\["((?:[^"\\]|\\.)*)"\]|\.(\w+))$', leaf.path)
        inner = re.search(r'receivers(?:\["((?:[^"\\]|\\.)*)"\]|\.(\w+))\.(\w+_configs)', leaf.path)
        if place:
            kind = RECEIVER if place[1] == "receivers" else ROUTE
            name = (place[2] or place[3]).replace('\\"', '"')
            yield Found(
                kind, name, f"{place[1].removesuffix('s')} {name} is removed: who is told by it, is not any more"
            )
        elif inner:
            name = inner[1] or inner[2]
            yield Found(RECEIVER, name, f"{inner[3]} of receiver {name} is removed: it tells fewer than before")


def _of_leaf(change: Change, leaf: Leaf) -> Iterator[Found]:
    named = _RETENTION.search(leaf.path) or (_EXPIRATION.search(leaf.path) and "ifecycle" in change.type)
    shown = f"{leaf.path} {leaf.before} -> {'nothing' if leaf.kind == 'delete' else leaf.after}"
    if named and leaf.kind != "add" and (leaf.kind == "delete" or _less(leaf.after, leaf.before)):
        yield Found(RETENTION, change.label, f"{shown}: what is older is deleted for good")
    elif _LIMIT.search(leaf.path) and leaf.kind != "add":
        if leaf.kind == "delete" or _number(leaf.after) == 0 or _less(leaf.before, leaf.after):
            harmless = leaf.kind != "delete" and leaf.path.endswith("resources.limits.memory")
            if not harmless:
                yield Found(LIMIT, change.label, f"{shown}: less keeps one tenant from starving the others")
    elif change.kind == "PrometheusRule" and leaf.kind == "delete":
        gone = re.search(r'(?:rules|groups)(?:\["((?:[^"\\]|\\.)*)"\]|\.(\w+))$', leaf.path)
        if gone:
            yield Found(ALERT, change.label, f"{gone[1] or gone[2]} is removed: nobody is told of it any more")


def _less(one: Any, other: Any) -> bool:
    left, right = _number(one), _number(other)
    return left is not None and right is not None and left < right


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
