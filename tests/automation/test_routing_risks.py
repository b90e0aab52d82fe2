"""Which changes of Alertmanager's tree are risks: by hand in a small tree, and by settings in the one that ships."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from automation.paths import MISSING, differences
from automation.report.leaves import leaves
from automation.report.routing import of_outputs
from automation.result import Field
from components.values.alert_routing import alertmanager_config
from settings import load
from settings.alerting import Webhook
from settings.vocabulary import Severity
from tests import contexts

Tree = dict[str, Any]
SHOP = 'tenant="shop" -> shop'
ZOO = 'tenant="zoo" -> zoo'
ON_CALL = 'severity="page" -> on-call'
NIGHTLY = {"receiver": "shop", "matchers": ['severity="warn"'], "mute_time_intervals": ["nights"]}
QUIET = {"source_matchers": ['severity="page"'], "target_matchers": ['severity="warn"'], "equal": ["tenant", "region"]}
TREE: Tree = {
    "receivers": [
        {"name": "on-call", "pagerduty_configs": [{}]},
        {"name": "shop", "slack_configs": [{"channel": "#shop"}, {"channel": "#ops"}], "pagerduty_configs": [{}]},
        {"name": "zoo"},
    ],
    "route": {
        "receiver": "platform",
        "routes": [
            {"receiver": "on-call", "matchers": ['severity="page"'], "continue": True},
            {"receiver": "shop", "matchers": ['tenant="shop"']},
            {"receiver": "zoo", "matchers": ['tenant="zoo"'], "routes": [{**NIGHTLY, "receiver": "zoo"}]},
        ],
    },
    "inhibit_rules": [QUIET],
    "time_intervals": [{"name": "nights", "time_intervals": [{"times": [{"start_time": "22:00"}]}]}],
}


def between(before: Any, after: Any) -> list[tuple[str, str]]:
    """Risks of the outputs as the driver tells how they differ."""
    fields = [
        Field(
            path,
            "add" if old is MISSING else "delete" if new is MISSING else "update",
            None if old is MISSING else old,
            None if new is MISSING else new,
        )
        for path, old, new in differences(before, after)
    ]
    return [(risk.kind, risk.subject) for risk in of_outputs(leaves(fields))]


def risks(change: Callable[[Tree], object], before: Tree = TREE) -> list[tuple[str, str]]:
    after = copy.deepcopy(before)
    change(after)
    return between({"alertmanagerConfig": before}, {"alertmanagerConfig": after})


def routes(tree: Tree) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tree["route"]["routes"]
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tree: tree["receivers"].pop(), ["zoo"]),
        (lambda tree: tree.pop("receivers"), ["on-call", "shop", "zoo"]),
        (lambda tree: tree["receivers"][1].pop("pagerduty_configs"), ["shop"]),
        (lambda tree: tree["receivers"][1]["slack_configs"].pop(), ["shop"]),
        (lambda tree: tree["receivers"][1]["slack_configs"][0].update(channel="#other"), []),
        (lambda tree: tree["receivers"][1]["slack_configs"][0].clear(), []),
        (lambda tree: tree["receivers"].append({"name": "new"}), []),
    ],
    ids=["one", "all", "a way", "one of two ways", "another channel", "no channel of its own", "a new one"],
)
def test_a_receiver_that_goes_or_tells_fewer_is_a_risk(change: Callable[[Tree], object], expected: list[str]) -> None:
    assert risks(change) == [("receiver-removed", name) for name in expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tree: routes(tree).pop(1), [SHOP]),
        (lambda tree: tree["route"].pop("routes"), [ON_CALL, SHOP, ZOO]),
        (lambda tree: tree["route"].update(routes=None), [ON_CALL, SHOP, ZOO]),
        (lambda tree: tree.pop("route"), ["alertmanagerConfig"]),
        # Its receiver hears it by the route above, and sooner.
        (lambda tree: routes(tree)[2].pop("routes"), []),
    ],
    ids=["one", "all, with their key", "null", "the top one", "one that muted"],
)
def test_a_route_that_goes_is_a_risk(change: Callable[[Tree], object], expected: list[str]) -> None:
    assert risks(change) == [("route-removed", name) for name in expected]


def test_the_last_routes_that_go_are_risks_whatever_their_receiver_is_called() -> None:
    named = {"route": {"receiver": "platform", "routes": [{"receiver": "route"}]}}
    assert risks(lambda tree: tree["route"].pop("routes"), named) == [("route-removed", "everything -> route")]


def test_the_last_route_below_another_that_goes_is_a_risk_when_it_told_somebody_else() -> None:
    below = {"receiver": "on-call", "matchers": ['severity="page"']}
    with_it = copy.deepcopy(TREE)
    routes(with_it)[1]["routes"] = [below]
    assert risks(lambda tree: routes(tree)[1].pop("routes"), with_it) == [("route-removed", ON_CALL)]


@pytest.mark.parametrize("after", [{}, {"alertmanagerConfig": None}, {"alertmanagerConfig": "[secret]"}])
def test_a_tree_that_is_gone_or_no_longer_shows_is_a_risk(after: Any) -> None:
    assert between({"alertmanagerConfig": TREE}, after) == [("route-removed", "alertmanagerConfig")]


def test_the_first_tree_is_none() -> None:
    assert between({}, {"alertmanagerConfig": TREE}) == []
    assert between({"other": {"receivers": [{"name": "a"}]}}, {"other": {}}) == [], "another output's receivers"


def test_of_two_routes_of_one_name_one_that_goes_is_a_risk() -> None:
    twice = copy.deepcopy(TREE)
    routes(twice).insert(2, {**routes(twice)[1], "group_wait": "1m"})
    assert risks(lambda tree: routes(tree).pop(2), twice) == [("route-removed", SHOP)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tree: routes(tree)[0].pop("continue"), [ON_CALL]),
        (lambda tree: routes(tree)[0].update({"continue": False}), [ON_CALL]),
        (lambda tree: routes(tree)[1].update({"continue": True}), []),
        (lambda tree: tree["route"].update(receiver="nobody"), ["route"]),
        (lambda tree: routes(tree).insert(0, {"receiver": "zoo"}), ["everything -> zoo"]),
        (lambda tree: routes(tree).insert(0, {"receiver": "new", "continue": True}), []),
        (lambda tree: routes(tree)[1].update(routes=[{"receiver": "zoo"}]), ["everything -> zoo"]),
        (lambda tree: routes(tree)[1].update(routes=[{"receiver": "shop", "group_wait": "1h"}]), []),
        (lambda tree: routes(tree)[1].update(routes=[{"group_wait": "1h"}]), []),
    ],
    ids=[
        "continue goes",
        "continue is false",
        "continue comes",
        "the top receiver",
        "one that takes all in front",
        "one that goes on in front",
        "below another one",
        "below, the same receiver",
        "below, no receiver of its own",
    ],
)
def test_a_route_after_which_others_hear_less_is_a_risk(change: Callable[[Tree], object], expected: list[str]) -> None:
    assert risks(change) == [("route-changed", name) for name in expected]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([3, 0, 1, 2], ["everything -> platform"]),
        ([0, 2, 1, 3], []),
        ([1, 0, 2, 3], [SHOP]),
        ([0, 1, 3, 2], ["everything -> platform"]),
    ],
    ids=["all before all", "two tenants", "a tenant before who is on call", "all before one"],
)
def test_a_route_that_comes_to_stand_before_those_it_takes_alerts_from_is_a_risk(
    order: list[int], expected: list[str]
) -> None:
    last = copy.deepcopy(TREE)
    routes(last).append({"receiver": "platform"})

    def sort(tree: Tree) -> None:
        tree["route"]["routes"] = [routes(last)[place] for place in order]

    assert risks(sort, last) == [("route-changed", name) for name in expected]


def test_a_route_that_goes_on_may_come_before_others() -> None:
    after = copy.deepcopy(TREE)
    routes(after).append(routes(after).pop(0))
    assert risks(lambda tree: routes(tree).insert(0, routes(tree).pop()), after) == []


def test_of_two_routes_of_one_name_another_receiver_is_a_risk() -> None:
    twice = copy.deepcopy(TREE)
    routes(twice).append(copy.deepcopy(routes(twice)[1]))
    assert risks(lambda tree: routes(tree)[3].update(receiver="zoo"), twice) == [("route-changed", "routes[3]")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tree: routes(tree)[1].update(mute_time_intervals=["nights"]), [SHOP]),
        (lambda tree: routes(tree)[2]["routes"][0]["mute_time_intervals"].append("days"), ['severity="warn" -> zoo']),
        (lambda tree: routes(tree)[2]["routes"][0].pop("mute_time_intervals"), []),
        (lambda tree: routes(tree)[1].update(routes=[NIGHTLY]), ['severity="warn" -> shop']),
        (lambda tree: routes(tree)[1].update(active_time_intervals=["days"]), [SHOP]),
        (lambda tree: routes(tree)[0]["active_time_intervals"].append("noon"), []),
        (lambda tree: routes(tree)[0]["active_time_intervals"].pop(), [ON_CALL]),
        (lambda tree: routes(tree)[0]["active_time_intervals"].reverse(), []),
        (lambda tree: routes(tree)[0].pop("active_time_intervals"), []),
        (lambda tree: routes(tree)[0]["mute_time_intervals"].reverse(), []),
        (lambda tree: tree["inhibit_rules"].append({**QUIET, "equal": ["tenant"]}), ["inhibit_rules[1]"]),
        (lambda tree: tree["inhibit_rules"][0]["equal"].remove("region"), ["inhibit_rules[0]"]),
        (lambda tree: tree["inhibit_rules"][0]["equal"].append("pod"), []),
        (lambda tree: tree["inhibit_rules"][0]["equal"].reverse(), []),
        (lambda tree: tree["inhibit_rules"].pop(), []),
        (lambda tree: tree.pop("inhibit_rules"), []),
        (
            lambda tree: tree["time_intervals"][0]["time_intervals"][0]["times"][0].update(start_time="20:00"),
            ["nights"],
        ),
        (lambda tree: tree["time_intervals"].append({"name": "days", "time_intervals": []}), []),
    ],
    ids=[
        "a mute interval",
        "one more",
        "one that goes",
        "a route with one below",
        "active times",
        "one more of those",
        "one less",
        "those in another order",
        "at all times",
        "mute intervals in another order",
        "an inhibition",
        "a wider one",
        "a narrower one",
        "its labels in another order",
        "one that goes, of inhibitions",
        "all of them",
        "longer nights",
        "an interval that nobody uses yet",
    ],
)
def test_what_keeps_alerts_quiet_is_a_risk(change: Callable[[Tree], object], expected: list[str]) -> None:
    before = copy.deepcopy(TREE)
    routes(before)[0].update(active_time_intervals=["days", "mornings"], mute_time_intervals=["lunch", "sundays"])
    assert risks(change, before) == [("alert-muted", name) for name in expected]


def test_inhibitions_where_none_were_are_risks() -> None:
    without = {key: value for key, value in TREE.items() if key != "inhibit_rules"}
    assert risks(lambda tree: tree.update(inhibit_rules=[QUIET]), without) == [("alert-muted", "inhibit_rules[0]")]


PLATFORM = load.environment_from_file("prod")
STOREFRONT = PLATFORM.tenants["storefront"]
MUTED = {"mute": ["nights"]}


def changed(**settings: Any) -> list[tuple[str, str]]:
    """Risks of settings that differ from those of prod."""
    trees = (alertmanager_config(contexts.context(platform=each)) for each in ({}, settings))
    return between(*({"alertmanagerConfig": tree} for tree in trees))


def test_a_tenant_more_is_no_risk_in_the_tree_that_ships_and_one_less_is() -> None:
    assert changed(tenants={**PLATFORM.tenants, "zoo": STOREFRONT}) == []
    muted = STOREFRONT.model_copy(update={"channels": STOREFRONT.channels.model_copy(update=MUTED)})
    assert changed(tenants={**PLATFORM.tenants, "zoo": muted}) == []
    assert changed(tenants={name: each for name, each in PLATFORM.tenants.items() if name != "storefront"}) == [
        ("receiver-removed", "tenant-storefront"),
        ("route-removed", 'tenant="storefront" -> tenant-storefront'),
    ]


def test_a_tenant_that_wishes_for_quiet_nights_is_a_risk_in_the_tree_that_ships() -> None:
    muted = STOREFRONT.model_copy(update={"channels": STOREFRONT.channels.model_copy(update=MUTED)})
    found = changed(tenants={**PLATFORM.tenants, "storefront": muted})
    assert found == [("alert-muted", 'severity="warn" -> tenant-storefront')]


def test_a_webhook_that_hears_alerts_beside_the_others_is_no_risk_in_the_tree_that_ships() -> None:
    webhook = Webhook(url_secret="alerting/desk-url", severities=[Severity.PAGE])
    assert changed(alerting=PLATFORM.alerting.model_copy(update={"webhooks": {"desk": webhook}})) == []
