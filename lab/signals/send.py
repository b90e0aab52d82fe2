"""Send a plan and count what was taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from automation.verify import otlp
from lab.pace import hold
from lab.problem import LabError
from lab.signals.exports import Export, Exports
from lab.signals.plan import Fleet, Plan, Pod
from lab.signals.sent import Sent
from lab.signals.traces import Maker

_AGAIN: Final = (None, 429, 502, 503, 504)
"""Answers after which OTLP says to send again; None is no answer at all."""
_PAUSE_SECONDS: Final = 0.5
_SAY_EVERY_SECONDS: Final = 2.0

Say = Callable[[str], None]


def _quiet(_: str) -> None:
    """Say nothing."""


def run(plan: Plan, pods: Iterable[Pod], *, say: Say = _quiet, stop: Callable[[], bool] = lambda: False) -> Sent:
    """Send what a plan says and return what collectors took of it.

    Every pod sends over one connection of its own, all at the same time. An export that is refused for now is sent
    again, as an SDK does.

    Args:
        plan: what to send.
        pods: who sends.
        say: told how far it is, every two seconds.
        stop: asked between exports; true ends the run with what was sent by then.

    Raises:
        LabError: an export was refused for good, or for longer than the plan is patient.
    """
    fleet, maker, sent = Fleet(pods), Maker(plan), Sent()
    exports = Exports(plan, fleet, time.time_ns())
    senders = {pod: _Sender(plan, pod) for pod in fleet.pods}
    started = said = time.monotonic()
    with ThreadPoolExecutor(max_workers=len(senders), thread_name_prefix="pod") as pool:
        for first in range(0, plan.traces, plan.chunk):
            if stop():
                break
            requests = list(maker.requests(first, plan.chunk, time.time_ns()))
            made = exports.of(requests, time.time_ns(), sent)
            sending = [(own, pool.submit(senders[pod].send, own)) for pod, own in made.items()]
            broken = {trace for own, taken in sending for trace in _count(own, taken.result(), sent)}
            sent.broken |= broken
            for request in requests:
                if request.hex not in broken:
                    sent.count(plan, request)
            if time.monotonic() - said >= _SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(f"{first + len(requests)} of {plan.traces} requests sent")
            _keep_pace(plan, started, first + len(requests))
    sent.retries = sum(sender.retries for sender in senders.values())
    sent.seconds = time.monotonic() - started
    return sent


def _count(exports: list[Export], taken: list[bool], sent: Sent) -> set[str]:
    """Count exports and return the traces of which a part was refused."""
    broken: set[str] = set()
    for export, ok in zip(exports, taken, strict=True):
        if ok:
            export.taken(sent)
        else:
            sent.refused[export.signal] += export.items
            broken |= export.traces
    return broken


def _keep_pace(plan: Plan, started: float, done: int) -> None:
    if plan.per_second is not None and done < plan.traces:
        hold(started, done / plan.per_second)


class _Sender:
    """One pod's connection to the agent of its node."""

    def __init__(self, plan: Plan, pod: Pod) -> None:
        self._client = otlp.Client(pod.url, pod.source, pod.headers)
        self._plan = plan
        self.retries = 0

    def send(self, exports: Iterable[Export]) -> list[bool]:
        """Send in order and return which were taken."""
        return [self._taken(export) for export in exports]

    def _taken(self, export: Export) -> bool:
        end = time.monotonic() + self._plan.patience
        while True:
            try:
                self._client.send(export.request)
            except otlp.RefusedError as refusal:
                if refusal.status not in _AGAIN:
                    raise LabError(str(refusal)) from None
                if time.monotonic() >= end:
                    if self._plan.tolerant:
                        return False
                    raise LabError(f"not taken within {self._plan.patience:g} s: {refusal}") from None
                self.retries += 1
                time.sleep(_PAUSE_SECONDS)
            else:
                return True
