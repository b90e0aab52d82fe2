"""Every query of every panel, asked of a region that runs: it returns data, or its source is one that no lab has."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from automation.waiting import until
from components.values.dashboard_files import dashboard_files
from components.values.datasources import org_ids
from dashboards.__main__ import run as gallery
from dashboards.catalogue import CATALOGUE
from dashboards.filling import Query, filled, opening, opening_range, queries, step
from lab.signals import send
from lab.signals.path import CHECKOUT, Route
from lab.signals.plan import Plan
from tests.backends import HTTP
from tests.contexts import context
from tests.lab.telemetry import panel_signals
from tests.lab.telemetry.asking import TIMEOUT, becomes
from tests.lab.telemetry.panel_sources import MISSING, missing
from tests.lab.telemetry.run.test_full_queue import changed, reload
from tests.lab.telemetry.standing import STACK, Standing

SECONDS: Final = 180.0
"""Until what was sent is found, on a busy machine; spans are counted every 15 s, and a rate needs two counts."""
OFTEN: Final = "2s"
"""How often Prometheus scrapes and evaluates here, instead of every 30 s."""
PREFIX: Final = "panels-"
MEASURED: Final = "cart"
"""The service that has an objective in the settings that ship."""
MODELS: Final = {each.uid: json.loads(each.text) for each in dashboard_files(context(STACK)) if each.uid in CATALOGUE}
QUERIES: Final = [query for model in MODELS.values() for query in queries(model)]
EXPECTED: Final = [query for query in QUERIES if not any(missing(query))]
NEVER: Final = [query for query in QUERIES if any(each.always for each in missing(query))]
Result = list[Any]


def route() -> Route:
    """Return the whole path through services of this test's, and through the one with an objective."""
    own = CHECKOUT.named(PREFIX)
    hops = (
        dataclasses.replace(hop, service=MEASURED) if hop.service == f"{PREFIX}storefront" else hop for hop in own.hops
    )
    return dataclasses.replace(own, hops=tuple(hops))


PLAN: Final = Plan(
    traces=60, path=route(), error_share=0.2, slow_share=0.2, orphan_share=0.1, namespaces=("shop", "payments")
)


def ask(standing: Standing, query: Query, *, strictly: bool = False) -> Result:
    """Return what Grafana would be given for a panel of a dashboard that was just opened, with all tenants chosen.

    Args:
        standing: the region.
        query: of a panel.
        strictly: without the zero that stands for no data.
    """
    model = MODELS[query.dashboard]
    range_s = opening_range(model)
    step_s = step(range_s)
    own = query.text.replace(" or vector(0)", "") if strictly else query.text
    text = filled(own, query.kind, opening(model), step_s, range_s)
    end = time.time()
    times = {"start": str(int(end) - range_s), "end": str(int(end))}
    places = standing.telemetry.endpoints
    everybody = {"X-Scope-OrgID": org_ids(standing.context)}
    if query.kind == "tempo":
        asked = HTTP.get(
            f"{places.tempo}/api/search", params={"q": text, "limit": "20", **times}, headers=everybody, timeout=TIMEOUT
        )
    elif query.kind == "loki":
        given = {"query": text, "step": f"{step_s}s", "limit": "500", **times}
        asked = HTTP.get(f"{places.loki}/loki/api/v1/query_range", params=given, headers=everybody, timeout=TIMEOUT)
    elif query.instant:
        asked = HTTP.get(f"{places.prometheus}/api/v1/query", params={"query": text, "time": str(end)}, timeout=TIMEOUT)
    else:
        # The last point is now: Grafana's is up to a step earlier, and a minute later it would be the same.
        given = {"query": text, "step": str(step_s), "start": str(end - range_s), "end": str(end)}
        asked = HTTP.get(f"{places.prometheus}/api/v1/query_range", params=given, timeout=TIMEOUT)
    assert asked.ok, f"{text}: {asked.text}"
    document = asked.json()
    found: Result = document.get("traces", []) if query.kind == "tempo" else document["data"]["result"]
    return found


