"""Configurations and contexts that the tests of the collectors share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

import tools
from components.values.collection import agent, cluster, gateway
from components.values.context import Context
from settings.sink import Sink
from settings.tenant import Tenant
from settings.vocabulary import Signal, SinkKind
from tests.contexts import collecting, context

CONFIGS = {"agent": agent.config, "gateway": gateway.config, "cluster": cluster.config}
SINKS = {
    "elk": Sink(
        kind=SinkKind.ELASTICSEARCH,
        endpoint="https://elk.example.com:9200",
        signals=[Signal.LOGS, Signal.TRACES],
        tenants=["payments"],
        secret="sinks/elk",
    ),
    "jaeger": Sink(kind=SinkKind.OTLP, endpoint="https://jaeger.example.com:4318", signals=list(Signal)),
    "uptrace": Sink(
        kind=SinkKind.OTLP,
        endpoint="https://uptrace.example.com",
        signals=[Signal.METRICS],
        tenants=["payments", "storefront"],
        header="uptrace-dsn",
        secret="sinks/uptrace",
    ),
}


def with_sinks(chosen: dict[str, Sink] = SINKS) -> Context:
    return context(platform=collecting(sinks=chosen))


def with_tenants(tenants: dict[str, Tenant], stack: str = "prod.us-east") -> Context:
    return context(stack, platform={"tenants": {**context(stack).platform.tenants, **tenants}})


def without_tenants(stack: str = "prod.us-east") -> Context:
    """Return a region into which no tenant has moved yet."""
    elsewhere = {
        name: each.model_copy(update={"regions": ["eu-west"]}) for name, each in context(stack).platform.tenants.items()
    }
    return context(stack, platform={"tenants": elsewhere})


def newcomer(name: str = "newcomer", **changes: Any) -> dict[str, Tenant]:
    entry = context().platform.tenants["logistics"].model_copy(update={"namespaces": [name, f"{name}-jobs"], **changes})
    return {name: entry}


def validate(config: dict[str, Any], folder: Path) -> None:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    variables = {"K8S_NODE_NAME": "node", "POD_NAME": "pod", "SINK_ELK": "x", "SINK_UPTRACE": "x"}
    done = subprocess.run(
        [str(tools.ensure("otelcol")["otelcol"]), "validate", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def pipelines(config: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = config["service"]["pipelines"]
    return found
