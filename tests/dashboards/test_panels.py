"""Every query that a dashboard sends to Prometheus, on a real one: it returns data, and nobody else's.

Recorded samples of every exporter (bench/samples.yaml) go through the rules that ship. Three servers hold them: one has
a tenant's alone, one the platform's alone, one everybody's in two regions.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from bench import samples
from bench.backfill import Backfilled, Window, shipped
from bench.samples import Owner
from components.values.dashboard_files import dashboard_files
from components.values.tenant_dashboards import tenant_dashboards
from dashboards.catalogue import CATALOGUE
from dashboards.filling import Given, Query, Values, annotated, filled, offered, opening, panels, queries
from dashboards.gallery.lines import name
from lab.instance import Instance
from lab.process import Processes
from tests.backends import HTTP
from tests.contexts import context
from tests.dashboards.test_dashboards import SELECTOR

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
WELL = {"Without requests"}
"""Panels of what is not so with the tenant of the samples, whose objective is measured, but with the platform."""
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


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_alerts_of_other_tenants_and_regions_are_not_marked(stand: Stand, uid: str) -> None:
    (mark,) = [each for each in annotated(MODELS[uid]) if each.expr]

    def marked(server: Backfilled, given: Given) -> list[str]:
        found = server.range(filled(mark.expr, "prometheus", given, DRAWN.step, HOUR), DRAWN)
        return sorted(json.dumps(each["metric"], sort_keys=True) for each in found)

    mine = marked(stand.alone["shop"], choice(uid, "shop"))
    assert mine
    assert marked(stand.everybody, choice(uid, "shop")) == mine
    assert len(marked(stand.everybody, opening(MODELS[uid]))) > len(mine)


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


@pytest.mark.parametrize("uid", sorted({each.uid for each in tenant_dashboards(context())} & MODELS.keys()))
def test_every_panel_of_a_tenants_organization_shows_something_of_a_tenant(whose: dict[Query, str], uid: str) -> None:
    (made,) = [json.loads(each.text) for each in tenant_dashboards(context()) if each.uid == uid]
    shown: dict[tuple[str, str], set[str]] = {}
    for query in queries(made):
        if query.kind == "prometheus":
            shown.setdefault((query.type, query.panel), set()).add(whose[query])
    empty = {panel for _, panel in shown.keys() - {panel for panel, owners in shown.items() if "shop" in owners}}
    assert empty <= WELL


def links(uid: str) -> dict[tuple[str, str], set[str]]:
    """Return the labels that the data links of each panel of a dashboard take along."""
    return {
        (panel["type"], panel["title"]): set(re.findall(r"__field\.labels\.(\w+)", json.dumps(panel)))
        for panel in panels(MODELS[uid])
    }


def labels(query: Query) -> set[str]:
    """Return the labels that a panel shows or leads on with: those of its legend, of a table's rows, of its links."""
    rows = re.search(r"\bby \(([^)]*)\)", query.text) if query.type == "table" else None
    shown = {*re.findall(r"\{\{ *(\w+) *\}\}", query.legend), *(rows[1].replace(" ", "").split(",") if rows else ())}
    return shown | links(query.dashboard)[query.type, query.panel]


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_what_a_legend_a_row_or_a_link_names_is_there(stand: Stand, whose: dict[Query, str], uid: str) -> None:
    for query in QUERIES:
        if query.dashboard == uid:
            found = result(stand.alone[whose[query]], query, choice(uid, whose[query]), strict(query))
            missing = labels(query) - {label for each in found for label in each["metric"]}
            assert not missing, (query.panel, query.text)


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_no_two_lines_of_a_panel_have_the_same_name(stand: Stand, uid: str) -> None:
    """Of a region whose tenants have services, pods and databases of the same names."""
    everybody = {**opening(MODELS[uid]), "region": [HERE]}
    for panel in {(query.type, query.panel) for query in QUERIES if query.dashboard == uid}:
        names = Counter(
            name(query.legend, each["metric"])
            for query in QUERIES
            if (query.dashboard, query.type, query.panel) == (uid, *panel) and query.type == "timeseries"
            for each in result(stand.everybody, query, everybody)
        )
        assert [each for each, count in names.items() if count > 1] == [], panel


@pytest.mark.parametrize("uid", sorted(MODELS))
def test_every_label_that_a_query_names_is_one_of_its_metrics(stand: Stand, uid: str) -> None:
    """A label that nothing has neither selects nor groups, and a panel shows data all the same."""

    @cache
    def known(metric: str) -> frozenset[str]:
        asked = {"match[]": metric, "start": str(WEEK.start), "end": str(END)}
        answer = HTTP.get(f"{stand.everybody.url}/api/v1/labels", params=asked, timeout=60)
        assert answer.ok, answer.text
        return frozenset(answer.json()["data"])

    for query in QUERIES:
        if query.dashboard == uid:
            text = re.sub(r"\$\w+", "x", query.text)
            of_query: set[str] = set(re.findall(r'label_replace\(.*?, "(\w+)", "', text))
            for metric, matchers in SELECTOR.findall(text):
                there = known(metric or '{__name__!=""}')
                of_query |= there
                missing = set(re.findall(r'(\w+) *(?:=|!=|=~|!~) *"', matchers)) - there
                assert not missing, (query.panel, metric)
            grouped = re.findall(r"\b(?:by|on|ignoring|group_left|group_right) *\(([^()]*)\)", text)
            missing = {label.strip() for each in grouped for label in each.split(",") if label.strip()} - of_query
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
