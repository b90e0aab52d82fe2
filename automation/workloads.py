"""Wait for the workloads of a cluster, in a process that has the region's environment."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from automation.verification import KINDS, lagging
from automation.waiting import until
from preflight.kubeconfig import UnusableError, connect
from settings import names

_LOOK: Final = 2.0
"""Seconds between two looks."""


def missing(context: str, mode: str, seconds: float, ended: Callable[[], bool]) -> str:
    """Return what a cluster's workloads still lack at the deadline, as a sentence; empty when nothing.

    Args:
        context: of the kubeconfig.
        mode: see `automation.verification`.
        seconds: the deadline from now.
        ended: whether somebody has interrupted the wait.
    """
    last: list[str] = []
    unseen: list[str] = []

    def settled() -> bool:
        last[:], unseen[:] = [], []
        with connect(context) as api:
            for namespace in (names.NAMESPACE, names.NODE_NAMESPACE):
                for kind in KINDS:
                    path = f"/apis/apps/v1/namespaces/{namespace}/{kind}"
                    answer = api.get(path)
                    if answer.status != HTTPStatus.OK or "items" not in answer.body:
                        unseen.append(f"{path} answers {answer.status}")
                    for each in answer.body.get("items") or []:
                        lack = lagging(each, mode)
                        last.extend([f"{kind[:-1]} {each['metadata']['name']}: {lack}"] if lack else [])
        return not last and not unseen

    try:
        until(lambda: settled() or ended(), seconds, _LOOK)
    except UnusableError as error:
        return f"context {context} {error.what}; allowed: {error.allowed}; fix: {error.fix}"
    when = "interrupted, while" if ended() else f"after {seconds:g} s"
    if unseen:
        return (
            f"{when} context {context} does not show all workloads ({unseen[0]}); allowed: 200, with a list; "
            f"fix: use a role that may list {', '.join(KINDS)} there, or see why the API server refuses"
        )
    if not last:
        return ""
    return f"{when} {len(last)} workloads are not there ({'; '.join(last[:3])}); fix: look at their events"
