"""What a noisy neighbour costs: a tenant's p99 of ingest and query while another sends ten times its rate, over quiet.

Both tenants' signals go to the stores as the gateways send them, with their org id; queries go through the access
proxy. Quiet and loud turns alternate in one run on one machine, so that neither has the better minutes. The noise is
made in processes of its own; where there are few cores its own work is part of what is measured.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import Any, Final

import requests
import yaml
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from rich.console import Console

from automation.verify import otlp
from components.values.context import Context
from lab.lifecycle import Lab
from lab.problem import LabError
from lab.reporter import Reporter
from lab.roots import linked
from lab.telemetry import run
from lab.telemetry.access import token
from lab.telemetry.container import LOOPBACK
from lab.telemetry.run import Telemetry
from settings import load
from settings.load import config_file

STACK: Final = "dev.us-east"
LOUD, QUIET = "shop", "payments"
TIMES_RATE: Final = 10
"""How far above its own limits the loud tenant sends."""
WHATS: Final = ("ingest of logs", "ingest of spans", "query of logs", "query of traces", "query of metrics")
"""What the quiet tenant does, all of it in each round."""
ALONE: Final = "alone"
NOISES: Final = {"sending": False, "sending and asking": True}
"""What the loud tenant does: whether it also asks a costly query after the other. Sending is what the target is for."""
TURNS: Final = 4
"""Of each kind, in turn."""
TURN_SECONDS: Final = 12.0
PER_SECOND: Final = 10
"""Rounds of the quiet tenant's requests; four turns of 12 s make 480, and a p99 of five slowest."""
LINE_BYTES: Final = 1_000
WARM_SECONDS: Final = 3.0
NOISE_PER_SECOND: Final = 10
"""Pushes of the loud tenant, each a tenth of a second of its rate."""
_PATIENCE: Final = 10.0
"""Seconds that a request may take."""
_END_SECONDS: Final = 4 * _PATIENCE
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


