"""Silences of one tenant in one region, asked of the command and of a real Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

import tools
from automation import cli, silences, waiting
from automation.problem import Exit
from automation.silences import Scope
from automation.verify.command import TOKEN_VARIABLE
from lab.instance import Instance
from lab.process import Command, Processes
from lab.telemetry.operators import answers
from tests import alertmanagers
from tests.contexts import context

DEADLINE = 30.0
PROXY = "prom-label-proxy"
GOOD = {"--tenant": "payments", "--region": "eu-west", "--for": "2h", "--reason": "migration of the ledger"}


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    instance = Instance.of("prod.silences", tmp_path_factory.mktemp("silences"))
    instance.create()
    made = Processes(instance)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def alertmanager(processes: Processes) -> str:
    folder = processes.instance.folder / "tree"
    return alertmanagers.start(processes, alertmanagers.place(context("prod.eu-west"), folder))


@pytest.fixture(scope="module")
def of_storefront(processes: Processes, alertmanager: str) -> str:
    """Alertmanager as the access proxy shows it to whoever has storefront's token."""

    def argv(ports: Mapping[str, int]) -> list[str]:
        listen = [f"-insecure-listen-address=127.0.0.1:{ports['web']}", f"-upstream={alertmanager}"]
        return [
            str(tools.ensure(PROXY)[PROXY]),
            *listen,
            "-label=tenant",
            "-label-value=storefront",
            "-error-on-replace",
        ]

    child = processes.start(Command(PROXY, argv, lambda ports: answers(ports["web"], "/api/v2/silences"), ("web",)))
    return f"http://127.0.0.1:{child.ports['web']}"


def command(name: str, **changes: str | None) -> list[str]:
    """Return the arguments of a good command with options that differ, or that are left out (None)."""
    options = {**(GOOD if name == "silence" else {}), **{f"--{key}": value for key, value in changes.items()}}
    return [name, *(part for key, value in options.items() if value is not None for part in (key, value))]


def made(capsys: pytest.CaptureFixture[str], url: str, **changes: str | None) -> dict[str, Any]:
    """Run a good command and return the silence that Alertmanager has after it."""
    assert cli.run([*command("silence", alertmanager=url, **changes), "--json"]) == Exit.OK
    said = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = requests.get(f"{url}/api/v2/silence/{said['id']}", timeout=10).json()
    return found


REFUSALS = [
    ({"tenant": "nobody"}, "--tenant: 'nobody' is no tenant of prod.eu-west; allowed: logistics, payments, storefront, "
     "platform; fix: correct the name"),
    ({"tenant": "recommendations"}, "--tenant: 'recommendations' is no tenant of prod.eu-west; allowed: logistics, "
     "payments, storefront, platform; fix: correct the name"),
    ({"tenant": ""}, "--tenant: is empty; allowed: one name, since a silence over all would hide other people's "
     "alerts; fix: name one, and run the command once for each"),
    ({"region": " "}, "--region: is empty; allowed: one name, since a silence over all would hide other people's "
     "alerts; fix: name one, and run the command once for each"),
    ({"alert": ""}, "--alert: is empty; allowed: the name of an alert; fix: leave it out to mean all"),
    ({"for": "169h"}, "--for: is '169h'; allowed: 1m to 7d; fix: shorten it, and silence again if it is still needed "
     "then"),
    ({"for": "8d"}, "--for: is '8d'; allowed: 1m to 7d; fix: shorten it, and silence again if it is still needed then"),
    ({"for": "59s"}, "--for: is '59s'; allowed: 1m to 7d; fix: shorten it, and silence again if it is still needed "
     "then"),
    ({"for": "2"}, "--for: is '2'; allowed: a whole number with a unit: ms, s, m, h or d; fix: write for example 2h"),
    ({"reason": "  "}, '--reason: is empty; allowed: a sentence; fix: say why, such as "migration of the ledger"'),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), REFUSALS)
def test_a_silence_that_is_too_wide_too_long_or_without_a_reason_is_refused(
    capsys: pytest.CaptureFixture[str], changes: dict[str, str], sentence: str
) -> None:
    assert cli.run(command("silence", alertmanager=alertmanagers.NOWHERE, **changes)) == Exit.FAILED
    assert capsys.readouterr().err == f"{sentence}\n"


def test_an_unknown_region_is_refused_by_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command("silence", alertmanager=alertmanagers.NOWHERE, region="mars")) == Exit.FAILED
    assert "mars" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["tenant", "region", "for", "reason"])
def test_an_option_that_is_left_out_is_a_wrong_argument(option: str) -> None:
    assert cli.run(command("silence", **{option: None})) == Exit.USAGE


