"""Rules ask for metrics that exist: a real collector and a real Prometheus are asked for each name and label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import tools
from automation import waiting
from components.values.collection import pieces, span_metrics
from components.values.prometheus import PROMOTED_RESOURCE_ATTRIBUTES
from components.values.rule_files import rule_files
from lab.instance import Instance
from lab.process import Command, Processes
from lab.prometheus import OTLP, command, start
from tests.contexts import context
from tests.otlp import attributes
from tests.serving import responds

DEADLINE = 60.0
SPAN = {
    "name": "GET /cart",
    "kind": 2,
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "startTimeUnixNano": "1700000000000000000",
    "endTimeUnixNano": "1700000001500000000",
    "status": {"code": 2},
}
OWNER = {"tenant": "shop", "region": "us-east", "cluster": "c", "environment": "dev", "service.name": "cart"}
ELSEWHERE = frozenset(
    {
        # A collector has these from its first drop on, and this one drops nothing.
        "otelcol_exporter_enqueue_failed_spans",
        "otelcol_exporter_enqueue_failed_metric_points",
        "otelcol_exporter_enqueue_failed_log_records",
        # Made by the gateway's second connector, which tests/components/test_collection_chain.py runs.
        "traces_orphan_spans_total",
    }
)
"""Metrics that this small pipeline cannot show."""


@dataclass(frozen=True)
class Running:
    """A collector that has taken one failed span, one log record and one metric, and the Prometheus behind it."""

    own_metrics: str
    prometheus: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pipeline")
    instance = Instance.of("dev.rules", folder)
    instance.create()
    processes = Processes(instance)
    try:
        config = {"otlp": {"promote_resource_attributes": list(PROMOTED_RESOURCE_ATTRIBUTES)}}
        stores = start(processes, command(folder, config, OTLP))
        ports = processes.start(_collector(folder, stores)).ports
        _send(f"http://127.0.0.1:{ports['otlp']}/v1")
        yield Running(f"http://127.0.0.1:{ports['own']}/metrics", stores)
    finally:
        processes.stop()


def _collector(folder: Path, prometheus: str) -> Command:
    def argv(ports: Mapping[str, int]) -> list[str]:
        file = folder / "collector.yaml"
        file.write_text(yaml.safe_dump(_config(ports, prometheus)), encoding="utf-8")
        return [str(tools.ensure("otelcol")["otelcol"]), f"--config={file}"]

    def ready(ports: Mapping[str, int]) -> bool:
        return responds(f"http://127.0.0.1:{ports['own']}/metrics") and responds(f"http://127.0.0.1:{ports['otlp']}/")

    return Command("otelcol", argv, ready, ("otlp", "own"))


def _config(ports: Mapping[str, int], prometheus: str) -> dict[str, Any]:
    """Return the shipped connector between a receiver, a Prometheus that takes metrics, and nobody who takes spans."""
    nowhere = {"endpoint": "http://127.0.0.1:1", "retry_on_failure": {"enabled": False}}
    own = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": ports["own"]}}}}
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports['otlp']}"}}}},
        "connectors": {"span_metrics": {**span_metrics.requests(), "metrics_flush_interval": "1s"}},
        "exporters": {
            "otlphttp/metrics": {"endpoint": f"{prometheus}/api/v1/otlp"},
            "otlphttp/nowhere": nowhere,
        },
        "service": {
            "telemetry": {"metrics": {**pieces.telemetry()["metrics"], "readers": [own]}},
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["span_metrics", "otlphttp/nowhere"]},
                "logs": {"receivers": ["otlp"], "exporters": ["otlphttp/nowhere"]},
                "metrics": {"receivers": ["otlp"], "exporters": ["otlphttp/nowhere"]},
                "metrics/spans": {"receivers": ["span_metrics"], "exporters": ["otlphttp/metrics"]},
            },
        },
    }


def _send(address: str) -> None:
    resource = {"attributes": attributes(OWNER)}
    gauge = {"name": "g", "gauge": {"dataPoints": [{"timeUnixNano": "1700000000000000000", "asInt": "1"}]}}
    bodies = {
        "traces": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [SPAN]}]}]},
        "logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]},
        "metrics": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]},
    }
    for signal, body in bodies.items():
        requests.post(f"{address}/{signal}", json=body, timeout=10).raise_for_status()


def named(prefix: str) -> list[str]:
    """Return the metrics with a prefix that rules ask for, recordings left out."""
    rules = [rule for file in rule_files(context()).values() for group in file["groups"] for rule in group["rules"]]
    text = "\n".join(rule["expr"] for rule in rules)
    return sorted(set(re.findall(rf"\b({prefix}_[a-z0-9_]+)\b", text)) - ELSEWHERE)


@pytest.mark.parametrize("metric", named("otelcol"))
def test_a_collector_exposes_what_rules_ask_of_it(running: Running, metric: str) -> None:
    def exposed() -> bool:
        return f"\n{metric}{{" in requests.get(running.own_metrics, timeout=5).text

    assert waiting.until(exposed, DEADLINE), f"{metric} is not exposed"


@pytest.mark.parametrize("metric", named("traces"))
def test_prometheus_stores_what_rules_ask_of_spans_with_its_owner(running: Running, metric: str) -> None:
    query = (
        f'{metric}{{tenant="shop", region="us-east", cluster="c", environment="dev", service_name="cart", '
        'span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_ERROR"}'
    )

    def stored() -> bool:
        answer = requests.get(f"{running.prometheus}/api/v1/query", params={"query": query}, timeout=5)
        return bool(answer.json()["data"]["result"])

    assert waiting.until(stored, DEADLINE), f"{query} has no result"