def measure() -> dict[str, Any]:
    """Bring a region and its telemetry up, measure, and take everything down; return p99 in ms and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        root = linked(Path(folder), "dev", yaml.safe_load(config_file("dev").read_text()))
        lab = Lab(STACK, Reporter(Console(quiet=True)), root=root)
        try:
            lab.up()
            with run.standing(lab) as telemetry:
                return _measured(_site(lab, telemetry, Context(*load.from_file(STACK, root))))
        finally:
            lab.processes.stop()
            lab.processes.end_strays()
            lab.instance.remove()


def _site(lab: Lab, telemetry: Telemetry, context: Context) -> Site:
    limits = context.tenants[LOUD].limits
    access, tempo = telemetry.endpoints.access, telemetry.process("tempo").child
    if access is None or tempo is None:
        raise LabError(f"{STACK} runs no access proxy or no Tempo; bring it up with this version of the program")
    return Site(
        loki=telemetry.endpoints.loki,
        otlp=f"http://{LOOPBACK}:{tempo.ports['otlp_http']}",
        access=access,
        token=token(lab, context, QUIET),
        log_bytes=int(limits.log_mb_per_second * 1_000_000),
        spans=limits.spans_per_second,
    )


def _measured(site: Site) -> dict[str, Any]:
    seconds: dict[str, dict[str, list[float]]] = {how: defaultdict(list) for how in (ALONE, *NOISES)}
    answers: dict[str, Counter[str]] = {how: Counter() for how in NOISES}
    _turn(site, WARM_SECONDS)
    for _ in range(TURNS):
        _gather(seconds[ALONE], _turn(site, TURN_SECONDS))
        for how, asks in NOISES.items():
            with _noisy(site, answers[how], asks):
                _gather(seconds[how], _turn(site, TURN_SECONDS))
    details: dict[str, Any] = {
        "turns of each": TURNS,
        "seconds of a turn": TURN_SECONDS,
        "noise, by answer": {how: dict(counted) for how, counted in answers.items()},
    }
    figures: dict[str, Any] = {"noisy neighbour": details}
    for what in WHATS:
        details[what] = {
            how: {
                "requests": len(found[what]),
                "median (ms)": _median(found[what]),
                "p99 (ms)": _p99(found[what]),
            }
            for how, found in seconds.items()
        }
        for how in NOISES:
            figures[ratio(what, how)] = round(_p99(seconds[how][what]) / _p99(seconds[ALONE][what]), 2)
    return figures


@contextmanager
def _noisy(site: Site, answers: Counter[str], asks: bool) -> Iterator[None]:
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


def ratio(what: str, how: str) -> str:
    """Return the name of the ratio of one kind of request beside one kind of noise."""
    return f"p99 beside a neighbour that is {how} / quiet, {what}"


def _gather(into: dict[str, list[float]], found: dict[str, list[float]]) -> None:
    for what, values in found.items():
        into[what] += values


def _turn(site: Site, seconds: float) -> dict[str, list[float]]:
    """Send and ask as the quiet tenant at a steady pace, as far as answers come, until the time is over.

    Returns:
        Seconds of each request, by what it was.

    Raises:
        LabError: a request of the quiet tenant was refused.
    """
    session = requests.Session()
    session.trust_env = False
    found: dict[str, list[float]] = defaultdict(list)
    requests_of = _requests(site, session)
    start = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        time.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
        if time.monotonic() - start > seconds:
            break
        for what, ask in requests_of.items():
            asked = time.monotonic()
            answer = ask()
            found[what].append(time.monotonic() - asked)
            if not answer.ok:
                raise LabError(f"{what} of {QUIET}: answered {answer.status_code}: {answer.text[:300]}")
    return found


def _requests(site: Site, session: requests.Session) -> dict[str, Callable[[], requests.Response]]:
    own = {"Authorization": f"Bearer {site.token}"}

    def query(path: str, **parameters: str) -> Callable[[], requests.Response]:
        return lambda: session.get(f"{site.access}{path}", params=parameters, headers=own, timeout=_PATIENCE)

    def push(url: str, made: Callable[[], bytes]) -> Callable[[], requests.Response]:
        return lambda: session.post(url, data=made(), headers=_headers(QUIET), timeout=_PATIENCE)

    asks = (
        push(f"{site.loki}/otlp/v1/logs", lambda: _logs(QUIET, 10)),
        push(f"{site.otlp}/v1/traces", lambda: _spans(QUIET, 10)),
        query("/loki/loki/api/v1/query_range", query='{service_name="bench"}', limit="20"),
        query("/tempo/api/search", q='{name="bench"}', limit="5"),
        query("/prometheus/api/v1/query", query='count({__name__=~"traces_.+"})'),
    )
    return dict(zip(WHATS, asks, strict=True))


def _noise(site: Site, stop: Event, told: Queue[dict[str, int]], asks: bool) -> None:
    """Send ten times what the loud tenant may, ask where it is to, and tell how it was answered."""
    session = requests.Session()
    session.trust_env = False
    lines = _logs(LOUD, site.log_bytes * TIMES_RATE // NOISE_PER_SECOND // LINE_BYTES)
    spans = _spans(LOUD, site.spans * TIMES_RATE // NOISE_PER_SECOND)
    pushes = (("logs", f"{site.loki}/otlp/v1/logs", lines), ("spans", f"{site.otlp}/v1/traces", spans))
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
            note("query", partial(requests.get, url, params=asked, headers=_headers(LOUD), timeout=_PATIENCE))

    # One query at a time without a pause, beside the pushes: a slow answer must not hold these up.
    asking = threading.Thread(target=query)
    if asks:
        asking.start()
    start, number = time.monotonic(), 0
    while not stop.is_set():
        time.sleep(max(0.0, start + number / NOISE_PER_SECOND - time.monotonic()))
        number += 1
        for what, url, body in pushes:
            note(what, partial(session.post, url, data=body, headers=_headers(LOUD), timeout=_PATIENCE))
    if asks:
        asking.join()
    told.put(dict(answers))


def _headers(tenant: str) -> dict[str, str]:
    return {"X-Scope-OrgID": tenant, "Content-Type": "application/x-protobuf"}


def _owner(tenant: str) -> Resource:
    return otlp.resource({"service.name": "bench", "tenant": tenant})


def _logs(tenant: str, lines: int) -> bytes:
    """Return a request of lines, encoded as the gateways send them."""
    now, body = time.time_ns(), otlp.text("x" * LINE_BYTES)
    records = [LogRecord(time_unix_nano=now + number, body=body) for number in range(max(1, lines))]
    return otlp.of_records([(_owner(tenant), records)]).SerializeToString()


def _spans(tenant: str, count: int) -> bytes:
    """Return a request of one trace, encoded as the gateways send it."""
    now, trace = time.time_ns(), secrets.token_bytes(16)
    spans = [
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
    return otlp.of_spans([(_owner(tenant), spans)]).SerializeToString()


def _median(values: list[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


def _p99(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=100)[98] * 1000, 1)


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
