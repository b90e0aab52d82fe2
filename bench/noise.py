"""A noisy neighbour: one tenant's signals and queries, ten times what it may, from a process of its own."""

from __future__ import annotations

import multiprocessing
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty
from typing import Final

import requests
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from automation.verify import otlp
from lab.problem import LabError

LOUD: Final = "shop"
TIMES_RATE: Final = 10
"""How far above its own limits the loud tenant sends."""
LINE_BYTES: Final = 1_000
NOISE_PER_SECOND: Final = 10
"""Pushes of the loud tenant, each a tenth of a second of its rate."""
PATIENCE: Final = 10.0
"""Seconds that a request may take."""
_END_SECONDS: Final = 4 * PATIENCE
"""What the loud tenant's process needs to come to its end."""


@dataclass(frozen=True)
class Site:
    """Where everything is, and the quiet tenant's token."""

    loki: str
    otlp: str
    """Where Tempo takes spans."""
    access: str
    token: str
    log_bytes: int
    """Bytes per second that the loud tenant may send."""
    spans: int
    """Spans per second that it may send."""


@contextmanager
def noisy(site: Site, answers: Counter[str], asks: bool) -> Iterator[None]:
    """Have the loud tenant send, and ask, while the context lasts, and add how it was answered.

    Raises:
        LabError: the process that sends has ended before.
    """
    stop = multiprocessing.Event()
    told: Queue[dict[str, int]] = multiprocessing.Queue()
    noise = multiprocessing.Process(target=_noise, args=(site, stop, told, asks), daemon=True)
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


def _noise(site: Site, stop: Event, told: Queue[dict[str, int]], asks: bool) -> None:
    """Send ten times what the loud tenant may, ask where it is to, and tell how it was answered."""
    session = requests.Session()
    session.trust_env = False
    lines = logs(LOUD, site.log_bytes * TIMES_RATE // NOISE_PER_SECOND // LINE_BYTES)
    trace = spans(LOUD, site.spans * TIMES_RATE // NOISE_PER_SECOND)
    pushes = (("logs", f"{site.loki}/otlp/v1/logs", lines), ("spans", f"{site.otlp}/v1/traces", trace))
    asked = {"query": 'sum(count_over_time({service_name="bench"} |= "x" [1h]))'}
    answers: Counter[str] = Counter()

    def note(what: str, send: Callable[[], requests.Response]) -> None:
        try:
            answers[f"{what} {send().status_code}"] += 1
        except requests.RequestException:
            answers[f"{what} unanswered"] += 1

    def query() -> None:
        while not stop.is_set():
            url = f"{site.loki}/loki/api/v1/query"
            note("query", partial(requests.get, url, params=asked, headers=headers(LOUD), timeout=PATIENCE))

    # One query at a time without a pause, beside the pushes: a slow answer must not hold these up.
    asking = threading.Thread(target=query)
    if asks:
        asking.start()
    start, number = time.monotonic(), 0
    while not stop.is_set():
        time.sleep(max(0.0, start + number / NOISE_PER_SECOND - time.monotonic()))
        number += 1
        for what, url, body in pushes:
            note(what, partial(session.post, url, data=body, headers=headers(LOUD), timeout=PATIENCE))
    if asks:
        asking.join()
    told.put(dict(answers))


def headers(tenant: str) -> dict[str, str]:
    """Return what a push of protobuf, or a query, of a tenant carries towards Loki and Tempo."""
    return {"X-Scope-OrgID": tenant, "Content-Type": "application/x-protobuf"}


def _owner(tenant: str) -> Resource:
    return otlp.resource({"service.name": "bench", "tenant": tenant})


def logs(tenant: str, lines: int) -> bytes:
    """Return a request of lines, encoded as the gateways send them."""
    now, body = time.time_ns(), otlp.text("x" * LINE_BYTES)
    records = [LogRecord(time_unix_nano=now + number, body=body) for number in range(max(1, lines))]
    return otlp.of_records([(_owner(tenant), records)]).SerializeToString()


def spans(tenant: str, count: int) -> bytes:
    """Return a request of one trace, encoded as the gateways send it."""
    now, trace = time.time_ns(), secrets.token_bytes(16)
    sent = [
        Span(
            trace_id=trace,
            span_id=(number + 1).to_bytes(8, "big"),
            name="bench",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=now - 1000,
            end_time_unix_nano=now,
        )
        for number in range(count)
    ]
    return otlp.of_spans([(_owner(tenant), sent)]).SerializeToString()
