"""What the lint of trees finds, what it finds in the shipped ones, and whether the picture is of the tree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from components.values.alert_routing import alertmanager_config
from components.values.alerting import __main__ as command
from components.values.alerting import fired, lint, matching, page, picture
from settings import load
from tests.contexts import context
from tests.routing import with_everything

Tree = dict[str, Any]


def tree() -> Tree:
    return copy.deepcopy(alertmanager_config(with_everything()))


def routes(given: Tree) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = given["route"]["routes"]
    return found


def tenants_above_pages(given: Tree) -> None:
    routes(given).insert(0, {"receiver": "tenant-payments", "matchers": ['severity=~"page|fatal"']})


def digest_twice(given: Tree) -> None:
    routes(given).insert(-1, {"receiver": "info-digest", "matchers": ['severity="info"', 'alertname=~"A|B"']})


def contradiction(given: Tree) -> None:
    routes(given).insert(0, {"receiver": "dba-team", "matchers": ['tenant="a"', 'tenant="b"']})


def below_a_leaf(given: Tree) -> None:
    routes(given)[-2]["routes"] = [{"receiver": "dba-team", "matchers": ['tenant="somebody-else"']}]


def everything_first(given: Tree) -> None:
    routes(given).insert(0, {"receiver": "platform-team"})


def unused(given: Tree) -> None:
    given["receivers"].append({"name": "forgotten"})


def undefined(given: Tree) -> None:
    given["receivers"] = [each for each in given["receivers"] if each["name"] != "dba-team"]


def twice(given: Tree) -> None:
    given["receivers"].append(given["receivers"][0])


def no_interval(given: Tree) -> None:
    del given["time_intervals"]


def mixed(given: Tree) -> None:
    routes(given)[-1]["group_by"] = ["alertname"]


def far_reaching(given: Tree) -> None:
    given["inhibit_rules"][0]["equal"].remove("tenant")


def quiet_pages(given: Tree) -> None:
    given["inhibit_rules"][1]["target_matchers"] = ['severity=~".+"']


def open_credential(given: Tree) -> None:
    given["receivers"][0]["webhook_configs"][0]["url"] = "https://example.com/T0/B0"


FOUND: list[tuple[Callable[[Tree], None], list[str]]] = [
    (tenants_above_pages, [
        'route to on-call-eu-west (severity="page") is never reached; taken before by: tenant-payments, watchdog, '
        "info-digest",
    ]),
    (digest_twice, [
        'route to info-digest (severity="info", alertname=~"A|B") is never reached; taken before by: watchdog, '
        "info-digest, tenant-logistics, tenant-payments, tenant-storefront",
    ]),
    (contradiction, [
        'route to dba-team (tenant="a", tenant="b") is never reached; taken before by: nobody, its matchers contradict '
        "each other",
    ]),
    (below_a_leaf, [
        'route to dba-team (tenant="somebody-else") is never reached; taken before by: nobody, its matchers contradict '
        "each other",
    ]),
    (unused, ["receiver forgotten is in no route"]),
    (undefined, ["receiver dba-team is in a route but not defined"]),
    (twice, ["receiver watchdog is defined twice"]),
    (no_interval, ["mute interval nights is in a route but not defined"]),
    (mixed, ["route to platform-team groups by alertname; fix: group by tenant and region as well"]),
    (far_reaching, ["inhibit_rules[0] reaches over tenant; fix: name it in equal"]),
    (quiet_pages, ["inhibit_rules[1] keeps pages quiet; fix: name severity in target_matchers"]),
    (open_credential, [
        "receivers[0].webhook_configs[0].url holds a credential in the open; fix: name a mounted file",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "problems"), FOUND, ids=[spoil.__name__ for spoil, _ in FOUND])
def test_each_mistake_is_a_sentence(spoil: Callable[[Tree], None], problems: list[str]) -> None:
    given = tree()
    assert lint.problems(given) == []
    spoil(given)
    assert lint.problems(given) == problems


def test_behind_a_route_that_takes_everything_nothing_is_reached() -> None:
    given = tree()
    everything_first(given)
    assert len(lint.problems(given)) == len(routes(given)) - 1


@pytest.mark.parametrize("stack", command.every_stack())
def test_nothing_is_wrong_with_what_ships(stack: str) -> None:
    assert lint.problems(alertmanager_config(context(stack))) == []


def test_a_matcher_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^matcher 'tenant' is not understood; allowed: label=.value. with =, !=, "):
        matching.parsed("tenant")


def test_the_inhibition_graph_is_complete() -> None:
    given = alertmanager_config(context())
    alerts = [*fired.alerts(), *fired.of_chart()]
    assert lint.inhibition_problems(given, alerts) == []
    pages = {each["alertname"] for each in alerts if each["severity"] == "page" and "service_name" in each}
    warns = {each["alertname"] for each in alerts if each["severity"] == "warn" and "service_name" in each}
    assert "ServiceErrorRateCritical" in pages
    assert "ServiceErrorRateHigh" in warns


def test_an_incomplete_inhibition_graph_is_found() -> None:
    given, alerts = tree(), fired.alerts()
    given["inhibit_rules"][0]["equal"].append("alertname")
    found = lint.inhibition_problems(given, alerts)
    assert "page ServiceErrorRateCritical leaves warn ServiceErrorRateHigh of its service to be heard" in found
    given["inhibit_rules"][1]["source_matchers"] = ['severity="loud"']
    assert "inhibit_rules[1] keeps no warn quiet; fix: correct its matchers, or remove it" in lint.inhibition_problems(
        given, alerts
    )


@pytest.mark.parametrize("label", ["device", "instance", "integration", "mountpoint", "node", "persistentvolumeclaim"])
def test_a_page_of_the_chart_that_would_keep_a_warning_of_another_object_quiet_is_found(label: str) -> None:
    given = tree()
    given["inhibit_rules"][1]["equal"].remove(label)
    found = lint.inhibition_problems(given, [*fired.alerts(), *fired.of_chart()])
    assert found
    what = f" keep its warn of another {label} quiet; fix: name it in equal"
    assert all(each.startswith("inhibit_rules[1] lets page ") and each.endswith(what) for each in found)


def test_the_picture_in_the_documentation_is_current() -> None:
    assert (load.ROOT / page.FILE).read_text(encoding="utf-8") == page.page(), (
        "run: .venv/bin/python -m components.values.alerting docs"
    )


def test_the_picture_shows_every_route_and_where_it_goes_on() -> None:
    given = tree()
    drawn = picture.mermaid(given)
    for number, route in enumerate(routes(given)):
        assert f'r{number} -- takes --> r{number}to["{route["receiver"]}' in drawn
        follows = f"r{number} -. goes on .-> r{number + 1}" in drawn
        assert follows is bool(route.get("continue"))
    assert "severity = warn: not in nights" in drawn


def test_the_lint_command_ends_with_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["alerting", "lint"])
    assert command.main() == 0
    assert capsys.readouterr().out == f"routes: {len(command.every_stack())} trees, nothing is wrong.\n"
    broken = tree()
    unused(broken)
    monkeypatch.setattr(command, "alertmanager_config", lambda _: broken)
    monkeypatch.setattr("sys.argv", ["alerting", "lint", "dev.us-east"])
    assert command.main() == 1
    assert capsys.readouterr().err == "dev.us-east: receiver forgotten is in no route\n"
    silent = tree()
    silent["inhibit_rules"][1]["source_matchers"] = ['severity="loud"']
    monkeypatch.setattr(command, "alertmanager_config", lambda _: silent)
    assert command.main() == 1
    assert capsys.readouterr().err == (
        "dev.us-east: inhibit_rules[1] keeps no warn quiet; fix: correct its matchers, or remove it\n"
    )
    monkeypatch.setattr("sys.argv", ["alerting", "lint", "dev.mars"])
    assert command.main() == 1
    assert "mars" in capsys.readouterr().err
