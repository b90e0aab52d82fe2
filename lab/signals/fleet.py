"""The pods of a telemetry run as senders: one per service and namespace, taking turns over the nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lab.signals.plan import Plan, Pod


class Node(Protocol):
    """The agent of a node."""

    @property
    def otlp_http(self) -> str:
        """Its OTLP over HTTP."""

    @property
    def log_folder(self) -> Path:
        """Where the kubelet would write the logs of the node's pods."""


class Producer(Protocol):
    """A pod that the agents know."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def uid(self) -> str:
        """Its uid."""

    @property
    def address(self) -> str:
        """Its own address."""

    @property
    def agent(self) -> Node:
        """The agent of its node."""


MakePod = Callable[[str, str, str, int], Producer]
"""Makes a pod known: namespace, name, service, number of the node."""


def pods(plan: Plan, make: MakePod, nodes: int) -> list[Pod]:
    """Return a pod for every service that a plan sends from.

    Neighbours on the path run on different nodes where there are several, so that a trace arrives in parts.

    Args:
        plan: the run.
        make: `Telemetry.pod` of a telemetry run.
        nodes: how many agents it has.
    """
    made = []
    for turn, service in enumerate(plan.path.services):
        home = plan.placed.get(service)
        for namespace in dict.fromkeys(plan.namespaces if home is None else (home,)):
            known = make(namespace, f"{service}-0", service, turn % nodes)
            made.append(
                Pod(
                    namespace=namespace,
                    url=known.agent.otlp_http,
                    service=service,
                    source=known.address,
                    name=known.name,
                    uid=known.uid,
                    logs=known.agent.log_folder,
                )
            )
    return made
