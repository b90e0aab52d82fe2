"""What counts as up is what was looked at: an API server that refuses shows no workload that is well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from automation import workloads
from preflight.kubeconfig import Answer

EMPTY = Answer(200, {"items": []})
LAGS = {"metadata": {"name": "loki", "generation": 2}, "status": {"observedGeneration": 1}}
PATH = "/apis/apps/v1/namespaces/observability/deployments"


@dataclass
class Api:
    """An API server that answers each look otherwise, and its last answer from then on."""

    looks: list[Answer]
    asked: list[str] = field(default_factory=list)

    def get(self, path: str) -> Answer:
        self.asked.append(path)
        return self.looks[0] if path == PATH else EMPTY


def missing(monkeypatch: pytest.MonkeyPatch, *looks: Answer, seconds: float = 0.05, ended: bool = False) -> str:
    api = Api(list(looks))

    @contextmanager
    def connect(context: str) -> Iterator[Api]:
        yield api
        api.looks[:] = api.looks[1:] or api.looks

    monkeypatch.setattr(workloads, "connect", connect)
    monkeypatch.setattr(workloads, "_LOOK", 0.01)
    found = workloads.missing("dev", "applied", seconds, lambda: ended)
    assert len(set(api.asked)) == 6
    return found


@pytest.mark.parametrize(
    "answer",
    [Answer(403, {"items": []}), Answer(401, {}), Answer(500, {}), Answer(200, {})],
    ids=["denied", "nobody", "broken", "no list"],
)
def test_a_server_that_does_not_show_them_is_what_is_missing(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    assert missing(monkeypatch, answer) == (
        f"after 0.05 s context dev does not show all workloads ({PATH} answers {answer.status}); allowed: 200, with a "
        "list; fix: use a role that may list deployments, statefulsets, daemonsets there, or see why the API server "
        "refuses"
    )


def test_a_server_that_refuses_for_a_while_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(monkeypatch, Answer(503, {}), Answer(403, {}), EMPTY, seconds=20.0) == ""


def test_an_interrupt_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    said = missing(monkeypatch, Answer(403, {}), seconds=20.0, ended=True)
    assert said.startswith("interrupted, while context dev does not show all workloads (")


def test_a_workload_that_lags_is_named_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[dict[str, Any]] = [{"items": [LAGS]}]
    assert missing(monkeypatch, *(Answer(200, each) for each in looks)) == (
        "after 0.05 s 1 workloads are not there (deployment loki: its controller has not seen it yet); "
        "fix: look at their events"
    )
    assert missing(monkeypatch, *(Answer(200, each) for each in looks), EMPTY, seconds=20.0) == ""
    assert missing(monkeypatch, Answer(200, {"items": None})) == ""
