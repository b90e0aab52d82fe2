"""Every query that a dashboard sends to Prometheus, on a real one: it returns data, and nobody else's.

Recorded samples of every exporter (bench/samples.yaml) go through the rules that ship. Three servers hold them: one has
a tenant's alone, one the platform's alone, one everybody's in two regions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest

from bench import samples
from bench.backfill import Backfilled, Window, shipped
from bench.samples import Owner
from components.values.dashboard_files import dashboard_files
from dashboards.catalogue import CATALOGUE
from dashboards.filling import Given, Query, Values, filled, offered, opening, queries
from lab.instance import Instance
from lab.process import Processes
from tests.contexts import context

STACK = "dev.us-east"
END: Final = 1_767_614_400
"""Noon of a Monday in January 2026, UTC: the same samples on every run."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
DRAWN: Final = Window(END - 30 * MINUTE, END, MINUTE)
"""What a panel shows."""
YESTERDAY: Final = Window(DRAWN.start - DAY, DRAWN.end - DAY, MINUTE)
WEEK: Final = Window(END - 8 * DAY, END, 30 * MINUTE)
SAMPLED: Final = [WEEK, *(Window(END - back - 70 * MINUTE, END - back, MINUTE) for back in (0, DAY, 7 * DAY))]
"""A sample each minute where a panel looks, each half hour besides."""
HERE, ELSEWHERE = "us-east", "eu-west"
ALONE = {"shop": Owner("shop", HERE), "platform": Owner("platform", HERE, 1.1)}
OTHERS = [Owner("market", HERE, 1.3), Owner("shop", ELSEWHERE, 1.7), Owner("platform", ELSEWHERE, 2.3)]
COUNTED = [ALONE["shop"], OTHERS[0]]
"""Tenants of the region, of each of which Loki and Tempo count what it sends."""
SERIES_LIMIT: Final = 130
"""So few that the samples come near it; settings would refuse it."""
MODELS = {each.uid: json.loads(each.text) for each in dashboard_files(context()) if each.uid in CATALOGUE}
QUERIES = [each for model in MODELS.values() for each in queries(model) if each.kind == "prometheus"]
UNCHANGED = {"Grown in a day", "Least budget left"}
"""Panels for which the samples give everybody the same number."""
CHOOSERS = {"region", "tenant"}
"""Variables that show who there is to choose from."""
Result = list[dict[str, Any]]


@dataclass(frozen=True)
class Stand:
    """Servers by whose samples they have: a tenant's alone, or everybody's."""

    alone: dict[str, Backfilled]
    everybody: Backfilled


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("panels")
    instance = Instance("panels", folder)
    instance.create()
    processes = Processes(instance)
    held = {**{name: [owner] for name, owner in ALONE.items()}, "everybody": [*ALONE.values(), *OTHERS]}
    times = sorted({time for window in SAMPLED for time in window.times})
    shop = context(STACK).platform.tenants["shop"]
    narrow = shop.limits.model_copy(update={"active_series": SERIES_LIMIT})
    here = context(STACK, platform={"tenants": {"shop": shop.model_copy(update={"limits": narrow})}})

    def made(name: str) -> Backfilled:
        server = Backfilled(processes, folder / name)
        given = samples.series(ALONE[each] for each in ALONE if ALONE[each] in held[name])
        # Others have more of everything, so that even numbers of things differ.
        given += samples.series((owner for owner in held[name] if owner in OTHERS), copies=2)
        if name == "platform":
            # What Loki and Tempo count of a tenant are series of the platform's, whoever the tenant is.
            given += [
                each
                for each in samples.series(COUNTED[:1]) + samples.series(COUNTED[1:], copies=2)
                if "exported_tenant=" in each.name
            ]
        server.add(samples.openmetrics(given, times, END))
        server.record(shipped(here, held[name], shop.slos), [WEEK, YESTERDAY, DRAWN])
        return server

    try:
        with ThreadPoolExecutor(len(held)) as pool:
            servers = dict(zip(held, pool.map(made, held), strict=True))
        yield Stand({name: servers[name] for name in ALONE}, servers["everybody"])
    finally:
        processes.stop()


def choice(uid: str, tenant: str, region: str = HERE) -> Given:
    """Return the values of a dashboard's variables where one tenant and one region are chosen."""
    return {**opening(MODELS[uid]), "tenant": [tenant], "region": [region]}


