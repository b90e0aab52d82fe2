"""A noisy neighbour: one tenant's signals and queries, ten times what it may, from a process of its own.

Its signals take the way that ships: from a pod to the agent of its node, on to the gateways and their exporters. What a
store refuses waits there, so that the store meets retries that hold back, and not all that was sent.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import Final

import requests
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from automation.verify import otlp
from lab.pace import hold
from lab.problem import LabError
from lab.telemetry.producer import Producer
from settings.sizing import BYTES_PER_SPAN

LOUD: Final = "shop"
TIMES_RATE: Final = 10
"""How far above its own limits the loud tenant sends."""
LINE_BYTES: Final = 1_000
NOISE_PER_SECOND: Final = 10
"""Pushes of the loud tenant, each a tenth of a second of its rate."""
SPANS_PER_TRACE: Final = 50
PATIENCE: Final = 10.0
"""Seconds that a request may take."""
_LOWEST_PRIORITY: Final = 19
_END_SECONDS: Final = 4 * PATIENCE
"""What the loud tenant's process needs to come to its end."""
_SPAN_OVERHEAD: Final = 90
"""Bytes of a span besides its padding."""


@dataclass(frozen=True)
class Neighbour:
    """The loud tenant: the pod that it sends from, how it asks, and what it may send."""

    pod: Producer
    access: str
    token: str
    log_bytes: int
    """Bytes of lines per second that it may send."""
    spans: int
    """Spans per second that it may send."""


@contextmanager
def noisy(neighbour: Neighbour, answers: Counter[str], asks: bool) -> Iterator[None]:
    """Have the loud tenant send, and ask, while the context lasts, and add how it was answered.

    Raises:
        LabError: the process that sends has ended before.
    """
    stop = multiprocessing.Event()
    told: Queue[dict[str, int]] = multiprocessing.Queue()
    noise = multiprocessing.Process(target=_noise, args=(neighbour, stop, told, asks), daemon=True)
    noise.start()
    try:
        yield
        stop.set()
        answers.update(told.get(timeout=_END_SECONDS))
    except Empty:
        raise LabError("the loud tenant's process ended before its turn was over; its traceback is above.") from None
    finally:
        stop.set()
        noise.join(_END_SECONDS)
        noise.kill()


def _noise(neighbour: Neighbour, stop: Event, told: Queue[dict[str, int]], asks: bool) -> None:
    """Send ten times what the loud tenant may, ask where it is to, and tell how it was answered.

    At the lowest priority: in a region whoever sends is on another machine.
    """
    _step_back()
    session, agent = neighbour.pod.session(), neighbour.pod.agent.otlp_http
    lines = neighbour.log_bytes * TIMES_RATE // NOISE_PER_SECOND // LINE_BYTES
    traces = max(1, neighbour.spans * TIMES_RATE // NOISE_PER_SECOND // SPANS_PER_TRACE)
    pushes: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
        ("logs", f"{agent}/v1/logs", lambda: logs(LOUD, lines)),
        ("spans", f"{agent}/v1/traces", lambda: spans(LOUD, traces, SPANS_PER_TRACE)),
    )
    asked = {"query": 'sum(count_over_time({service_name="bench"} |= "x" [1h]))'}
    own = {"Authorization": f"Bearer {neighbour.token}"}
    answers: Counter[str] = Counter()

    def note(what: str, send: Callable[[], requests.Response]) -> None:
        try:
            answers[f"{what} {send().status_code}"] += 1
        except requests.RequestException:
            answers[f"{what} unanswered"] += 1

    def query() -> None:
        while not stop.is_set():
            url = f"{neighbour.access}/loki/loki/api/v1/query"
            note("query", partial(requests.get, url, params=asked, headers=own, timeout=PATIENCE))

    # One query at a time without a pause, beside the pushes: a slow answer must not hold these up.
    asking = threading.Thread(target=query)
    if asks:
        asking.start()
    start, number = time.monotonic(), 0
    while not stop.is_set():
        hold(start, number / NOISE_PER_SECOND)
        number += 1
        for what, url, made in pushes:
            note(what, partial(session.post, url, data=made(), headers=headers(LOUD), timeout=PATIENCE))
    if asks:
        asking.join()
    told.put(dict(answers))


def _step_back() -> None:
    """Leave the processor to all others, where the kernel shares it among sessions (autogroup) as well.

    There a process's priority counts within its session only, and each part of the lab has one of its own.
    """
    os.setsid()
    os.nice(_LOWEST_PRIORITY)
    with suppress(FileNotFoundError):
        Path("/proc/self/autogroup").write_text(str(_LOWEST_PRIORITY))


def headers(tenant: str) -> dict[str, str]:
    """Return what a push of protobuf of a tenant carries towards Loki and Tempo; an agent reads no tenant there."""
    return {"X-Scope-OrgID": tenant, "Content-Type": "application/x-protobuf"}


def _owner(tenant: str) -> Resource:
    return otlp.resource({"service.name": "bench", "tenant": tenant})


def logs(tenant: str, lines: int) -> bytes:
    """Return a request of lines, each its own, encoded as the gateways send them."""
    now = time.time_ns()
    records = [
        LogRecord(time_unix_nano=now + number, body=otlp.text(secrets.token_hex(50).ljust(LINE_BYTES, "x")))
        for number in range(max(1, lines))
    ]
    return otlp.of_records([(_owner(tenant), records)]).SerializeToString()


def spans(tenant: str, traces: int, each: int) -> bytes:
    """Return a request of traces, encoded as the gateways send it.

    Each is an error, so that sampling keeps it, and its spans are of the size that regions are sized for.
    """
    now = time.time_ns()
    padding = otlp.attributes({"padding": secrets.token_hex((BYTES_PER_SPAN - _SPAN_OVERHEAD) // 2)})
    sent = [
        Span(
            trace_id=trace,
            span_id=(number + 1).to_bytes(8, "big"),
            name="bench",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=now - 1000,
            end_time_unix_nano=now,
            status=Status(code=Status.STATUS_CODE_ERROR),
            attributes=padding,
        )
        for trace in (secrets.token_bytes(16) for _ in range(traces))
        for number in range(each)
    ]
    return otlp.of_spans([(_owner(tenant), sent)]).SerializeToString()
