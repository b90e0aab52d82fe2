"""Variables are filled as Grafana fills them, whose sources the expectations are from."""

from __future__ import annotations

import json
import re

import pytest

from components.values import datasources
from components.values.dashboard_files import dashboard_files
from dashboards.catalogue import CATALOGUE
from dashboards.filling import SCRAPE_SECONDS, Kind, filled, offered, opening, opening_range, queries, step
from tests.contexts import context

MODELS = {each.uid: json.loads(each.text) for each in dashboard_files(context()) if each.uid in CATALOGUE}


@pytest.mark.parametrize(
    ("kind", "two", "one", "special"),
    [
        ("prometheus", "(shop|market)", "shop", r"a\\.b"),
        ("loki", "shop|market", "shop", r"a\\.b"),
        ("tempo", "shop|market", "shop", "a.b"),
    ],
)
def test_chosen_values_are_a_regular_expression(kind: Kind, two: str, one: str, special: str) -> None:
    assert filled('{tenant=~"$tenant"}', kind, {"tenant": ["shop", "market"]}, 30, 3600) == f'{{tenant=~"{two}"}}'
    assert filled('{tenant=~"${tenant}"}', kind, {"tenant": ["shop"]}, 30, 3600) == f'{{tenant=~"{one}"}}'
    assert filled('{tenant=~"$tenant"}', kind, {"tenant": ["a.b"]}, 30, 3600) == f'{{tenant=~"{special}"}}'


@pytest.mark.parametrize("kind", ["prometheus", "loki", "tempo"])
def test_all_is_everything(kind: Kind) -> None:
    assert filled('{tenant=~"$tenant"}', kind, {"tenant": ".*"}, 30, 3600) == '{tenant=~".*"}'


def test_what_is_typed_stays_as_it_is_for_loki_and_is_quoted_for_prometheus() -> None:
    assert filled("|~ `(?i)$search`", "loki", {"search": r"\d+ ms"}, 30, 3600) == r"|~ `(?i)\d+ ms`"
    assert filled('x{y="$search"}', "prometheus", {"search": r"\d"}, 30, 3600) == r'x{y="\\d"}'
    assert filled("duration>$slow", "tempo", {"slow": "1s"}, 30, 3600) == "duration>1s"


def test_windows_follow_step_range_and_scrape_interval() -> None:
    windows = "[$__rate_interval] [$__interval] [$__range] $__range_s $__interval_ms"
    assert filled(windows, "prometheus", {}, 30, 10_800) == "[120s] [30s] [10800s] 10800 30000"
    assert filled(windows, "prometheus", {}, 300, 604_800).startswith("[330s] [300s]")
    assert filled("[$__auto]", "loki", {}, 60, 86_400) == "[60s]"


def test_groups_of_a_regular_expression_are_no_variables() -> None:
    assert filled('label_replace(up, "a", "$1", "b", "(.+)")', "prometheus", {}, 30, 60).count("$1") == 1


@pytest.mark.parametrize("query", ["$__rate_interval", "$nobody", "${nobody}"])
def test_a_variable_without_a_value_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"has no value in .*; known are .*tenant"):
        filled(query, "tempo", {"tenant": ".*"}, 30, 60)


@pytest.mark.parametrize(("hours", "seconds"), [(1, 30), (3, 30), (24, 60), (24 * 7, 600), (24 * 30, 1800)])
def test_a_longer_range_has_a_wider_step(hours: int, seconds: int) -> None:
    assert step(hours * 3600) == seconds


def test_the_scrape_interval_is_the_data_sources() -> None:
    assert f"{SCRAPE_SECONDS}s" == datasources.SCRAPE_INTERVAL


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_query_of_every_dashboard_can_be_filled(uid: str) -> None:
    model = MODELS[uid]
    asked, values = queries(model), opening(model)
    assert {"tenant": ".*", "region": ".*"}.items() <= values.items()
    assert opening_range(model) >= 3600
    texts = [(each.text, each.kind) for each in asked]
    texts += [(each.selector, "prometheus") for each in offered(model)]
    assert len(texts) >= 8
    for text, kind in texts:
        assert not re.search(r"\$(?!1)", filled(text, kind, values, 30, 3600)), text
