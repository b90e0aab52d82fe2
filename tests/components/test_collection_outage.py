"""What is lost when something is down: nothing that a queue can hold, and nobody else's signals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings.units import Duration
from tests.components.collection_chain import Chain, until
from tests.contexts import collecting, context
from tests.otlp import attributes

ARRIVAL_SECONDS = 40
"""A retry waits 1 s at first and a little longer each time."""


@pytest.fixture
def chain(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Chain]:
    soon = collecting("dev.us-east", decision_wait=Duration("1s"), decision_wait_after_root=Duration("1s"))
    stuck = getattr(request, "param", None)
    chain = Chain(context("dev.us-east", platform=soon), tmp_path, stuck)
    try:
        chain.start()
        yield chain
    finally:
        chain.stop()


def log(chain: Chain, text: str, namespace: str = "payments") -> None:
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": text}}
    chain.send("logs", {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}, namespace)


def failed_span(chain: Chain, number: int) -> None:
    now = time.time_ns()
    span: dict[str, Any] = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": str(number),
        "kind": 2,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1),
        "status": {"code": 2},
    }
    resource = {"attributes": attributes({"service.name": "api"})}
    chain.send("traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}, "payments")


def arrived(chain: Chain, *texts: str) -> Counter[str]:
    def read() -> Counter[str] | None:
        found = Counter(each["body"]["stringValue"] for each in chain.stored("logs"))
        return found if set(texts) <= set(found) else None

    return until(read, ARRIVAL_SECONDS, f"{texts}")


def spans(chain: Chain, count: int) -> list[str]:
    def read() -> list[str] | None:
        found = sorted(each["name"] for each in chain.stored("traces"))
        return found if len(found) >= count else None

    return until(read, ARRIVAL_SECONDS, f"{count} spans")


def test_an_outage_of_the_stores_loses_nothing_even_when_the_gateway_restarts_in_it(chain: Chain) -> None:
    log(chain, "before")
    arrived(chain, "before")
    chain.end("stores")
    log(chain, "during")
    failed_span(chain, 1)
    # The sampler decides after a second; then the span is in its tenant's queue, on disk.
    log_file = chain.folder / "gateway.log"
    until(lambda: True if "traces-payments" in log_file.read_text() else None, ARRIVAL_SECONDS, "a refused span")
    chain.end("gateway")
    chain.run("gateway")
    log(chain, "after")
    chain.run("stores")
    assert arrived(chain, "before", "during", "after") == {"before": 1, "during": 1, "after": 1}
    assert spans(chain, 1) == ["1"]


def test_an_outage_of_the_gateways_loses_nothing_even_when_the_agent_restarts_in_it(chain: Chain) -> None:
    chain.end("gateway")
    log(chain, "during")
    failed_span(chain, 1)
    chain.end("agent")
    chain.write_log("shop", ["while the agent was gone"])
    chain.run("agent")
    chain.run("gateway")
    assert arrived(chain, "during", "while the agent was gone") == {"during": 1, "while the agent was gone": 1}
    assert spans(chain, 1) == ["1"]


@pytest.mark.parametrize("chain", ["shop"], indirect=True)
def test_a_tenant_whose_queue_is_full_neither_delays_nor_doubles_what_others_send(chain: Chain) -> None:
    for number in range(5):
        log(chain, f"shop-{number}", "shop")
        log(chain, f"payments-{number}")
        chain.write_log("shop", [f"file-{number}"])
    last = [f"payments-{number}" for number in range(5)]
    found = arrived(chain, *last)
    log(chain, "later")
    found = arrived(chain, *last, "later")
    assert found == dict.fromkeys([*last, "later"], 1)
    assert "Sender failed" in (chain.folder / "gateway.log").read_text()