def test_alertmanager_has_exactly_what_was_asked_for(
    alertmanager: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    found = made(capsys, alertmanager, alert="PaymentsSlow", **{"for": "7d"})
    assert {(each["name"], each["value"], each["isRegex"], each["isEqual"]) for each in found["matchers"]} == {
        ("tenant", "payments", False, True),
        ("region", "eu-west", False, True),
        ("alertname", "PaymentsSlow", False, True),
    }
    assert (found["createdBy"], found["comment"]) == ("grace", "migration of the ledger")
    lasts = datetime.fromisoformat(found["endsAt"]) - datetime.fromisoformat(found["startsAt"])
    assert abs(lasts - timedelta(days=7)) < timedelta(minutes=1)


def test_it_says_until_when_and_what_next(alertmanager: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command("silence", alertmanager=alertmanager)) == Exit.OK
    said = capsys.readouterr().out
    assert said.startswith("Every alert of payments in eu-west is silent until ")
    assert "Next: python -m automation silences" in said


def in_force(url: str) -> list[list[str]]:
    return sorted(each.matchers for each in silences.ending(url, datetime.now(UTC), timedelta(days=8)))


def test_a_token_of_another_tenant_silences_nobody(
    alertmanager: str, of_storefront: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = in_force(alertmanager)
    monkeypatch.setenv(TOKEN_VARIABLE, "storefront's")
    assert cli.run(command("silence", alertmanager=of_storefront)) == Exit.FAILED
    assert capsys.readouterr().err == (
        '--tenant: is \'payments\', but what was made is one of region="eu-west", tenant="storefront", and was ended '
        "again; allowed: the tenant whose token is in $OBSERVABILITY_TOKEN; fix: correct --tenant, or use that "
        "tenant's token\n"
    )
    assert in_force(alertmanager) == before
    assert cli.run(command("silence", alertmanager=of_storefront, tenant="storefront")) == Exit.OK
    assert in_force(alertmanager) == sorted([*before, ['region="eu-west"', 'tenant="storefront"']])


def test_an_alertmanager_of_another_region_is_refused(alertmanager: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = in_force(alertmanager)
    assert cli.run(command("silence", alertmanager=alertmanager, region="us-east")) == Exit.FAILED
    assert capsys.readouterr().err == (
        f"--alertmanager: {alertmanager} does not wake the on-call of us-east; allowed: the Alertmanager of us-east; "
        "fix: correct the address or --region\n"
    )
    assert in_force(alertmanager) == before


def silent(url: str, **labels: str) -> bool:
    """Post an alert and tell whether Alertmanager keeps it silent, once it has decided."""
    posted = {"severity": "warn", "region": "eu-west", **labels}
    requests.post(f"{url}/api/v2/alerts", json=[{"labels": posted}], timeout=10).raise_for_status()

    def state() -> str:
        (found,) = [each for each in alertmanagers.alerts(url, **posted) if each["labels"] == posted]
        return str(found["status"]["state"])

    assert waiting.until(lambda: state() != "unprocessed", DEADLINE)
    return state() == "suppressed"


def test_a_silence_of_the_platform_reaches_what_has_no_tenant_and_nobody_elses(
    alertmanager: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(capsys, alertmanager, tenant="platform", alert="NodeDown")
    assert silent(alertmanager, alertname="NodeDown", tenant="platform")
    assert silent(alertmanager, alertname="NodeDown")
    assert not silent(alertmanager, alertname="NodeDown", tenant="logistics")
    assert not silent(alertmanager, alertname="NodeDown", tenant="platform", region="us-east")


def test_those_about_to_end_are_listed_first_to_end_first_and_wide_ones_are_pointed_at(
    alertmanager: str, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    wide = {
        "matchers": [{"name": "tenant", "value": ".*", "isRegex": True, "isEqual": True},
                     {"name": "alertname", "value": "X", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=40)).isoformat(),
        "createdBy": "somebody", "comment": "by hand",
    }  # fmt: skip
    requests.post(f"{alertmanager}/api/v2/silences", json=wide, timeout=10).raise_for_status()
    made(capsys, alertmanager, alert="Soon", **{"for": "50m"})
    made(capsys, alertmanager, alert="Later", **{"for": "2d"})
    assert cli.run([*command("silences", alertmanager=alertmanager, within="1h"), "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert [(each["matchers"], each["scoped"]) for each in found] == [
        (['alertname="X"', 'tenant=~".*"'], False),
        (['alertname="Soon"', 'region="eu-west"', 'tenant="payments"'], True),
    ]
    assert cli.run(command("silences", alertmanager=alertmanager)) == Exit.OK
    said = capsys.readouterr().out
    assert "somebody: by hand [unscoped: it reaches over tenants or regions]" in said
    assert "Soon" in said
    assert "Later" not in said
    assert cli.run(command("silences", alertmanager=alertmanager, within="3d")) == Exit.OK
    assert "Later" in capsys.readouterr().out


def test_an_expired_one_is_not_listed(alertmanager: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, alertmanager, alert="Gone")
    requests.delete(f"{alertmanager}/api/v2/silence/{found['id']}", timeout=10).raise_for_status()
    soon = silences.ending(alertmanager, datetime.now(UTC), timedelta(hours=24))
    assert found["id"] not in {each.id for each in soon}


def test_an_alertmanager_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command("silence", alertmanager=alertmanagers.NOWHERE)) == Exit.FAILED
    assert capsys.readouterr().err == (
        f"--alertmanager: {alertmanagers.NOWHERE}/api/v2/receivers does not answer (ConnectionError); allowed: an "
        "address that reaches the region's Alertmanager; fix: correct it, or run: kubectl --namespace observability "
        "port-forward service/metrics-alertmanager 9093\n"
    )


def test_what_alertmanager_refuses_is_said(alertmanager: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command("silence", alertmanager=f"{alertmanager}/elsewhere")) == Exit.FAILED
    assert "answers 404" in capsys.readouterr().err


def test_no_scope_matches_more_than_one_tenant_and_region() -> None:
    for tenant in ("payments", "platform"):
        matchers = {each["name"]: each["value"] for each in Scope(tenant, "eu-west").matchers()}
        assert matchers == {"tenant": "payments" if tenant == "payments" else "platform|", "region": "eu-west"}
