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
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import requests
import yaml
from botocore.config import Config
from rich.console import Console

from components.values.access.identities import access_token
from components.values.context import Context
from lab import cloud
from lab.lifecycle import Lab
from lab.reporter import Reporter
from lab.roots import linked
from lab.telemetry import run
from lab.telemetry.container import LOOPBACK
from lab.telemetry.run import Telemetry
from settings import load, names
from settings.load import config_file

STACK: Final = "dev.us-east"
LOUD, QUIET = "shop", "payments"
TIMES_RATE: Final = 10
"""How far above its own limits the loud tenant sends."""
WHATS: Final = ("ingest of logs", "ingest of spans", "query of logs", "query of traces", "query of metrics")
"""What the quiet tenant does, all of it in each round."""
TURNS: Final = 4
"""Of each kind, in turn."""
TURN_SECONDS: Final = 12.0
PER_SECOND: Final = 10
"""Rounds of the quiet tenant's requests; four turns of 12 s make 480, and a p99 of five slowest."""
LINE_BYTES: Final = 1_000
NOISE_PER_SECOND: Final = 10
"""Pushes of the loud tenant, each a tenth of a second of its rate."""


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
    aws = cloud.running(lab.processes, context.region.aws_region)
    store = aws.session().client("secretsmanager", endpoint_url=aws.url, config=Config(proxies={}))
    name = names.secret(context.platform, context.name, access_token(QUIET))
    limits = context.tenants[LOUD].limits
    access, tempo = telemetry.endpoints.access, telemetry.process("tempo").child
    if access is None or tempo is None:
        raise RuntimeError(f"{STACK} runs no access proxy or no Tempo; bring it up with this version of the program")
    return Site(
        loki=telemetry.endpoints.loki,
        otlp=f"http://{LOOPBACK}:{tempo.ports['otlp_http']}",
        access=access,
        token=store.get_secret_value(SecretId=name)["SecretString"],
        log_bytes=int(limits.log_mb_per_second * 1_000_000),
        spans=limits.spans_per_second,
    )


def _measured(site: Site) -> dict[str, Any]:
    seconds: dict[str, dict[str, list[float]]] = {"quiet": defaultdict(list), "loud": defaultdict(list)}
    _turn(site, 3.0)
    for _ in range(TURNS):
        _gather(seconds["quiet"], _turn(site, TURN_SECONDS))
        stop = multiprocessing.Event()
        refused: Queue[dict[int, int]] = multiprocessing.Queue()
        noise = multiprocessing.Process(target=_noise, args=(site, stop, refused))
        noise.start()
        try:
            _gather(seconds["loud"], _turn(site, TURN_SECONDS))
        finally:
            stop.set()
            answers = refused.get(timeout=60)
            noise.join()
    details: dict[str, Any] = {"turns of each": TURNS, "seconds of a turn": TURN_SECONDS, "noise, by status": answers}
    figures: dict[str, Any] = {"noisy neighbour": details}
    for what in WHATS:
        quiet, loud = (_p99(seconds[how][what]) for how in ("quiet", "loud"))
        details[what] = {"requests": len(seconds["loud"][what]), "quiet p99 (ms)": quiet, "loud p99 (ms)": loud}
        figures[ratio(what)] = round(loud / quiet, 2)
    return figures


def ratio(what: str) -> str:
    """Return the name of the ratio of one kind of request."""
    return f"p99 beside a noisy neighbour / quiet, {what}"


def _gather(into: dict[str, list[float]], found: dict[str, list[float]]) -> None:
    for what, values in found.items():
        into[what] += values


def _turn(site: Site, seconds: float) -> dict[str, list[float]]:
    """Send and ask as the quiet tenant at a steady pace; return the seconds of each request, by what it was."""
    session = requests.Session()
    session.trust_env = False
    found: dict[str, list[float]] = defaultdict(list)
    requests_of = _requests(site, session)
    start = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        time.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
        for what, ask in requests_of.items():
            asked = time.monotonic()
            answer = ask()
            found[what].append(time.monotonic() - asked)
            if not answer.ok:
                raise RuntimeError(f"{what} of {QUIET}: {answer.status_code} {answer.text}")
    return found


def _requests(site: Site, session: requests.Session) -> dict[str, Callable[[], requests.Response]]:
    own = {"Authorization": f"Bearer {site.token}"}

    def query(path: str, **parameters: str) -> Callable[[], requests.Response]:
        return lambda: session.get(f"{site.access}{path}", params=parameters, headers=own, timeout=30)

    def push(url: str, document: Callable[[], dict[str, Any]]) -> Callable[[], requests.Response]:
        return lambda: session.post(url, json=document(), headers={"X-Scope-OrgID": QUIET}, timeout=30)

    asks = (
        push(f"{site.loki}/otlp/v1/logs", lambda: _logs(QUIET, 10)),
        push(f"{site.otlp}/v1/traces", lambda: _spans(10)),
        query("/loki/loki/api/v1/query_range", query='{service_name="bench"}', limit="20"),
        query("/tempo/api/search", q='{name="bench"}', limit="5"),
        query("/prometheus/api/v1/query", query='count({__name__=~"traces_.+"})'),
    )
    return dict(zip(WHATS, asks, strict=True))


def _noise(site: Site, stop: Event, refused: Queue[dict[int, int]]) -> None:
    """Send and ask as the loud tenant, ten times what it may, and tell how it was answered."""
    session = requests.Session()
    session.trust_env = False
    lines = json.dumps(_logs(LOUD, site.log_bytes * TIMES_RATE // NOISE_PER_SECOND // LINE_BYTES))
    spans = json.dumps(_spans(site.spans * TIMES_RATE // NOISE_PER_SECOND))
    headers = {"X-Scope-OrgID": LOUD, "Content-Type": "application/json"}
    answers: dict[int, int] = defaultdict(int)
    start, number = time.monotonic(), 0
    while not stop.is_set():
        time.sleep(max(0.0, start + number / NOISE_PER_SECOND - time.monotonic()))
        number += 1
        for url, body in ((f"{site.loki}/otlp/v1/logs", lines), (f"{site.otlp}/v1/traces", spans)):
            answers[session.post(url, data=body, headers=headers, timeout=30).status_code] += 1
        asked = {"query": 'sum(count_over_time({service_name="bench"} |= "x" [1h]))'}
        loud = {"X-Scope-OrgID": LOUD}
        session.get(f"{site.loki}/loki/api/v1/query", params=asked, headers=loud, timeout=30)
    refused.put(dict(answers))


def _logs(tenant: str, lines: int) -> dict[str, Any]:
    now = time.time_ns()
    records = [{"timeUnixNano": str(now + n), "body": {"stringValue": "x" * LINE_BYTES}} for n in range(max(1, lines))]
    attributes = [
        {"key": key, "value": {"stringValue": value}} for key, value in (("service.name", "bench"), ("tenant", tenant))
    ]
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]}]}


def _spans(count: int) -> dict[str, Any]:
    now, trace = time.time_ns(), secrets.token_hex(16)
    spans = [
        {
            "traceId": trace,
            "spanId": f"{number + 1:016x}",
            "name": "bench",
            "kind": 1,
            "startTimeUnixNano": str(now - 1000),
            "endTimeUnixNano": str(now),
        }
        for number in range(count)
    ]
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]}


def _p99(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=100)[98] * 1000, 1)


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
