"""What a noisy neighbour costs: a tenant's p99 of ingest and query while another sends ten times its rate, over quiet.

Both tenants' signals go to the stores as the gateways send them, with their org id; queries go through the access
proxy. Quiet and loud turns alternate in one run on one machine, so that neither has the better minutes. The noise is
made in processes of its own; where there are few cores its own work is part of what is measured.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import requests
import yaml
from rich.console import Console

from bench.noise import LOUD, PATIENCE, Site, headers, logs, noisy, spans
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
QUIET = "payments"
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
WARM_SECONDS: Final = 3.0


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
            with noisy(site, answers[how], asks):
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
        return lambda: session.get(f"{site.access}{path}", params=parameters, headers=own, timeout=PATIENCE)

    def push(url: str, made: Callable[[], bytes]) -> Callable[[], requests.Response]:
        return lambda: session.post(url, data=made(), headers=headers(QUIET), timeout=PATIENCE)

    asks = (
        push(f"{site.loki}/otlp/v1/logs", lambda: logs(QUIET, 10)),
        push(f"{site.otlp}/v1/traces", lambda: spans(QUIET, 10)),
        query("/loki/loki/api/v1/query_range", query='{service_name="bench"}', limit="20"),
        query("/tempo/api/search", q='{name="bench"}', limit="5"),
        query("/prometheus/api/v1/query", query='count({__name__=~"traces_.+"})'),
    )
    return dict(zip(WHATS, asks, strict=True))


def _median(values: list[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


def _p99(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=100)[98] * 1000, 1)


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
