"""The run that every test of signals shares: a region in a lab, with its telemetry."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from automation.verify import Endpoints
from components.values.context import Context
from lab import cloud, cluster
from lab.cluster import Api
from lab.lifecycle import Lab
from lab.pki import Pki
from lab.reporter import Reporter
from lab.roots import linked
from lab.signals import fleet
from lab.signals.plan import Plan, Pod
from lab.telemetry import operators, run
from lab.telemetry.run import Process, Telemetry
from settings import load
from tests.lab import region
from tests.lab.telemetry.asking import TIMEOUT, Stores

STACK = "dev.us-east"
NODES = 2


@dataclass(frozen=True)
class Standing:
    """A run that stands, and the region that it is of."""

    lab: Lab
    context: Context
    telemetry: Telemetry

    @property
    def stores(self) -> Stores:
        """Return the stores, read across tenants."""
        return Stores(self.endpoints({}), self.context)

    def endpoints(self, sources: Mapping[str, str]) -> Endpoints:
        """Return where verify finds everything, and the pods that it sends from."""
        places = self.telemetry.endpoints
        return Endpoints(places.agents[0].otlp_http, places.loki, places.tempo, places.prometheus, sources)

    def pods(self, plan: Plan) -> list[Pod]:
        """Return the pods that a plan needs."""
        return fleet.pods(plan, self.telemetry.pod, len(self.telemetry.endpoints.agents))

    def of_gateways(self, metric: str) -> list[int]:
        """Return what each gateway says of itself at this moment: the sum of a metric's series."""
        gateways = (self.telemetry.process(f"gateway-{number}") for number in range(run.GATEWAYS))
        ports = [each.command.kept_ports["metrics"] for each in gateways]
        return [round(operators.metric(port, metric, TIMEOUT)) for port in ports]


@contextmanager
def standing(folder: Path) -> Iterator[Standing]:
    """Bring the shipped region up and start its telemetry.

    The run must leave the lab as it was: its programs ended, their ports free, its files, nodes and pods gone. The
    lab's own processes and files then go at once: tests/lab/test_region.py proves that it can be destroyed in order.
    """
    root = linked(folder, "dev", region.settings("dev", sooner))
    lab = Lab(STACK, Reporter(Console(quiet=True)), root=root)
    try:
        with region.undisturbed():
            lab.up()
        with run.standing(lab, agents=NODES) as telemetry:
            ran = telemetry.processes
            yield Standing(lab, Context(*load.from_file(STACK, root)), telemetry)
        gone(lab, ran)
    finally:
        lab.processes.stop()
        lab.processes.end_strays()
        lab.instance.remove()


def gone(lab: Lab, ran: list[Process]) -> None:
    """Assert that nothing is left of a run: no process, port, file, node or pod of it."""
    assert set(lab.processes.recorded()) == {*cluster.NAMES, cloud.NAME}
    assert not lab.processes.end_strays()
    assert not (lab.instance.folder / "telemetry").exists()
    for port in (port for process in ran for port in process.command.kept_ports.values()):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, f"somebody listens at {port}"
    api = Api(cluster.server_url(lab.processes), Pki(lab.instance.pki))
    assert api.get("/api/v1/nodes")["items"] == []
    assert not [pod for pod in api.get("/api/v1/pods")["items"] if pod["spec"].get("nodeName")]


def sooner(platform: dict[str, Any]) -> None:
    """Have traces decided on 5 s after their root, or 8 without one, so that there is less to wait for."""
    platform["collection"] = {"decision_wait": "8s", "decision_wait_after_root": "5s"}
