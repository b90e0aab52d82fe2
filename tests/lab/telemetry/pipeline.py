"""Two agents, two gateways, Loki, Tempo and Prometheus from the rendered configurations, without an API server.

Only places are swapped, and one processor: what k8s_attributes would ask the API server follows from a pod's address
here (tests/components/test_collection_cluster.py proves the real one). Pods are addresses of the loopback network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

import tools
from automation.verify import Endpoints
from components.values import addresses, prometheus
from components.values.collection import agent, gateway, log_files, pieces
from components.values.collection.pieces import attribute, ottl
from components.values.context import Context
from lab.process import Command, free_ports
from lab.signals import fleet
from lab.signals.plan import Plan, Pod
from lab.telemetry import collectors
from tests.backends import HTTP, LOOPBACK, Backends
from tests.contexts import context
from tests.lab.telemetry.asking import Stores
from tests.rendering import loki_files, tempo_files

STACK = "dev.us-east"
NODES = 2
GATEWAYS = 2
NAMESPACES = ("shop", "payments")
_SECONDS = 90.0
_ADDRESS = "test.address"
Config = dict[str, Any]


@dataclass(frozen=True)
class Node:
    """A node's agent."""

    otlp_http: str
    log_folder: Path


@dataclass(frozen=True)
class Producer:
    """A pod by its address: 127.<number of the namespace>.<number of the node>.<number of the pod>."""

    namespace: str
    name: str
    uid: str
    address: str
    agent: Node


@dataclass
class Pipeline:
    """The run."""

    context: Context
    stores: Stores
    nodes: list[Node]
    gateways: list[str]
    """Where each gateway tells its own metrics."""
    _pods: dict[tuple[str, str], Producer] = field(default_factory=dict)

    def pod(self, namespace: str, name: str, service: str, node: int) -> Producer:
        """Return a pod; its name is its service's with -0, from which its log files' service follows."""
        assert name == f"{service}-0"
        number = len(self._pods) + 1
        made = Producer(
            namespace,
            name,
            f"6a5b1c2d-0000-4000-8000-{number:012d}",
            f"127.{NAMESPACES.index(namespace) + 1}.{node}.{number}",
            self.nodes[node],
        )
        return self._pods.setdefault((namespace, name), made)

    def pods(self, plan: Plan) -> list[Pod]:
        """Return the pods that a plan needs."""
        return fleet.pods(plan, self.pod, len(self.nodes))

    def endpoints(self, sources: Mapping[str, str]) -> Endpoints:
        """Return where verify finds everything, and the pods that it sends from."""
        known = self.stores.endpoints
        return Endpoints(known.otlp, known.loki, known.tempo, known.prometheus, sources)

    def of_gateways(self, metric: str) -> list[int]:
        """Return what each gateway says of itself at this moment: the sum of a metric's series."""
        return [
            sum(
                round(float(line.rpartition(" ")[2]))
                for line in HTTP.get(url, timeout=10).text.splitlines()
                if line.startswith((f"{metric}{{", f"{metric} "))
            )
            for url in self.gateways
        ]


class _Stack(Backends):
    """The stores of tests/backends.py, with collectors before them."""

    def pushed_to(self) -> str:
        """Start a Prometheus that takes OTLP as the rendered one does, and return its address."""
        values = prometheus.helm_values(context(STACK))["prometheusSpec"]
        config = {
            "storage": {
                "exemplars": {"max_exemplars": values["exemplars"]["maxSize"]},
                "tsdb": {"out_of_order_time_window": values["tsdb"]["outOfOrderTimeWindow"]},
            },
            "otlp": {
                "promote_resource_attributes": values["otlp"]["promoteResourceAttributes"],
                "translation_strategy": values["otlp"]["translationStrategy"],
                "keep_identifying_resource_attributes": values["otlp"]["keepIdentifyingResourceAttributes"],
            },
        }
        folder = self._folder("prometheus")
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(config))

        def argv(ports: Mapping[str, int]) -> list[str]:
            return [
                str(tools.ensure("prometheus")["prometheus"]),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{ports['http']}",
                "--web.enable-remote-write-receiver",
                "--web.enable-otlp-receiver",
                f"--enable-feature={','.join(values['enableFeatures'])}",
            ]

        return self._start("prometheus", argv, "/-/ready")["http"]

    def tempo_grpc(self) -> str:
        """Return host:port of Tempo's OTLP over gRPC, once it runs."""
        return f"{LOOPBACK}:{self._processes.recorded()['tempo'].ports['otlp_grpc']}"

    def collector(self, name: str, config: Config, ports: Mapping[str, int], pod: str) -> None:
        """Start a collector and wait until it is healthy."""
        file = self._folder(name) / "config.yaml"
        file.write_text(yaml.safe_dump(config))
        command = Command(
            name,
            lambda _: [str(tools.ensure("otelcol")["otelcol"]), "--config", str(file)],
            lambda _: _answers(f"http://{LOOPBACK}:{ports['health']}/"),
            env={"POD_NAME": pod},
        )
        self._processes.start(command, _SECONDS)


