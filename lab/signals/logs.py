"""Requests as log lines: JSON on the container's output, in the kubelet's place and form, or by OTLP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from automation.verify import otlp
from lab.signals.plan import Kind, Plan, Pod
from lab.signals.traces import Request, owner

CONTAINER: Final = "main"
CRI_LINE_BYTES: Final = 16 * 1024
"""Where containerd and CRI-O cut a line: all pieces but the last are tagged P."""
_SEVERITY: Final = {
    "info": SeverityNumber.SEVERITY_NUMBER_INFO,
    "warn": SeverityNumber.SEVERITY_NUMBER_WARN,
    "error": SeverityNumber.SEVERITY_NUMBER_ERROR,
}


@dataclass(frozen=True)
class Line:
    """One line that was logged."""

    trace_id: str
    span_id: str
    namespace: str
    service: str
    level: str
    body: str
    stdout: bool
    time_ns: int

    def record(self) -> LogRecord:
        """Return it as an SDK's log bridge sends it."""
        return LogRecord(
            time_unix_nano=self.time_ns,
            observed_time_unix_nano=self.time_ns,
            severity_number=_SEVERITY[self.level],
            severity_text=self.level.upper(),
            body=otlp.text(self.body),
            trace_id=bytes.fromhex(self.trace_id),
            span_id=bytes.fromhex(self.span_id),
        )


def lines(plan: Plan, request: Request) -> Iterator[Line]:
    """Return the lines of a request, one per span that logs and was not left out."""
    for index, (hop, span) in enumerate(zip(plan.path.hops, request.spans, strict=True)):
        if hop.message is None or span is None:
            continue
        level = _level(request.kind, index == plan.path.fails)
        yield Line(
            request.hex,
            span.span_id.hex(),
            owner(plan, request, hop),
            hop.service,
            level,
            _body(plan, request, span, level, hop.message),
            hop.stdout,
            span.end_time_unix_nano,
        )


def _level(kind: Kind, fails: bool) -> str:
    if kind is Kind.ERROR and fails:
        return "error"
    return "warn" if kind is Kind.SLOW else "info"


def _body(plan: Plan, request: Request, span: Span, level: str, message: str) -> str:
    said = {
        "level": level,
        "message": message,
        "trace_id": request.hex,
        "span_id": span.span_id.hex(),
        **request.ids,
        **({"padding": "x" * plan.padding} if plan.padding else {}),
    }
    return json.dumps(said, separators=(",", ":"))


def write(pod: Pod, said: Iterable[Line]) -> None:
    """Append lines to a pod's log files as the container runtime would.

    <pods>/<namespace>_<pod>_<uid>/<container>/<restarts>.log; a pod that stands for several services has a container
    for each.
    """
    if pod.logs is None or pod.uid is None:
        return
    folder = pod.logs / f"{pod.namespace}_{pod.name}_{pod.uid}"
    texts: dict[str, list[str]] = {}
    for line in said:
        texts.setdefault(line.service, []).extend(_cri(line.body, line.time_ns))
    for service, text in texts.items():
        file = folder / (service if pod.service is None else CONTAINER) / "0.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, "".join(text))


def _append(file: Path, text: str) -> None:
    # In one write: a reader must not find half a line and take it for a whole one.
    with file.open("a", encoding="utf-8", buffering=len(text) + 1) as opened:
        opened.write(text)


def _cri(body: str, time_ns: int) -> Iterator[str]:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
    pieces = [body[at : at + CRI_LINE_BYTES] for at in range(0, len(body), CRI_LINE_BYTES)]
    for piece in pieces[:-1]:
        yield f"{stamp} stdout P {piece}\n"
    yield f"{stamp} stdout F {pieces[-1]}\n"
