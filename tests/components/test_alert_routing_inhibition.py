"""What keeps quiet, asked of a real Alertmanager that runs the tree as it is delivered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
import requests

from automation import waiting
from lab.instance import Instance
from lab.process import Processes
from tests import alertmanagers
from tests.contexts import context

DEADLINE = 30.0


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start Alertmanager on the delivered Secret, its credentials addresses where nobody answers."""
    folder = tmp_path_factory.mktemp("alertmanager")
    instance = Instance.of("prod.alerts", folder)
    instance.create()
    processes = Processes(instance)
    try:
        yield f"{alertmanagers.start(processes, alertmanagers.place(context(), folder / 'tree'))}/api/v2"
    finally:
        processes.stop()


def quiet(address: str, first: Mapping[str, str], second: Mapping[str, str]) -> set[str]:
    """Post two alerts and return the severities of those that are kept quiet, once Alertmanager has decided."""
    mark = re.sub(r"\W", "_", f"{first}{second}")
    posted = [{"labels": {**labels, "case": mark}} for labels in (first, second)]
    requests.post(f"{address}/alerts", json=posted, timeout=10).raise_for_status()

    def found() -> list[dict[str, dict[str, str]]]:
        answer = requests.get(f"{address}/alerts", params={"filter": f'case="{mark}"'}, timeout=10)
        alerts: list[dict[str, dict[str, str]]] = answer.json()
        return alerts

    def decided() -> bool:
        return len(found()) == 2 and all(each["status"]["state"] != "unprocessed" for each in found())

    assert waiting.until(decided, DEADLINE), found()
    return {each["labels"]["severity"] for each in found() if each["status"]["state"] == "suppressed"}


SCRATCH = {"namespace": "shop", "persistentvolumeclaim": "scratch"}
CART = {"tenant": "storefront", "region": "us-east", "service_name": "cart"}


@pytest.mark.parametrize(
    ("page", "warn", "inhibits"),
    [
        ({"alertname": "A", **CART}, {"alertname": "B", **CART}, True),
        ({"alertname": "A", **CART}, {"alertname": "B", **CART, "service_name": "search"}, False),
        ({"alertname": "A", **CART}, {"alertname": "B", **CART, "tenant": "payments"}, False),
        ({"alertname": "A", **CART}, {"alertname": "B", **CART, "region": "eu-west"}, False),
        # Without a service on both sides nothing but the same alert about the same thing is held back.
        ({"alertname": "A", "tenant": "t"}, {"alertname": "B", "tenant": "t"}, False),
        ({"alertname": "Disk", "instance": "n1"}, {"alertname": "Disk", "instance": "n1"}, True),
        ({"alertname": "Disk", "instance": "n1"}, {"alertname": "Disk", "instance": "n2"}, False),
        ({"alertname": "Full", **SCRATCH}, {"alertname": "Full", **SCRATCH}, True),
        *(
            ({"alertname": "Full", **SCRATCH}, {"alertname": "Full", **SCRATCH, label: "another"}, False)
            for label in (*SCRATCH, "integration", "node", "name", "postgres_cluster")
        ),
    ],
)
def test_a_page_keeps_quiet_the_warning_of_the_same_service_and_region_only(
    alertmanager: str, page: dict[str, str], warn: dict[str, str], inhibits: bool
) -> None:
    assert quiet(alertmanager, {**page, "severity": "page"}, {**warn, "severity": "warn"}) == (
        {"warn"} if inhibits else set()
    )


def test_neither_a_warning_nor_a_note_of_the_service_keeps_anything_quiet(alertmanager: str) -> None:
    warn, info = {"alertname": "C", **CART, "severity": "warn"}, {"alertname": "D", **CART, "severity": "info"}
    search = {**CART, "service_name": "search"}
    assert quiet(alertmanager, {**warn, **search}, {**info, **search}) == set()


def test_a_note_is_heard_beside_a_page(alertmanager: str) -> None:
    other = {**CART, "service_name": "checkout"}
    page, info = {"alertname": "E", **other, "severity": "page"}, {"alertname": "F", **other, "severity": "info"}
    assert quiet(alertmanager, page, info) == set()
