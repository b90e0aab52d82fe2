"""A collector that cannot pass on says so to the program that sends, and the platform hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.waiting import until
from lab.telemetry import operators
from tests.backends import HTTP
from tests.lab.telemetry.asking import TIMEOUT, becomes
from tests.lab.telemetry.outages import NAMESPACE, PAGE, RECORDING, REFUSED, post_log
from tests.lab.telemetry.standing import Standing

SERVICE = "full"
LINES = 100
OFTEN = {"scrape_interval": "1s", "scrape_timeout": "1s"}
"""How often Prometheus asks the agents here, instead of every 30 s."""
EVALUATED = "2s"
SHOWN_SECONDS = 60.0
RECOVERY_SECONDS = 180.0
"""A retry waits half a minute at most."""


@dataclass(frozen=True)
class Flooded:
    """What became of lines while their agent had nowhere to send them."""

    standing: Standing
    answers: list[bool]
    """Whether the agent took each line, in the order of their numbers."""
    counted: float
    """What the agent itself had counted as refused."""
    alerts: Mapping[str, str]
    """State of each alert on refusals by pod, once there was one."""
    rates: Mapping[str, float]
    """The recording that the alert reads, by pod."""


@contextmanager
def changed(file: Path, config: dict[str, Any]) -> Iterator[None]:
    """Give a program another configuration for a while."""
    shipped = file.read_text()
    try:
        file.write_text(yaml.safe_dump(config))
        yield
    finally:
        file.write_text(shipped)


@pytest.fixture(scope="module")
def flooded(standing: Standing) -> Iterator[Flooded]:
    """Fill an agent's queue, narrowed to a few kilobytes, while its gateway is away."""
    telemetry = standing.telemetry
    agent, gateway = telemetry.process("agent-1"), telemetry.process("gateway-1")
    file, watching = (telemetry.folder / name / "config.yaml" for name in ("agent-1", "prometheus"))
    narrow, often = (yaml.safe_load(each.read_text()) for each in (file, watching))
    queue = narrow["exporters"]["otlp_grpc/gateway"]["sending_queue"]
    queue["queue_size"], queue["batch"] = 20_000, {"flush_timeout": "1s", "min_size": 5_000, "max_size": 10_000}
    often["global"]["evaluation_interval"] = EVALUATED
    for job in often["scrape_configs"]:
        job.update(OFTEN if "agent" in job["job_name"] else {})
    try:
        with changed(file, narrow), changed(watching, often):
            reload(standing)
            agent.stop()
            agent.start()
            gateway.stop()
            yield flood(standing)
    finally:
        reload(standing)
        agent.stop()
        agent.start()
        if not gateway.alive:
            gateway.start()


def reload(standing: Standing) -> None:
    HTTP.post(f"{standing.telemetry.endpoints.prometheus}/-/reload", timeout=30).raise_for_status()


def flood(standing: Standing) -> Flooded:
    """Send until the agent refuses, and on until Prometheus has seen it refuse twice: a rate needs two samples."""
    pod = standing.telemetry.pod(NAMESPACE, f"{SERVICE}-0", SERVICE, 1)
    port = standing.telemetry.process("agent-1").command.kept_ports["metrics"]
    answers: list[bool] = []
    alerts: dict[str, str] = {}

    def firing() -> bool:
        first = len(answers)
        with pod.session() as session:
            answers.extend(post_log(pod.agent.otlp_http, session, first + number) for number in range(LINES))
        found = standing.stores.reader.samples('ALERTS{alertname="CollectorRefusingData"}')
        alerts.update({each.labels["pod"]: each.labels["alertstate"] for each in found})
        return bool(alerts)

    until(firing, SHOWN_SECONDS)
    rates = {each.labels["pod"]: each.value for each in standing.stores.reader.samples(RECORDING)}
    return Flooded(standing, answers, operators.metric(port, REFUSED, TIMEOUT), alerts, rates)


def test_a_full_queue_refuses_upstream_and_each_refusal_is_counted(flooded: Flooded) -> None:
    """The program that sends is told, which is what an SDK retries on."""
    assert any(flooded.answers)
    assert flooded.counted == flooded.answers.count(False) > 0


def test_it_shows_in_the_recording_that_is_alerted_on(flooded: Flooded) -> None:
    (pod,) = flooded.alerts
    assert pod.startswith("agent-collector-")
    assert flooded.alerts == {pod: "pending"}, "it fires after five minutes"
    assert flooded.rates[pod] > 0
    assert not [other for other, rate in flooded.rates.items() if other != pod and rate > 0]


def test_what_was_taken_before_is_not_lost(flooded: Flooded) -> None:
    flooded.standing.telemetry.process("gateway-1").start()
    accepted = [number for number, taken in enumerate(flooded.answers) if taken]

    def arrived() -> list[int]:
        asked = f'{{k8s_namespace_name="{NAMESPACE}", service_name="{SERVICE}"}}'
        return sorted(int(each.text.split()[1]) for each in flooded.standing.stores.reader.lines(asked, limit=PAGE))

    becomes(accepted, arrived, RECOVERY_SECONDS)
