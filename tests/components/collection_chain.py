"""Run the shipped agent and gateway configurations as processes, and read what they would have stored.

Only places are swapped: addresses, ports, directories. A third collector stands for Loki, Tempo and Prometheus and
writes what it is sent to files, with the tenant header of each request as an attribute. Given a kubeconfig the agent
and the cluster collector ask that API server. Without one, k8s_attributes is stood in for: a processor inserts the
namespace that a request header names (like k8s_attributes it keeps what is there already), and the variant for files
has nothing to add to what the path says.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import requests
import yaml

import tools
from components.values import addresses
from components.values.collection import agent, cluster, gateway, log_files, pieces
from components.values.context import Context
from lab.telemetry import collectors

T = TypeVar("T")
NAMESPACE_HEADER = "x-test-namespace"
START_SECONDS = 30
NODE = "node"
NONE: Mapping[str, Path] = MappingProxyType({})
POD_UID = "6a5b1c2d-0000-4000-8000-000000000001"
_GRACE_SECONDS = 20


def until(read: Callable[[], T | None], seconds: float, what: str) -> T:
    """Return the first value that is not None.

    Raises:
        AssertionError: none came in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = read()
        if value is not None:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds} s")


def free_ports(count: int) -> list[int]:
    """Return free ports; all are held until all are known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Chain:
    """Agent, gateway and stores of one region, as three processes."""

    def __init__(
        self, context: Context, folder: Path, stuck: str | None = None, kubeconfigs: Mapping[str, Path] = NONE
    ) -> None:
        """Prepare the processes.

        Args:
            context: the region.
            folder: where everything of the run lies.
            stuck: a tenant whose logs nobody takes, with room for one batch in its queue.
            kubeconfigs: of the agent and the cluster collector, where there is an API server.
        """
        self.folder = folder
        self.stuck = stuck
        self.kubeconfigs = kubeconfigs
        self.pods = folder / "pods"
        self._context = context
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        names = ["otlp", "agent", "gateway", "grpc", "http", "closed"]
        names += [f"{what}-{which}" for what in ("health", "metrics") for which in ("a", "g", "s", "c")]
        self.port = dict(zip(names, free_ports(len(names)), strict=True))
        self.pods.mkdir()

    def start(self) -> None:
        """Start all three; returns when each says that it is healthy."""
        for name in ("stores", "gateway", "agent"):
            self.run(name)

    def run(self, name: str) -> None:
        """Start one of stores, gateway, agent and cluster."""
        make = {"stores": self._stores, "gateway": self._gateway, "agent": self._agent, "cluster": self._cluster}
        arguments = {"gateway": gateway.arguments()}
        config = make[name]()
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(tools.ensure("otelcol")["otelcol"]), "--config", str(file), *arguments.get(name, [])],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "POD_NAME": "gateway-collector-0",
                    "K8S_NODE_NAME": NODE,
                    "KUBECONFIG": str(self.kubeconfigs.get(name, "none")),
                },
            )
        until(lambda: self._healthy(name), START_SECONDS, f"the health of {name} ({self.folder}/{name}.log)")

    def end(self, name: str) -> None:
        """Stop one of them as Kubernetes does."""
        process = self._processes.pop(name)
        process.terminate()
        process.wait(_GRACE_SECONDS)

    def stop(self) -> None:
        """Stop all that run, the first to send first."""
        for name in ("cluster", "agent", "gateway", "stores"):
            if name in self._processes:
                self.end(name)

    def _healthy(self, name: str) -> bool | None:
        try:
            return requests.get(f"http://127.0.0.1:{self.port[f'health-{name[0]}']}", timeout=1).ok or None
        except requests.ConnectionError:
            assert self._processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-3000:]
            return None

    def send(self, signal: str, payload: dict[str, Any], namespace: str) -> None:
        """Send OTLP/JSON to the agent, as a pod of that namespace."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port['otlp']}/v1/{signal}",
            json=payload,
            headers={NAMESPACE_HEADER: namespace},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def write_log(self, namespace: str, lines: list[str], uid: str = POD_UID) -> None:
        """Write container log lines in the kubelet's place and the CRI format."""
        folder = self.pods / f"{namespace}_app-0_{uid}" / "main"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "0.log").open("a") as file:
            file.writelines(f"2026-11-21T14:00:00.{n:09d}Z stdout F {line}\n" for n, line in enumerate(lines))

    def stored(self, signal: str) -> list[dict[str, Any]]:
        """Return what the stores were sent so far: one entry per span, record or data point.

        Each has `tenant` (the header), `resource` and `attributes` as plain dicts, and the OTLP fields beside them.
        """
        file = self.folder / f"{signal}.json"
        lines = file.read_text().splitlines() if file.exists() else []
        return [entry for line in lines if line.endswith("}") for entry in _entries(json.loads(line))]

    def _swapped(self, config: dict[str, Any], name: str) -> dict[str, Any]:
        state = self.folder / f"{name}-state"
        state.mkdir(exist_ok=True)
        ports = {
            "health": self.port[f"health-{name[0]}"],
            "metrics": self.port[f"metrics-{name[0]}"],
            "otlp_grpc": self.port.get(name, 0),
            "otlp_http": self.port["otlp"],
        }
        return collectors.listening(_replaced(config, {pieces.STATE: str(state)}), ports)

    def _agent(self) -> dict[str, Any]:
        config = self._swapped(agent.config(self._context), "agent")
        config = _replaced(config, {log_files.PODS: str(self.pods)})
        config["receivers"]["otlp"]["protocols"]["http"]["include_metadata"] = True
        if "agent" in self.kubeconfigs:
            config = collectors.asking(config)
        else:
            _stand_in(config)
        assert config["exporters"][agent.GATEWAYS]["resolver"]["dns"]["hostname"] == addresses.gateway_headless()
        return collectors.sending(collectors.balancing(config, [self._gateway_place]), self._gateway_place)

    def _cluster(self) -> dict[str, Any]:
        config = collectors.asking(self._swapped(cluster.config(self._context), "cluster"))
        return collectors.sending(config, self._gateway_place)

    @property
    def _gateway_place(self) -> str:
        return f"127.0.0.1:{self.port['gateway']}"

    def _gateway(self) -> dict[str, Any]:
        config = self._swapped(gateway.config(self._context), "gateway")
        stores = {addresses.loki_url(): "http", addresses.tempo_otlp_endpoint(self._context): "grpc"}
        stores |= dict.fromkeys(addresses.prometheus_replica_urls(self._context), "http")
        here = {"http": f"http://127.0.0.1:{self.port['http']}", "grpc": f"127.0.0.1:{self.port['grpc']}"}
        replaced = _replaced(config, {place: here[kind] for place, kind in stores.items()})
        if self.stuck is not None:
            exporter = replaced["exporters"][f"otlp_http/logs-{self.stuck}"]
            exporter["endpoint"] = f"http://127.0.0.1:{self.port['closed']}"
            exporter["sending_queue"].update(sizer="requests", queue_size=1, num_consumers=1)
            del exporter["sending_queue"]["batch"]
        return replaced

    def _stores(self) -> dict[str, Any]:
        files = {
            f"file/{signal}": {"path": str(self.folder / f"{signal}.json"), "flush_interval": "100ms", "append": True}
            for signal in ("traces", "logs", "metrics")
        }
        header = {"key": "test.tenant", "from_context": "metadata.x-scope-orgid", "action": "insert"}
        return {
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{self.port['health-s']}"}},
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": f"127.0.0.1:{self.port['grpc']}", "include_metadata": True},
                        "http": {
                            "endpoint": f"127.0.0.1:{self.port['http']}",
                            "include_metadata": True,
                            "logs_url_path": "/otlp/v1/logs",
                            "metrics_url_path": "/api/v1/otlp/v1/metrics",
                        },
                    }
                }
            },
            "processors": {"resource/tenant": {"attributes": [header]}},
            "exporters": files,
            "service": {
                "extensions": ["health_check"],
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {
                    signal: {
                        "receivers": ["otlp"],
                        "processors": ["resource/tenant"],
                        "exporters": [f"file/{signal}"],
                    }
                    for signal in ("traces", "logs", "metrics")
                },
            },
        }


