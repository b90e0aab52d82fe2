"""What an operation on a stack did, read from the engine's events.

The engine sends debug messages with secrets in plain text (seen with 3.259: the properties of RegisterResourceOutputs),
so those are dropped here, unread. Values inside resources arrive masked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from pulumi.automation import OpType
from pulumi.automation.events import EngineEvent, StepEventMetadata

_UNCHANGED: Final = {OpType.SAME, OpType.REFRESH, OpType.READ}
_REPLACING: Final = {OpType.REPLACE, OpType.CREATE_REPLACEMENT, OpType.DELETE_REPLACED}
_SHOWN: Final = {"error", "warning"}


@dataclass(frozen=True)
class Change:
    """One resource that changes: what happens to it, and the paths of the fields that differ."""

    urn: str
    op: str
    paths: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Type and name, without stack and parents."""
        *_, types, name = self.urn.split("::", 3)
        return f"{types.rpartition('$')[2]} {name}"


@dataclass(frozen=True)
class Result:
    """One operation on one project's stack."""

    project: str
    operation: str
    ok: bool
    seconds: float
    counts: dict[str, int]
    """Resources by what happened to them, as the engine counts: create, update, same, ..."""
    changes: list[Change]
    errors: list[str]
    warnings: list[str]
    failed: list[str]
    """URNs of resources whose operation failed."""
    standing: dict[str, dict[str, int]]
    """Kubernetes objects by namespace ("" for cluster-wide ones) and kind."""
    buckets: list[str]
    outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's outputs; secret ones are masked."""

    @property
    def changed(self) -> int:
        """Number of resources that are not the same."""
        return sum(count for op, count in self.counts.items() if op != OpType.SAME.value)

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line: `region up: create 410, same 2 in 12.3 s`."""
        counts = ", ".join(f"{op} {count}" for op, count in sorted(self.counts.items()) if count) or "nothing"
        return f"{self.project} {self.operation}: {counts} in {self.seconds:.1f} s"


class Recorder:
    """Gathers a Result from events; they come from several threads of the engine's, one at a time."""

    def __init__(self, project: str, operation: str) -> None:
        self._project = project
        self._operation = operation
        self._changes: dict[str, Change] = {}
        self._failed: list[str] = []
        self._messages: dict[str, list[str]] = {severity: [] for severity in sorted(_SHOWN)}
        self._counts: dict[str, int] = {}
        self._objects: dict[str, tuple[str, str]] = {}
        self._buckets: dict[str, str] = {}
        self.started = 0
        self.done = 0
        self.latest = ""

    def event(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.diagnostic_event is not None and event.diagnostic_event.severity in _SHOWN:
            message = event.diagnostic_event.message.strip()
            where = event.diagnostic_event.urn
            name = f"{Change(where, '').name}: " if where and "pulumi:pulumi:Stack" not in where else ""
            self._messages[event.diagnostic_event.severity].append(name + message)
        if event.resource_pre_event is not None:
            self.started += 1
            self.latest = Change(event.resource_pre_event.metadata.urn, "").name
            self._step(event.resource_pre_event.metadata)
        if event.res_outputs_event is not None:
            self.done += 1
            self._step(event.res_outputs_event.metadata)
        if event.res_op_failed_event is not None:
            self._failed.append(event.res_op_failed_event.metadata.urn)
        if event.summary_event is not None:
            changes = event.summary_event.resource_changes or {}
            self._counts = {str(getattr(op, "value", op)): int(count) for op, count in changes.items()}

    def result(self, ok: bool, seconds: float, outputs: dict[str, Any] | None = None) -> Result:
        """Return what was gathered."""
        standing: dict[str, Counter[str]] = {}
        for namespace, kind in self._objects.values():
            standing.setdefault(namespace, Counter())[kind] += 1
        return Result(
            project=self._project,
            operation=self._operation,
            ok=ok,
            seconds=round(seconds, 2),
            counts=self._counts,
            changes=sorted(self._changes.values(), key=lambda change: change.urn),
            errors=self._messages["error"],
            warnings=self._messages["warning"],
            failed=sorted(set(self._failed)),
            standing={namespace: dict(sorted(kinds.items())) for namespace, kinds in sorted(standing.items())},
            buckets=sorted(self._buckets.values()),
            outputs=outputs or {},
        )

    def _step(self, step: StepEventMetadata) -> None:
        if step.op not in _UNCHANGED:
            op = OpType.REPLACE if step.op in _REPLACING else step.op
            paths = tuple(sorted(step.detailed_diff or step.diffs or ()))
            before = self._changes.get(step.urn)
            self._changes[step.urn] = Change(step.urn, op.value, paths or (before.paths if before else ()))
        if step.new is None:
            self._objects.pop(step.urn, None)
            self._buckets.pop(step.urn, None)
        elif step.new.custom and step.type.startswith("kubernetes:"):
            metadata = _map(_map(step.new.inputs).get("metadata"))
            self._objects[step.urn] = (str(metadata.get("namespace", "")), step.type.rpartition(":")[2])
        elif step.type == "aws:s3/bucket:Bucket":
            self._buckets[step.urn] = str(_map(step.new.inputs).get("bucket", ""))


def _map(value: Any) -> dict[str, Any]:
    """Return a map's content; a masked or missing one has none."""
    return dict(value) if isinstance(value, dict) else {}
