"""What a noisy neighbour costs: a tenant's p99 of ingest and query while another sends ten times its rate, over quiet.

The loud tenant may send a tenth of what the region is sized for (`settings.sizing.RATES`), so that ten times its rate
is all of that, from one tenant. More would measure how two cores are saturated, and not how tenants are kept apart;
less would be a load that nobody notices. Its signals take the way that ships, by an agent and the gateways
(`bench.noise`); the quiet tenant's go to the same agent, and to the stores as its exporters send them, with its org id;
queries go through the access proxy. Of the quiet tenant's every line and trace must be found in the end, and of the
loud one's each store must have refused some, or there is no figure.

Quiet and loud turns alternate in one run on one machine, so that neither has the better minutes. What the gateways
still hold of the loud tenant's would go on in the next quiet turn, so it is thrown away before.
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

from automation.waiting import until
from bench.neighbours import DISCARDED, QUIET, Site, discarded, forget, require_all, session, signals
from bench.noise import LOUD, PATIENCE, TIMES_RATE, Neighbour, headers, logs, noisy, spans
from components.values.context import Context
from lab.lifecycle import Lab
from lab.pace import hold
from lab.problem import LabError
from lab.reporter import Reporter
from lab.roots import linked
from lab.telemetry import run
from lab.telemetry.access import token
from lab.telemetry.container import LOOPBACK
from lab.telemetry.run import Telemetry
from settings import load, names
from settings.load import config_file
from settings.sizing import RATES
from settings.vocabulary import Size

STACK: Final = "dev.us-east"
WHATS: Final = (
    "logs to the agent",
    "spans to the agent",
    "ingest of logs",
    "ingest of spans",
    "query of logs",
    "query of traces",
    "query of metrics",
)
"""What the quiet tenant does, all of it in each round."""
ALONE: Final = "alone"
NOISES: Final = {"sending": False, "sending and asking": True}
"""What the loud tenant does: whether it also asks a costly query after the other. Sending is what the target is for."""
TURNS: Final = 3
"""Of each kind, in turn."""
TURN_SECONDS: Final = 20.0
PER_SECOND: Final = 10
"""Rounds of the quiet tenant's requests at most: a slow answer holds the next round back."""
WARM_SECONDS: Final = 3.0
DECISION_WAIT: Final = 5
"""Seconds that the gateways hold a trace; the loud tenant begins so much before it counts."""
LINES: Final = 10
SPANS: Final = 5
"""Of each push of the quiet tenant's."""
_FILLING_SECONDS: Final = 120.0
"""Until a burst is used up: 16 MB of logs, 8 MB of spans."""


