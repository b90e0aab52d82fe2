"""Gather what an operation does from the engine's events.

The engine sends debug messages with secrets in plain text (seen with 3.259: the properties of RegisterResourceOutputs),
so those are dropped here, unread. Values inside resources arrive masked.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final

from pulumi.automation import OpType
from pulumi.automation.events import EngineEvent, StepEventMetadata

from automation.paths import MASK, MISSING, UNKNOWN, differences, lookup, masked
from automation.result import UNSURE, Change, Field, Result
from automation.state import STACK

_UNCHANGED: Final = {OpType.SAME, OpType.REFRESH, OpType.READ}
_REPLACING: Final = {OpType.REPLACE, OpType.CREATE_REPLACEMENT, OpType.DELETE_REPLACED}
_SHOWN: Final = {"error", "warning"}
_SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105 - a type, no password


@dataclass(frozen=True)
class Planned:
    """A resource as it is going to stand, for policies: masked, with what protects it."""

    urn: str
    type: str
    inputs: dict[str, Any]
    protect: bool
    retain: bool


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
        self._output_fields: tuple[Field, ...] = ()
        self._planned: dict[str, Planned] = {}
        self.started = 0
        self.done = 0
        self.latest = ""

    def event(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.diagnostic_event is not None and event.diagnostic_event.severity in _SHOWN:
            message = event.diagnostic_event.message.strip()
            where = event.diagnostic_event.urn
            name = f"{Change(where, '').name}: " if where and STACK not in where else ""
            self._messages[event.diagnostic_event.severity].append(name + message)
        if event.resource_pre_event is not None:
            self.started += 1
            self.latest = Change(event.resource_pre_event.metadata.urn, "").name
            self._step(event.resource_pre_event.metadata, first=True)
        if event.res_outputs_event is not None:
            self.done += 1
            self._step(event.res_outputs_event.metadata)
            self._outputs(event.res_outputs_event.metadata)
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
            output_fields=self._output_fields,
        )

    def planned(self) -> list[Planned]:
        """Return the resources as they are going to stand, as far as events have come."""
        # To mask takes a copy, and a resource shows in up to four events.
        return [replace(each, inputs=masked(each.inputs)) for each in self._planned.values()]

    def _step(self, step: StepEventMetadata, *, first: bool = False) -> None:
        if step.op is OpType.SAME and self._operation == "preview":
            # A preview that looks at the world first reports what it found there, too; the program agrees with it.
            self._changes.pop(step.urn, None)
        if step.op not in _UNCHANGED:
            op = OpType.REPLACE if step.op in _REPLACING else step.op
            paths = tuple(sorted(step.detailed_diff or step.diffs or ()))
            before = self._changes.get(step.urn)
            # The event before a step has the old values and the paths; the one behind it may have neither.
            fields = _fields(step) if first or before is None or not before.fields else before.fields
            self._changes[step.urn] = Change(
                step.urn, op.value, paths or (before.paths if before else ()), fields, _digest(step)
            )
        if step.new is None:
            self._objects.pop(step.urn, None)
            self._buckets.pop(step.urn, None)
            self._planned.pop(step.urn, None)
            return
        self._planned[step.urn] = Planned(
            step.urn, step.type, _map(step.new.inputs), bool(step.new.protect), bool(step.new.retain_on_delete)
        )
        if step.new.custom and step.type.startswith("kubernetes:"):
            metadata = _map(_map(step.new.inputs).get("metadata"))
            self._objects[step.urn] = (str(metadata.get("namespace", "")), step.type.rpartition(":")[2])
        elif step.type == "aws:s3/bucket:Bucket":
            self._buckets[step.urn] = str(_map(step.new.inputs).get("bucket", ""))

    def _outputs(self, step: StepEventMetadata) -> None:
        """Keep how the stack's outputs differ; the engine tells twice, before and after the program has spoken."""
        if step.type == STACK and step.new is not None:
            before = masked(_map(step.old.outputs)) if step.old else {}
            after = masked(_map(step.new.outputs))
            self._output_fields = tuple(
                Field(path, _kind(old, new), _shown(old), _shown(new))
                for path, old, new in differences(before, after)
                if new != UNKNOWN
            )


def _fields(step: StepEventMetadata) -> tuple[Field, ...]:
    """Return old and new value of each path of a step, masked."""
    old, new = step.old, step.new
    found = []
    for path, diff in sorted((step.detailed_diff or {}).items()):
        kind = diff.diff_kind.value
        before: Any = MISSING
        if old is not None:
            first, second = (old.inputs, old.outputs) if diff.input_diff else (old.outputs, old.inputs)
            before = lookup(_map(first), path)
            before = lookup(_map(second), path) if before is MISSING else before
        after = MISSING if new is None or kind.startswith("delete") else lookup(_map(new.inputs), path)
        if new is not None and after is MISSING and not kind.startswith("delete"):
            after = lookup(_map(new.outputs), path)
        if step.type == _SECRET and path.startswith(("data", "stringData")):
            before = after = MASK
        found.append(Field(path, kind, _shown(before), _shown(after)))
    return tuple(found)


def _digest(step: StepEventMetadata) -> str:
    if step.new is None:
        return ""
    inputs = json.dumps(masked(_map(step.new.inputs)), sort_keys=True, default=str)
    digest = hashlib.sha256(inputs.encode()).hexdigest()
    return f"{UNSURE}{digest}" if UNKNOWN in inputs else digest


def _kind(before: Any, after: Any) -> str:
    return "add" if before is MISSING else "delete" if after is MISSING else "update"


def _shown(value: Any) -> Any:
    return None if value is MISSING else value


def _map(value: Any) -> dict[str, Any]:
    """Return a map's content; a masked or missing one has none."""
    return dict(value) if isinstance(value, dict) else {}