@contextmanager
def standing(folder: Path) -> Iterator[Pipeline]:
    """Start everything, and end it whatever happens."""
    stack = _Stack(folder)
    try:
        yield _started(stack, folder, context(STACK))
    finally:
        stack.stop()


def _started(stack: _Stack, folder: Path, given: Context) -> Pipeline:
    purposes = ("otlp_grpc", "otlp_http", "health", "metrics")
    wanted = free_ports((NODES + GATEWAYS) * len(purposes))
    ports = [dict(zip(purposes, wanted[at : at + 4], strict=True)) for at in range(0, len(wanted), len(purposes))]
    of_gateways, of_agents = ports[:GATEWAYS], ports[GATEWAYS:]
    metrics = stack.pushed_to()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(stack.loki, *loki_files(given))
        tempo, _ = stack.tempo(*tempo_files(given), metrics)
        loki = waiting.result()
    places = {
        addresses.loki_url(): loki,
        addresses.tempo_otlp_endpoint(given): stack.tempo_grpc(),
        **dict.fromkeys(addresses.prometheus_replica_urls(given), metrics),
    }
    for number, own in enumerate(of_gateways):
        config = _placed(gateway.config(given), {**places, pieces.STATE: _made(folder / f"gateway-state-{number}")})
        stack.collector(f"gateway-{number}", collectors.listening(config, own), own, f"gateway-collector-{number}")
    nodes = []
    hosts = [f"{LOOPBACK}:{each['otlp_grpc']}" for each in of_gateways]
    for number, own in enumerate(of_agents):
        files = folder / f"pods-{number}"
        config = _placed(
            agent.config(given), {pieces.STATE: _made(folder / f"agent-state-{number}"), log_files.PODS: _made(files)}
        )
        balanced = collectors.sending(collectors.balancing(config, hosts), hosts[number])
        stack.collector(f"agent-{number}", _knowing(collectors.listening(balanced, own)), own, "agent")
        nodes.append(Node(f"http://{LOOPBACK}:{own['otlp_http']}", files))
    endpoints = Endpoints(nodes[0].otlp_http, loki, tempo, metrics)
    own_metrics = [f"http://{LOOPBACK}:{each['metrics']}/metrics" for each in of_gateways]
    return Pipeline(given, Stores(endpoints, given), nodes, own_metrics)


def _knowing(config: Config) -> Config:
    """Stand in for k8s_attributes: the namespace by a connection's address, the service of a file by its pod's name.

    Like k8s_attributes it keeps what is there already.
    """
    config["receivers"]["otlp"]["protocols"]["http"]["include_metadata"] = True
    address, namespace = attribute(_ADDRESS), attribute("k8s.namespace.name")
    service = attribute("service.name")
    known = [
        f"set({namespace}, {ottl(name)}) where {namespace} == nil and IsMatch({address}, {ottl(f'^127[.]{number}[.]')})"
        for number, name in enumerate(NAMESPACES, start=1)
    ]
    block = [{"context": "resource", "statements": [*known, f"delete_key(resource.attributes, {ottl(_ADDRESS)})"]}]
    named = [
        f"set({service}, {attribute('k8s.pod.name')})",
        f"replace_pattern({service}, {ottl('-0$')}, {ottl('')})",
    ]
    replaced = {
        "k8s_attributes": ["resource/address", "transform/known"],
        "k8s_attributes/files": ["transform/named"],
    }
    for name in replaced:
        del config["processors"][name]
    config["processors"] |= {
        "resource/address": {
            "attributes": [{"key": _ADDRESS, "from_context": "client.address", "action": "upsert"}],
        },
        "transform/known": {f"{signal}_statements": block for signal in ("trace", "metric", "log")},
        "transform/named": {"log_statements": [{"context": "resource", "statements": named}]},
    }
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = [step for each in pipeline["processors"] for step in replaced.get(each, [each])]
    return config


def _placed(config: Config, places: Mapping[str, str]) -> Config:
    text = json.dumps(config)
    for rendered, local in places.items():
        assert rendered in text
        text = text.replace(rendered, local)
    made: Config = json.loads(text)
    return made


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)


def _answers(url: str) -> bool:
    try:
        return HTTP.get(url, timeout=2).ok
    except requests.RequestException:
        return False