def result(server: Backfilled, query: Query, given: Given, text: str | None = None) -> Result:
    """Return what a panel is given, in an order of its own."""
    asked = filled(text or query.text, "prometheus", given, DRAWN.step, DRAWN.end - DRAWN.start)
    found = server.instant(asked, END) if query.instant else server.range(asked, DRAWN)
    return sorted(found, key=lambda each: json.dumps(each["metric"], sort_keys=True))


def strict(query: Query) -> str:
    """Return a query without the zero that stands for no data."""
    return query.text.replace(" or vector(0)", "")


@pytest.fixture(scope="module")
def whose(stand: Stand) -> dict[Query, str]:
    """Whose data each query returns: a tenant's where that has any, else the platform's, else nobody's."""
    return {
        query: next(
            (
                name
                for name, server in stand.alone.items()
                if result(server, query, choice(query.dashboard, name), strict(query))
            ),
            "nobody",
        )
        for query in QUERIES
    }


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_every_query_returns_data(whose: dict[Query, str], uid: str) -> None:
    mine = [query for query in QUERIES if query.dashboard == uid]
    assert mine
    assert [(query.panel, query.text) for query in mine if whose[query] == "nobody"] == []


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_other_tenants_and_regions_change_nothing(stand: Stand, whose: dict[Query, str], uid: str) -> None:
    for query in QUERIES:
        if query.dashboard == uid:
            for name in {"shop", whose[query]}:
                given = choice(uid, name)
                alone, among = result(stand.alone[name], query, given), result(stand.everybody, query, given)
                assert alone == among, (query.panel, query.text)


def test_whoever_chooses_another_or_all_sees_something_else(stand: Stand, whose: dict[Query, str]) -> None:
    """Else the test above would pass with no filter at all."""
    wider: list[Given] = [{"tenant": ["market"]}, {"tenant": ".*"}]
    further: list[Given] = [{"region": [ELSEWHERE]}, {"region": ".*"}]
    same = []
    for query in QUERIES:
        given = choice(query.dashboard, whose[query])
        mine = result(stand.everybody, query, given, strict(query))
        for others in (wider, further):
            seen = [result(stand.everybody, query, {**given, **each}, strict(query)) for each in others]
            if all(each == mine for each in seen) and query.panel not in UNCHANGED:
                same.append(f"{query.dashboard}, {query.panel}: {query.text}")
    assert not same, "\n".join(same)


def labels(query: Query) -> set[str]:
    """Return the labels that a panel shows: those of its legend, and of a table's rows."""
    rows = re.search(r"\bby \(([^)]*)\)", query.text) if query.type == "table" else None
    return {*re.findall(r"\{\{ *(\w+) *\}\}", query.legend), *(rows[1].replace(" ", "").split(",") if rows else ())}


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_what_a_legend_or_a_row_is_named_by_is_there(stand: Stand, whose: dict[Query, str], uid: str) -> None:
    for query in QUERIES:
        if query.dashboard == uid:
            found = result(stand.alone[whose[query]], query, choice(uid, whose[query]), strict(query))
            missing = labels(query) - {label for each in found for label in each["metric"]}
            assert not missing, (query.panel, query.text)


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_a_variable_offers_what_the_chosen_tenant_has(stand: Stand, uid: str) -> None:
    def values(server: Backfilled, each: Values, given: Given) -> list[str]:
        return server.values(each.label, filled(each.selector, "prometheus", given, MINUTE, HOUR), DRAWN)

    for each in offered(MODELS[uid]):
        given = choice(uid, "shop")
        mine = values(stand.alone["shop"], each, given)
        assert mine, each
        if each.name not in CHOOSERS:
            assert mine == values(stand.everybody, each, given), each


def test_regions_and_the_tenants_of_a_region_can_be_chosen(stand: Stand) -> None:
    found = {each.name: each for each in offered(MODELS["platform-overview"])}
    everything = opening(MODELS["platform-overview"])

    def values(name: str, given: Given) -> list[str]:
        each = found[name]
        return stand.everybody.values(each.label, filled(each.selector, "prometheus", given, MINUTE, HOUR), DRAWN)

    assert values("region", everything) == [ELSEWHERE, HERE]
    assert values("tenant", everything) == ["market", "platform", "shop"]
    assert values("tenant", {**everything, "region": [ELSEWHERE]}) == ["platform", "shop"]
