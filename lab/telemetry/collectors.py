"""Collector configurations as local processes read them: the same pipelines, listening and sending on loopback."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.values import addresses
from components.values.collection import agent, pieces

Config = dict[str, Any]
PORTS: Final = {
    "otlp_grpc": addresses.OTLP_GRPC,
    "otlp_http": addresses.OTLP_HTTP,
    "health": pieces.HEALTH_PORT,
    "metrics": pieces.METRICS_PORT,
}
"""Ports of a collector's pod by purpose; a collector without an OTLP receiver has the last two."""


def listening(config: Mapping[str, Any], ports: Mapping[str, int]) -> Config:
    """Return a configuration that listens on loopback, at the given ports by purpose.

    Args:
        config: of any collector, with paths and addresses swapped already.
        ports: otlp_grpc and otlp_http where it receives OTLP by them, health, metrics.
    """
    made = copy.deepcopy(dict(config))
    made["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{ports['health']}"
    reader = made["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    reader.update(host="127.0.0.1", port=ports["metrics"])
    for protocol, receiver in made["receivers"].get("otlp", {}).get("protocols", {}).items():
        receiver["endpoint"] = f"127.0.0.1:{ports[f'otlp_{protocol}']}"
    return made


def balancing(config: Mapping[str, Any], gateways: Sequence[str]) -> Config:
    """Return an agent's configuration whose traces go to these gateways, each host:port, by trace id.

    A list in the place of the headless Service's DNS records: one of them that is down stays in the list, so that
    its traces wait in the agent's queue until it is back, as they do in a cluster until its record is gone.
    """
    made = copy.deepcopy(dict(config))
    made["exporters"][agent.GATEWAYS]["resolver"] = {"static": {"hostnames": list(gateways)}}
    return made


def sending(config: Mapping[str, Any], gateway: str) -> Config:
    """Return the configuration of an agent or the cluster collector that sends logs and metrics to one gateway."""
    made = copy.deepcopy(dict(config))
    made["exporters"][agent.GATEWAY]["endpoint"] = gateway
    return made


def asking(config: Any) -> Any:
    """Return a configuration that asks the API server of its kubeconfig, not of the pod that it runs in."""
    if isinstance(config, dict):
        swapped = {key: asking(value) for key, value in config.items()}
        return {**swapped, "auth_type": "kubeConfig"} if swapped.get("auth_type") == "serviceAccount" else swapped
    return [asking(each) for each in config] if isinstance(config, list) else config
