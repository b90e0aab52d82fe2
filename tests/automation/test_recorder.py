"""What the engine's events say becomes counts, changes and messages; its debug messages are never kept."""

from __future__ import annotations

import json
from typing import Any

from pulumi.automation import OpType
from pulumi.automation.events import (
    DiagnosticEvent,
    EngineEvent,
    ResourcePreEvent,
    ResOutputsEvent,
    StepEventMetadata,
    StepEventStateMetadata,
    SummaryEvent,
)

from automation.recorder import Recorder

PREFIX = "urn:pulumi:dev.us-east::observability-platform::"


def step(op: OpType, kind: str, name: str, **given: Any) -> StepEventMetadata:
    urn = f"{PREFIX}{kind}::{name}"
    inputs = given.pop("inputs", {})
    new = None if op is OpType.DELETE else StepEventStateMetadata(kind, urn, "", "", "", custom=True, inputs=inputs)
    return StepEventMetadata(op, urn, kind, "", new=new, **given)


def event(**given: Any) -> EngineEvent:
    return EngineEvent(0, 0, **given)


def done(*steps: StepEventMetadata) -> Recorder:
    recorder = Recorder("region", "up")
    for each in steps:
        recorder.event(event(resource_pre_event=ResourcePreEvent(each)))
        recorder.event(event(res_outputs_event=ResOutputsEvent(each)))
    return recorder


def test_a_debug_message_is_never_kept() -> None:
    recorder = Recorder("region", "up")
    for severity in ("debug", "info", "info#err", "warning", "error"):
        diagnostic = DiagnosticEvent(f"{severity} c4nary", "never", severity)
        recorder.event(event(diagnostic_event=diagnostic))
    result = recorder.result(False, 1.0)
    assert (result.errors, result.warnings) == (["error c4nary"], ["warning c4nary"])
    assert json.dumps(result.document()).count("c4nary") == 2


def test_an_error_names_its_resource() -> None:
    recorder = Recorder("region", "up")
    diagnostic = DiagnosticEvent("is refused\n", "never", "error", urn=f"{PREFIX}a:b:Region$aws:s3/bucket:Bucket::logs")
    recorder.event(event(diagnostic_event=diagnostic))
    assert recorder.result(False, 1.0).errors == ["aws:s3/bucket:Bucket logs: is refused"]


def test_the_steps_of_a_replacement_are_one_change_with_its_paths() -> None:
    kind = "kubernetes:apps/v1:StatefulSet"
    result = done(
        step(OpType.CREATE_REPLACEMENT, kind, "ingester", diffs=["spec.serviceName"]),
        step(OpType.REPLACE, kind, "ingester"),
        step(OpType.DELETE_REPLACED, kind, "ingester"),
        step(OpType.SAME, kind, "querier"),
    ).result(True, 1.0)
    assert [(change.op, change.name, change.paths) for change in result.changes] == [
        ("replace", f"{kind} ingester", ("spec.serviceName",))
    ]


def test_what_stands_is_counted_by_namespace_and_kind() -> None:
    result = done(
        step(OpType.SAME, "kubernetes:core/v1:ConfigMap", "one", inputs={"metadata": {"namespace": "observability"}}),
        step(OpType.CREATE, "kubernetes:core/v1:ConfigMap", "two", inputs={"metadata": {"namespace": "observability"}}),
        step(OpType.DELETE, "kubernetes:core/v1:ConfigMap", "three"),
        step(OpType.SAME, "kubernetes:core/v1:Namespace", "observability", inputs={"metadata": "[secret]"}),
        step(OpType.SAME, "aws:s3/bucket:Bucket", "logs", inputs={"bucket": "example-dev-us-east-logs"}),
    ).result(True, 1.0)
    assert result.standing == {"": {"Namespace": 1}, "observability": {"ConfigMap": 2}}
    assert result.buckets == ["example-dev-us-east-logs"]


def test_the_summary_is_one_line_of_the_engines_own_counts() -> None:
    recorder = Recorder("region", "preview")
    summary = SummaryEvent(False, 1, {OpType.SAME: 210, OpType.UPDATE: 3}, {})
    recorder.event(event(summary_event=summary))
    result = recorder.result(True, 4.2)
    assert result.summary() == "region preview: same 210, update 3 in 4.2 s"
    assert result.changed == 3
