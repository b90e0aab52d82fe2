"""Run a region's telemetry: collectors, stores and Prometheus as local processes, from what `lab up` applied."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from automation.waiting import until
from components.values import addresses
from lab import cloud, cluster
from lab.cluster import Api
from lab.facts import Facts
from lab.lifecycle import Lab
from lab.pki import Pki
from lab.problem import LabError
from lab.process import STOP_SECONDS, Child, Command, Processes, free_ports
from lab.telemetry import ending, operators, programs
from lab.telemetry.applied import Applied
from lab.telemetry.container import LOOPBACK, Pod
from lab.telemetry.network import POD_NETWORK, Network
from lab.telemetry.producer import Producer, Producers
from lab.telemetry.programs import Site, Workload
from settings import names

GATEWAYS: Final = 2
"""How many run, though a small region has one: what takes turns or goes by trace id shows with two only."""
START_SECONDS: Final = 120.0
"""Loki's ring waits 15 s before it is ready; several times that on a busy machine."""


@dataclass(frozen=True)
class Agent:
    """One node's agent, as the pods of its node see it."""

    otlp_grpc: str
    """`http://127.0.0.1:<port>`, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""
    otlp_http: str
    log_folder: Path
    """Where the kubelet would write: `<namespace>_<pod>_<uid>/<container>/0.log` in the CRI format."""


@dataclass(frozen=True)
class Endpoints:
    """Where everything listens: `http://127.0.0.1:<port>` each."""

    agents: list[Agent]
    gateways: list[str]
    """OTLP over gRPC."""
    loki: str
    tempo: str
    """Queries."""
    prometheus: str
    alertmanager: str
    access: str | None
    """The access proxy; None where the region's objects have none."""


class Process:
    """One program of the run, which keeps its ports and its data when it is stopped and started again."""

    def __init__(self, command: Command, processes: Processes) -> None:
        """Know how a program is started; nothing is."""
        self.command = command
        self._processes = processes

    @property
    def name(self) -> str:
        """Return its name, `loki` or `gateway-0`."""
        return self.command.name

    @property
    def child(self) -> Child | None:
        """Return the process that was started last, dead or alive; None after `stop`."""
        return self._processes.recorded().get(self.name)

    @property
    def alive(self) -> bool:
        """Return whether it runs."""
        return self._processes.running(self.name)

    @property
    def log(self) -> Path:
        """Return the file that it writes to; a start empties it."""
        return self._processes.instance.logs / f"{self.name}.log"

    def start(self) -> None:
        """Start it and wait until it works.

        Raises:
            LabError: it ended at once or is not ready in time.
        """
        self._processes.start(self.command, START_SECONDS)

    def stop(self) -> None:
        """End it as Kubernetes does, politely at first."""
        self._processes.stop(self.name)

    def kill(self) -> None:
        """End it with SIGKILL, as a node that is lost or a kernel out of memory does."""
        child = self.child
        if child is None or not child.alive():
            raise LabError(f"{self.name}: does not run, so it cannot be killed; start it first.")
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: not child.alive(), STOP_SECONDS)
        self._processes.stop(self.name)


class Telemetry:
    """A run that stands: where it listens, its programs, and pods to send from."""

    def __init__(
        self, endpoints: Endpoints, running: Mapping[str, Process], producers: Producers, folder: Path
    ) -> None:
        """Hold what was started."""
        self.endpoints = endpoints
        self.folder = folder
        self._running = running
        self._producers = producers

    def process(self, name: str) -> Process:
        """Return a program by name: loki, tempo, prometheus, alertmanager, gateway-<n>, agent-<n>, cluster.

        Raises:
            KeyError: there is none of that name.
        """
        return self._running[name]

    @property
    def processes(self) -> list[Process]:
        """Return every program of the run."""
        return list(self._running.values())

    def pod(self, namespace: str, name: str, service: str, agent: int = 0) -> Producer:
        """Return a pod of an application, made if need be, once the agent of its node knows it.

        Args:
            namespace: made if need be; decides the tenant.
            name: of the pod.
            service: of the pod's label `app.kubernetes.io/name`.
            agent: number of the agent on whose node it runs.

        Raises:
            LabError: the agent does not hear of it in time.
        """
        return self._producers.pod(namespace, name, service, agent)


@contextmanager
def standing(lab: Lab, agents: int = 1) -> Iterator[Telemetry]:
    """Start everything from the objects of a lab that is up, and end it whatever happens.

    Operators, agents, gateways, Loki, Tempo, Prometheus and Alertmanager run until the context is left; the lab
    itself stays. A run that stands already, or that a killed command left, is ended first.

    Args:
        lab: whose region is up and whose processes run.
        agents: how many nodes send.

    Raises:
        LabError: the lab is not up, or a program does not start.
    """
    facts = Facts.kept(lab.instance)
    if facts is None or not lab.processes.running(*cluster.NAMES, cloud.NAME):
        raise LabError(f"lab {lab.instance.stack}: is not up; run 'python -m lab up' first.")
    ending.begin(lab.instance, lab.processes)
    try:
        yield _started(lab, facts, agents)
    finally:
        if ending.is_ours(lab.instance):
            ending.end(lab.instance, lab.processes)


