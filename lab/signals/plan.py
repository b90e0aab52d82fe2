"""What is sent: how many requests of which kinds, by whom, from which pods, how fast."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lab.problem import LabError
from lab.signals.path import CHECKOUT, Route

MOST_TRACES: Final = 200_000
"""A run holds every trace id that it sent."""
MOST_METERED: Final = 5_000
"""Each request is a data point of its own by its ids, and each export has all of them, as an SDK's would."""


class Kind(StrEnum):
    """Why a trace is kept or not."""

    ERROR = "error"
    SLOW = "slow"
    ORPHAN = "orphan"
    """Its root is never sent; otherwise like background."""
    BACKGROUND = "background"


@dataclass(frozen=True)
class Pod:
    """A pod that sends: whose it is follows from its address (OTLP) or from its uid (files)."""

    namespace: str
    url: str
    """OTLP/HTTP of the agent of its node."""
    service: str | None = None
    """The one service that it is of; a pod without one is of every service that has no pod of its own."""
    source: str | None = None
    """Its address; connections come from it."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    name: str = "app-0"
    uid: str | None = None
    logs: Path | None = None
    """In place of its node's /var/log/pods; without it everything is logged by OTLP."""

    @property
    def keeps_files(self) -> bool:
        """Whether what it writes to its output lands in a file."""
        return self.logs is not None and self.uid is not None


class Fleet:
    """The pods of a run."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        """Sort pods by what they are of.

        Args:
            pods: those without a service stand for all services of their namespace, which take turns over them.
        """
        self.pods = tuple(pods)
        self._own: dict[tuple[str, str], list[Pod]] = {}
        self._any: dict[str, list[Pod]] = {}
        for pod in self.pods:
            if pod.service is None:
                self._any.setdefault(pod.namespace, []).append(pod)
            else:
                self._own.setdefault((pod.namespace, pod.service), []).append(pod)

    def of(self, namespace: str, service: str, turn: int) -> Pod:
        """Return the pod that speaks for a service.

        Args:
            namespace: whose.
            service: which.
            turn: number of the service on the path, or of the request where a service has several pods.

        Raises:
            LabError: the namespace has no such pod.
        """
        found = self._own.get((namespace, service)) or self._any.get(namespace)
        if not found:
            raise LabError(f"pods: {namespace} has none that speaks for {service}; give one for each, or one for all.")
        return found[turn % len(found)]


@dataclass(frozen=True)
class Plan:
    """One run. The same plan sends the same, but for its moment."""

    traces: int = 100
    seed: int = 1
    error_share: float = 0.05
    slow_share: float = 0.05
    orphan_share: float = 0.0
    slow_ms: int = 1_500
    """Duration of slow traces."""
    usual_ms: int = 80
    """Duration of all others."""
    namespaces: tuple[str, ...] = ("shop",)
    """Whose requests these are; they take turns."""
    placed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Namespace of a service that is somebody else's than the request."""
    path: Route = CHECKOUT
    users: int = 50
    """Distinct user ids. Order and request ids are distinct for each request."""
    logs: bool = True
    metrics: bool = True
    padding: int = 0
    """Bytes added to each log line."""
    per_second: float | None = None
    """Requests per second; as fast as they are taken without it."""
    chunk: int = 500
    """Requests per export."""
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Resource attributes that every producer claims."""
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Attributes on every root span that no store may hold."""
    patience: float = 60.0
    """Seconds that an export is tried again while it is refused or nobody answers."""
    tolerant: bool = False
    """Count what was refused for that long and go on, instead of ending the run."""

    def __post_init__(self) -> None:
        """Refuse a plan that is no plan.

        Raises:
            LabError: with the field, its value and what is allowed.
        """
        if not 1 <= self.traces <= MOST_TRACES:
            raise LabError(f"traces: {self.traces} must be between 1 and {MOST_TRACES}.")
        if self.metrics and self.traces > MOST_METERED:
            raise LabError(
                f"traces: {self.traces} with metrics are a data point each; {MOST_METERED} at most, or metrics off."
            )
        shares = (self.error_share, self.slow_share, self.orphan_share)
        if min(shares) < 0 or sum(shares) > 1:
            raise LabError(f"shares: error, slow and orphan are {shares}; each must be 0 or more, their sum 1 at most.")
        if self.users < 1 or self.chunk < 1 or not self.namespaces:
            raise LabError("users, chunk: must be 1 or more; namespaces: at least one.")

    def kinds(self) -> list[Kind]:
        """Return the kind of each trace: exact numbers by the shares, in an order that follows from the seed."""
        kinds: list[Kind] = []
        for kind, share in (
            (Kind.ERROR, self.error_share),
            (Kind.SLOW, self.slow_share),
            (Kind.ORPHAN, self.orphan_share),
        ):
            kinds += [kind] * round(self.traces * share)
        kinds += [Kind.BACKGROUND] * (self.traces - len(kinds))
        random.Random(self.seed).shuffle(kinds)  # noqa: S311 - repeatable on purpose
        return kinds
