"""Pods that signals come from, as the agents know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter

from automation.waiting import until
from lab.problem import LabError
from lab.telemetry.network import Network
from lab.telemetry.operators import metric

if TYPE_CHECKING:
    from lab.telemetry.run import Agent

_CONTAINER: Final = "main"
_HEARD: Final = "otelcol_otelsvc_k8s_pod_updated"
_PROCESSORS: Final = 2
"""k8s_attributes processors of an agent: one for OTLP, one for files; they count together."""
_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Producer:
    """A pod of an application on a node."""

    namespace: str
    name: str
    service: str
    uid: str
    address: str
    """Loopback address of its own: what comes from it is the pod's."""
    agent: Agent
    """The agent of its node."""

    @property
    def log_file(self) -> Path:
        """Return the file of its container's log, in the CRI format; its folder is there."""
        folder = self.agent.log_folder / f"{self.namespace}_{self.name}_{self.uid}" / _CONTAINER
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "0.log"

    def session(self) -> requests.Session:
        """Return an HTTP session whose connections come from the pod's address, for OTLP over HTTP."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _From(self.address))
        return session


class _From(HTTPAdapter):
    """Connects from a given address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


class Producers:
    """The pods of applications in one run."""

    def __init__(
        self,
        network: Network,
        agents: Sequence[Agent],
        nodes: Sequence[str],
        ports: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Know the agents and their nodes; no pod is made."""
        self._network = network
        self._agents = agents
        self._nodes = nodes
        self._ports = ports
        self._made: dict[tuple[str, str], Producer] = {}

    def pod(self, namespace: str, name: str, service: str, agent: int) -> Producer:
        """Return a pod, made if need be, once its agent knows it. Raises LabError when it never does."""
        key = (namespace, name)
        if key not in self._made:
            if not any(namespace == other for other, _ in self._made):
                self._network.namespace(namespace)
            address = f"127.0.{agent + 1}.{len(self._made) + 1}"
            uid = self._introduced(namespace, name, service, address, agent)
            self._made[key] = Producer(namespace, name, service, uid, address, self._agents[agent])
        return self._made[key]

    def _introduced(self, namespace: str, name: str, service: str, address: str, agent: int) -> str:
        """Make a pod and wait until each k8s_attributes processor of its agent has heard of its address."""
        port = self._ports[f"agent-{agent}"]["metrics"]
        heard = metric(port, _HEARD)
        uid = self._network.application(namespace, name, service, self._nodes[agent], address)
        if not until(lambda: metric(port, _HEARD) >= heard + _PROCESSORS, _SECONDS):
            raise LabError(f"pod {namespace}/{name}: agent-{agent} has not heard of it after {_SECONDS:.0f} s.")
        return uid