def _stand_in(config: dict[str, Any]) -> None:
    config["processors"]["resource/k8s"] = {
        "attributes": [
            {"key": "k8s.namespace.name", "from_context": f"metadata.{NAMESPACE_HEADER}", "action": "insert"},
            {"key": "k8s.pod.name", "value": "app-0", "action": "insert"},
        ]
    }
    del config["processors"]["k8s_attributes"], config["processors"]["k8s_attributes/files"]
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = [
            "resource/k8s" if each == "k8s_attributes" else each
            for each in pipeline["processors"]
            if each != "k8s_attributes/files"
        ]


def _replaced(config: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(config)
    for place, other in places.items():
        assert place in text
        text = text.replace(place, other)
    replaced: dict[str, Any] = json.loads(text)
    return replaced


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return OTLP/JSON attributes as a dict of plain values."""
    return {each["key"]: next(iter(each["value"].values()), None) for each in attributes}


def _entries(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in (
        document.get("resourceSpans", []) + document.get("resourceLogs", []) + document.get("resourceMetrics", [])
    ):
        resource = plain(group["resource"].get("attributes", []))
        tenant = resource.pop("test.tenant", None)
        scopes = group.get("scopeSpans") or group.get("scopeLogs") or group.get("scopeMetrics") or []
        for entry in (each for scope in scopes for each in _records(scope)):
            yield {**entry, "tenant": tenant, "resource": resource, "attributes": plain(entry.get("attributes", []))}


def _records(scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from scope.get("spans", []) + scope.get("logRecords", [])
    for metric in scope.get("metrics", []):
        for kind in ("gauge", "sum", "histogram"):
            for point in metric.get(kind, {}).get("dataPoints", []):
                yield {**point, "metric": metric["name"], "kind": kind}
