"""Plans that auto_explain logs become a counter of their tenant, by a real collector and a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import tools
from automation import waiting
from components.values import prometheus
from components.values.collection import gateway, plans
from lab.instance import Instance
from lab.process import Command, Processes
from lab.prometheus import OTLP, command, start
from settings.vocabulary import Integration
from tests.contexts import context
from tests.otlp import attributes
from tests.serving import responds

DEADLINE = 60.0
COUNTED = context(integrations=[Integration.CLOUDNATIVE_PG])
OWNER = {
    "tenant": "storefront",
    "region": "us-east",
    "cluster": "c",
    "environment": "prod",
    "k8s.namespace.name": "storefront",
    "k8s.pod.name": "ledger-1",
    "service.name": "ledger",
}
PLAN = 'LOG:  duration: 1534.210 ms  plan:\n{"Query Text": "SELECT 1"}'
JSON_PLAN = '{"record":{"message":"duration: 2000.001 ms  plan:\\n{}","query_id":"42"}}'
JUST_NOW = 1_790_000_000_000_000_000
EARLIER = JUST_NOW - 60 * 10**9
"""Times of lines, in ns. Lines of two nodes arrive in any order."""
OTHERS = ("LOG:  duration: 1534.210 ms  statement: SELECT 1", "the plan: sleep for a duration: of 5 ms")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Send one batch of logs through the shipped connector and yield the address of the Prometheus behind it."""
    folder = tmp_path_factory.mktemp("plans")
    instance = Instance.of("dev.plans", folder)
    instance.create()
    processes = Processes(instance)
    try:
        store = start(processes, _prometheus(folder))
        ports = processes.start(_collector(folder, store)).ports
        _send(ports["otlp"], JUST_NOW, (PLAN, *OTHERS))
        _send(ports["otlp"], EARLIER, (JSON_PLAN, PLAN))
        yield store
    finally:
        processes.stop()


def _prometheus(folder: Path) -> Command:
    values = prometheus.helm_values(COUNTED)["prometheusSpec"]
    promoted = values["otlp"]["promoteResourceAttributes"]
    config = {"otlp": {"promote_resource_attributes": promoted}}
    return command(folder, config, OTLP, f"--enable-feature={','.join(values['enableFeatures'])}")


def _collector(folder: Path, store: str) -> Command:
    """Return a collector with the gateway's connector and transform, between a receiver and the Prometheus."""

    def argv(ports: Mapping[str, int]) -> list[str]:
        file = folder / "collector.yaml"
        file.write_text(yaml.safe_dump(_config(ports["otlp"], store)), encoding="utf-8")
        return [str(tools.ensure("otelcol")["otelcol"]), f"--config={file}"]

    return Command("otelcol", argv, lambda ports: responds(f"http://127.0.0.1:{ports['otlp']}/"), ("otlp",))


def _config(port: int, store: str) -> dict[str, Any]:
    shipped = gateway.config(COUNTED)
    counts = shipped["service"]["pipelines"]["metrics/plans"]
    transform = yaml.safe_load(yaml.safe_dump(shipped["processors"][plans.IDENTITY]).replace("${env:POD_NAME}", "g-0"))
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "connectors": {plans.CONNECTOR: shipped["connectors"][plans.CONNECTOR]},
        "processors": {
            **{name: shipped["processors"][name] for name in counts["processors"]},
            plans.IDENTITY: transform,
        },
        "exporters": {"otlp_http/metrics": {"endpoint": f"{store}/api/v1/otlp"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "logs": {"receivers": ["otlp"], "exporters": [plans.CONNECTOR]},
                "metrics": {**counts, "exporters": ["otlp_http/metrics"]},
            },
        },
    }


def _send(port: int, time: int, lines: tuple[str, ...]) -> None:
    """Send each line as a resource's only one, as the agent's batches hold them."""
    resource = {"attributes": attributes(OWNER)}
    records = [{"timeUnixNano": str(time), "body": {"stringValue": line}} for line in lines]
    each = [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]} for record in records]
    body = {"resourceLogs": each}
    requests.post(f"http://127.0.0.1:{port}/v1/logs", json=body, timeout=10).raise_for_status()


def test_plans_and_nothing_else_are_counted_for_their_owner(stores: str) -> None:
    query = 'postgres_auto_explain_plans_total{tenant="storefront", region="us-east", cluster="c", environment="prod"}'
    seen: list[dict[str, Any]] = []

    def counted() -> bool:
        answer = requests.get(f"{stores}/api/v1/query", params={"query": query}, timeout=5).json()
        seen[:] = answer["data"]["result"]
        return [each["value"][1] for each in seen] == ["3"]

    assert waiting.until(counted, DEADLINE), seen
    labels = seen[0]["metric"]
    assert (labels["k8s_namespace_name"], labels["k8s_pod_name"]) == ("storefront", "ledger-1")
    assert (labels["service_name"], labels["instance"]) == (plans.SERVICE, "g-0")


def test_a_region_without_postgresql_counts_nothing() -> None:
    without = gateway.config(context(integrations=[Integration.GPU]))
    assert plans.CONNECTOR not in without["connectors"]
    assert without["service"]["pipelines"]["logs/in"]["exporters"] == ["routing/logs"]
    assert gateway.config(COUNTED)["service"]["pipelines"]["logs/in"]["exporters"] == ["routing/logs", plans.CONNECTOR]