def busily(standing: Standing) -> tuple[Path, dict[str, Any]]:
    """Return Prometheus' configuration with shorter intervals, and its file."""
    file = standing.telemetry.folder / "prometheus" / "config.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    config["global"].update(evaluation_interval=OFTEN, scrape_interval=OFTEN, scrape_timeout=OFTEN)
    for job in config["scrape_configs"]:
        job.update(scrape_interval=OFTEN, scrape_timeout=OFTEN)
    return file, config


def send_everything(standing: Standing, times: int) -> None:
    """Send requests, and what applications say besides; for the n-th time, as counters have grown since the last."""
    telemetry = standing.telemetry
    send.run(dataclasses.replace(PLAN, seed=times), standing.pods(PLAN))
    caller = telemetry.pod("shop", f"{PREFIX}caller-0", f"{PREFIX}caller")
    now = time.time_ns()
    panel_signals.told(caller, f"{PREFIX}caller", panel_signals.calls(times * 100, now))
    panel_signals.told(caller, f"{PREFIX}caller", panel_signals.deliveries(times * 100, now))
    panel_signals.late(caller, f"{PREFIX}caller")


@pytest.fixture(scope="module")
def found(standing: Standing) -> Iterator[dict[Query, Result]]:
    """What each query returns; empty where it returned nothing until the deadline."""
    answers: dict[Query, Result] = {}
    rounds = 0

    def complete() -> bool:
        nonlocal rounds
        rounds += 1
        # A rate needs a counter that grows while it is looked at.
        send_everything(standing, rounds)
        wanted = [query for query in EXPECTED if not answers.get(query)]
        answers.update(zip(wanted, pool.map(lambda query: ask(standing, query), wanted), strict=True))
        return all(answers[query] for query in EXPECTED)

    server = standing.telemetry.pod("shop", "orders-db-0", "orders-db")
    panel_signals.planned(server)
    panel_signals.orders(server, "orders", time.time_ns())
    try:
        with changed(*busily(standing)), ThreadPoolExecutor(2) as pool:
            reload(standing)
            until(complete, SECONDS, interval=4.0)
            answers.update(zip(NEVER, pool.map(lambda query: ask(standing, query, strictly=True), NEVER), strict=True))
            yield answers
    finally:
        reload(standing)


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_every_query_returns_data_where_its_source_is(found: dict[Query, Result], uid: str) -> None:
    mine = [query for query in EXPECTED if query.dashboard == uid]
    assert [(query.panel, query.ref, query.text) for query in mine if not found[query]] == []


def test_what_is_listed_as_missing_is_missing(found: dict[Query, Result]) -> None:
    """A panel with a zero in place of nothing shows that in the lab as well: it needs no place on the list."""
    assert [(query.dashboard, query.panel, query.ref) for query in NEVER if found[query]] == []


def test_the_gallery_draws_a_region_that_runs(
    standing: Standing, found: dict[Query, Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = standing.telemetry.endpoints
    asked = ["--prometheus", places.prometheus, "--loki", places.loki, "--tempo", places.tempo, "--range", "15m"]
    shown = [each for uid in ("logs-explorer", "service-overview", "trace-explorer") for each in ("--only", uid)]
    absent = {(query.dashboard, query.panel) for query in QUERIES if query not in EXPECTED}

    def lacking() -> set[tuple[str, str]]:
        assert gallery(["gallery", *asked, *shown, "--out", str(tmp_path), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        return {(each["dashboard"], each["panel"]) for each in report["missing"]} - absent

    none: set[tuple[str, str]] = set()
    # Its last point is up to a step ago, when the first signals may not have been there.
    becomes(none, lacking)


def test_each_entry_of_the_list_is_a_panel() -> None:
    known = {uid: {query.panel for query in queries(model)} for uid, model in MODELS.items()}
    for each in MISSING:
        for uid, titles in each.panels.items():
            assert {title.partition("/")[0] for title in titles} - {"*"} <= known[uid], each.why


def test_most_of_what_is_shown_is_shown_here() -> None:
    """The list is of what a lab cannot have; it is not to grow by what is only tedious to send."""
    whole = {uid for each in MISSING for uid, titles in each.panels.items() if titles == ("*",)}
    assert whole == {"gpu", "kafka", "kubernetes-workloads", "postgres-connections"}
    assert len(EXPECTED) > len(QUERIES) / 2