def measure() -> dict[str, Any]:
    """Bring a region and its telemetry up, measure, and take everything down; return p99 in ms and their ratios.

    Raises:
        LabError: a request of the quiet tenant was refused, something of its was lost, or the loud one was not held
            back.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = linked(Path(folder), "dev", _settings())
        lab = Lab(STACK, Reporter(Console(quiet=True)), root=root)
        try:
            lab.up()
            with run.standing(lab) as telemetry:
                return _measured(_site(lab, telemetry, Context(*load.from_file(STACK, root))))
        finally:
            lab.processes.stop()
            lab.processes.end_strays()
            lab.instance.remove()


def _settings() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(config_file("dev").read_text())
    platform = document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"]
    rates = RATES[Size(platform["regions"]["us-east"]["size"])]
    platform["tenants"][LOUD]["limits"] |= {
        "log_mb_per_second": rates.log_mb_per_second / TIMES_RATE,
        "spans_per_second": rates.spans_per_second // TIMES_RATE,
    }
    platform["collection"] = {"decision_wait_after_root": f"{DECISION_WAIT}s"}
    return document


def _site(lab: Lab, telemetry: Telemetry, context: Context) -> Site:
    limits = context.tenants[LOUD].limits
    endpoints, tempo = telemetry.endpoints, telemetry.process("tempo").child
    if endpoints.access is None or tempo is None:
        raise LabError(f"{STACK} runs no access proxy or no Tempo; bring it up with this version of the program")
    pods = {tenant: telemetry.pod(context.tenants[tenant].namespaces[0], "bench", "bench") for tenant in (QUIET, LOUD)}
    return Site(
        telemetry,
        {"logs": endpoints.loki, "spans": endpoints.tempo},
        f"http://{LOOPBACK}:{tempo.ports['otlp_http']}",
        endpoints.access,
        token(lab, context, QUIET),
        pods[QUIET],
        Neighbour(
            pods[LOUD],
            endpoints.access,
            token(lab, context, LOUD),
            int(limits.log_mb_per_second * 1_000_000),
            limits.spans_per_second,
        ),
    )


def _measured(site: Site) -> dict[str, Any]:
    seconds: dict[str, dict[str, list[float]]] = {how: defaultdict(list) for how in (ALONE, *NOISES)}
    answers: dict[str, Counter[str]] = {how: Counter() for how in NOISES}
    refused: dict[str, Counter[str]] = {how: Counter() for how in NOISES}
    _turn(site, WARM_SECONDS)
    _use_up(site)
    for _ in range(TURNS):
        forget(site)
        _gather(seconds[ALONE], _turn(site, TURN_SECONDS))
        for how, asks in NOISES.items():
            with noisy(site.neighbour, answers[how], asks):
                time.sleep(DECISION_WAIT)
                before = discarded(site, LOUD)
                _gather(seconds[how], _turn(site, TURN_SECONDS))
                refused[how] += discarded(site, LOUD) - before
    require_all(site)
    for how, counted in refused.items():
        if signals(counted) != set(DISCARDED):
            raise LabError(
                f"{LOUD} was not held back while {how}: {dict(counted)}; its limits are not what is measured"
            )
    details: dict[str, Any] = {
        "turns of each": TURNS,
        "seconds of a turn": TURN_SECONDS,
        "noise, by answer": {how: dict(counted) for how, counted in answers.items()},
        "lines and spans refused by the stores, each try anew": {
            how: dict(counted) for how, counted in refused.items()
        },
        "lines and traces of the quiet tenant, all found": [site.lines, site.traces],
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


def _use_up(site: Site) -> None:
    """Have the loud tenant send until each store refuses: a burst above the rate is allowed to it at first."""
    with noisy(site.neighbour, Counter(), asks=False):
        until(lambda: signals(discarded(site, LOUD)) == set(DISCARDED), _FILLING_SECONDS, 1.0)


def _turn(site: Site, seconds: float) -> dict[str, list[float]]:
    """Send and ask as the quiet tenant at a steady pace, as far as answers come, until the time is over.

    Returns:
        Seconds of each request, by what it was.

    Raises:
        LabError: a request of the quiet tenant was refused.
    """
    found: dict[str, list[float]] = defaultdict(list)
    requests_of = _requests(site)
    start = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        hold(start, number / PER_SECOND)
        if time.monotonic() - start > seconds:
            break
        for what, ask in requests_of.items():
            asked = time.monotonic()
            answer = ask()
            found[what].append(time.monotonic() - asked)
            if not answer.ok:
                raise LabError(f"{what} of {QUIET}: answered {answer.status_code}: {answer.text[:300]}")
        site.lines += 2 * LINES
        site.traces += 2
    return found


def _requests(site: Site) -> dict[str, Callable[[], requests.Response]]:
    own, direct, pod = {"Authorization": f"Bearer {site.token}"}, session(), site.pod.session()

    def query(path: str, **parameters: str) -> Callable[[], requests.Response]:
        return lambda: direct.get(f"{site.access}{path}", params=parameters, headers=own, timeout=PATIENCE)

    def push(sender: requests.Session, url: str, made: Callable[[], bytes]) -> Callable[[], requests.Response]:
        return lambda: sender.post(url, data=made(), headers=headers(QUIET), timeout=PATIENCE)

    def lines() -> bytes:
        return logs(QUIET, LINES)

    def trace() -> bytes:
        return spans(QUIET, 1, SPANS)

    asks = (
        push(pod, f"{site.pod.agent.otlp_http}/v1/logs", lines),
        push(pod, f"{site.pod.agent.otlp_http}/v1/traces", trace),
        push(direct, f"{site.stores['logs']}/otlp/v1/logs", lines),
        push(direct, f"{site.otlp}/v1/traces", trace),
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