def _started(lab: Lab, facts: Facts, agents: int) -> Telemetry:
    api = Api(cluster.server_url(lab.processes), Pki(lab.instance.pki))
    folder = ending.folder(lab.instance)
    aws = cloud.running(lab.processes, facts.aws_region)
    applied = Applied(api, aws)
    found = applied.workloads(names.NAMESPACE)
    proxied = ("Deployment", addresses.ACCESS_PROXY) in found
    workloads = [*_workloads(agents), *(programs.access_proxy() if proxied else [])]
    ports = _ports(workloads)
    services = programs.services(workloads)
    places = {place: f"{LOOPBACK}:{ports[process][purpose]}" for place, (process, purpose) in services.items()}
    pods = list(dict.fromkeys(each.pod for each in workloads))
    pod_addresses = {each.name: f"{POD_NETWORK}.{pods.index(each.pod) + 10}" for each in workloads}
    targets = {
        re.escape(f"{pod_addresses[each.name]}:{port}"): f"{LOOPBACK}:{ports[each.name][purpose]}"
        for each in workloads
        for purpose, port in each.listens.items()
    }
    # A port that no process here has, such as the config reloader's, must not be looked for outside.
    targets[rf"{re.escape(POD_NETWORK)}\.\d+:\d+"] = f"{LOOPBACK}:{ports['nowhere']['http']}"
    site = Site(applied, aws, folder, facts.context, ports, places, targets)
    network = Network(api)
    nodes = [f"lab-{number}" for number in range(agents)]
    for node in nodes:
        network.node(node)
    running: dict[str, Process] = {}

    def start(workload: Workload) -> None:
        node = nodes[workload.ordinal % len(nodes)]
        name = network.pod_of(workload.kind, workload.namespace, workload.workload, workload.ordinal, node)
        network.runs(workload.namespace, name, pod_addresses[workload.name])
        process = Process(site.command(workload, Pod(workload.namespace, name, node)), lab.processes)
        running[workload.name] = process
        process.start()

    with ThreadPoolExecutor(len(workloads) + 1) as pool:
        early = [pool.submit(start, each) for each in (programs.LOKI, programs.TEMPO)]
        lab.processes.start(operators.endpoints_controller(lab.instance.kubeconfig))
        operators.operate(api, lab.instance.kubeconfig, lab.processes)
        network.scale(names.NAMESPACE, programs.gateway(0).workload, GATEWAYS)
        rest = [pool.submit(start, each) for each in workloads if each.name not in {"loki", "tempo"}]
        for each in (*early, *rest):
            each.result()
    endpoints = _endpoints(ports, folder, agents, proxied)
    ordered = {each.name: running[each.name] for each in workloads}
    return Telemetry(endpoints, ordered, Producers(network, endpoints.agents, nodes, ports), folder)


def _workloads(agents: int) -> list[Workload]:
    return [
        programs.LOKI,
        programs.TEMPO,
        programs.PROMETHEUS,
        programs.ALERTMANAGER,
        *(programs.gateway(number) for number in range(GATEWAYS)),
        *(programs.agent_of(number) for number in range(agents)),
        programs.cluster_collector(),
    ]


def _ports(workloads: list[Workload]) -> dict[str, dict[str, int]]:
    wanted = [(each.name, purpose) for each in workloads for purpose in each.listens] + [("nowhere", "http")]
    found: dict[str, dict[str, int]] = {}
    for (name, purpose), port in zip(wanted, free_ports(len(wanted)), strict=True):
        found.setdefault(name, {})[purpose] = port
    return found


def _endpoints(ports: Mapping[str, Mapping[str, int]], folder: Path, agents: int, proxied: bool) -> Endpoints:
    def at(name: str, purpose: str) -> str:
        return f"http://{LOOPBACK}:{ports[name][purpose]}"

    return Endpoints(
        [
            Agent(at(name, "otlp_grpc"), at(name, "otlp_http"), programs.log_folder(folder, name))
            for name in (f"agent-{number}" for number in range(agents))
        ],
        [at(f"gateway-{number}", "otlp_grpc") for number in range(GATEWAYS)],
        at("loki", "http"),
        at("tempo", "http"),
        at("prometheus", "http"),
        at("alertmanager", "http"),
        at("access", "http") if proxied else None,
    )
