"""`python -m automation organizations`, against a server that answers as Grafana's API does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation import cli
from automation.problem import Exit
from components.values.access.identities import access_token
from components.values.dashboard_files import dashboard_files
from components.values.tenant_dashboards import FOLDERS, tenant_dashboards
from dashboards.board import Folder
from tests.automation.grafana_server import GrafanaServer, Held, grafana_server
from tests.contexts import context

REGION = "eu-west"
TENANTS = list(context(f"prod.{REGION}").tenants)
PASSWORD = "the password of the admin"
TOKENS = {name: f"token-of-{name}-".ljust(48, "x") for name in TENANTS}
PROXY = "http://access-proxy.observability.svc.cluster.local:8080"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "grafana-admin-password").write_text(f"{PASSWORD}\n")
    for name, token in TOKENS.items():
        (tmp_path / access_token(name)).write_text(token)
    return tmp_path


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with grafana_server(PASSWORD) as made:
        yield made


def run(server: GrafanaServer, secrets: Path, *more: str) -> int:
    given = ["organizations", "--region", REGION, "--grafana", server.url, "--secrets", str(secrets), *more]
    return cli.run(given)


def test_each_tenant_reads_its_own_and_nothing_of_another(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server, secrets) == Exit.OK
    assert [each.name for each in server.held.values()] == ["Main Org.", *TENANTS]
    assert server.by_name("Main Org.") == Held("Main Org.", {"admin"}), "the platform's is not touched"
    for name in TENANTS:
        held = server.by_name(name)
        assert {uid: each["url"] for uid, each in held.datasources.items()} == {
            uid: f"{PROXY}/{uid}" for uid in ("prometheus", "loki", "tempo", "alertmanager")
        }
        for each in held.datasources.values():
            assert each["jsonData"]["httpHeaderName1"] == "Authorization"
            assert each["secureJsonData"] == {"httpHeaderValue1": f"Bearer {TOKENS[name]}"}
        everything = json.dumps([held.datasources, held.dashboards])
        assert not [other for other in TENANTS if other != name and TOKENS[other] in everything]
        assert "X-Scope-OrgID" not in everything
        assert {each["folderUid"] for each in held.dashboards.values()} == set(held.folders)
        assert set(held.folders.values()) == set(FOLDERS)
    said = capsys.readouterr()
    assert not [secret for secret in (PASSWORD, *TOKENS.values()) if secret in said.out + said.err]
    assert f"{TENANTS[0]}: organization 2 (made), 4 data sources with its token, " in said.out
    assert said.out.splitlines()[-1].startswith(f"Next: name groups under tenants.{TENANTS[0]}.grafana, so that its ")


def test_it_holds_the_dashboards_of_tenants_only(server: GrafanaServer, secrets: Path) -> None:
    assert run(server, secrets, "--tenant", TENANTS[0]) == Exit.OK
    assert [each.name for each in server.held.values()] == ["Main Org.", TENANTS[0]]
    folders = {each.uid: each.folder for each in dashboard_files(context(f"prod.{REGION}"))}
    there = server.by_name(TENANTS[0]).dashboards
    assert {"service-overview", "slo", "logs-explorer", "kubernetes-workloads", "runbook-serviceerrorratehigh"} <= set(
        there
    )
    assert not [uid for uid in there if folders[uid] == Folder.PLATFORM]
    assert {uid for uid, folder in folders.items() if folder in (Folder.SERVICES, Folder.INFRASTRUCTURE)} <= set(there)
    assert "runbook-collectorrefusingdata" not in there, "its alert leads to a dashboard of the platform"


def test_no_link_of_a_tenants_dashboard_leads_to_what_is_not_there() -> None:
    made = tenant_dashboards(context(f"prod.{REGION}"))
    known = {each.uid for each in made}
    for each in made:
        assert set(re.findall(r"/d/([A-Za-z0-9_-]+)", each.text)) <= known, each.uid
        json.loads(each.text)
    (logs,) = [each for each in made if each.uid == "logs-explorer"]
    assert "Collector pipeline" in logs.text


def test_no_panel_of_a_tenants_is_the_platforms_and_the_others_fill_its_place() -> None:
    made = {each.uid: json.loads(each.text)["panels"] for each in tenant_dashboards(context(f"prod.{REGION}"))}
    titles = {uid: [panel["title"] for panel in panels] for uid, panels in made.items()}
    assert titles["alerts-silences"][:4] == ["Is it healthy?", "Pages", "Warnings", "What is affected?"]
    assert "Nodes under pressure" not in titles["kubernetes-workloads"]
    assert "Volumes, share used" in titles["kubernetes-workloads"]
    for uid, panels in made.items():
        rows: dict[int, list[dict[str, int]]] = {}
        for panel in panels:
            rows.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
        below = 0
        for top, places in sorted(rows.items()):
            assert top == below, uid
            assert [each["x"] for each in places] == [sum(each["w"] for each in places[:n]) for n in range(len(places))]
            assert sum(each["w"] for each in places) == 24, uid
            below = top + max(each["h"] for each in places)


def test_again_changes_nothing_and_repairs_what_somebody_changed(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = TENANTS[0]
    assert run(server, secrets, "--tenant", name) == Exit.OK
    server.calls.clear()
    assert run(server, secrets, "--tenant", name) == Exit.OK
    assert server.changes() == []
    assert f"{name}: organization 2 (there), " in capsys.readouterr().out.splitlines()[-2]
    held = server.by_name(name)
    held.versions["slo"].insert(0, "made it nicer")
    del held.folders["folder-services"]
    held.datasources["loki"]["url"] = "http://elsewhere"
    assert run(server, secrets, "--tenant", name, "--json") == Exit.OK
    (found,) = json.loads(capsys.readouterr().out)["organizations"]
    assert (found["id"], found["made"], found["written"], found["error"]) == (2, False, ["slo"], None)
    assert held.datasources["loki"]["url"] == f"{PROXY}/loki"
    assert "folder-services" in held.folders


def test_a_rotated_token_is_written(server: GrafanaServer, secrets: Path) -> None:
    name = TENANTS[0]
    assert run(server, secrets, "--tenant", name) == Exit.OK
    (secrets / access_token(name)).write_text("new".ljust(48, "y"))
    assert run(server, secrets, "--tenant", name) == Exit.OK
    sent = {each["secureJsonData"]["httpHeaderValue1"] for each in server.by_name(name).datasources.values()}
    assert sent == {f"Bearer {'new'.ljust(48, 'y')}"}


def test_an_organization_that_somebody_makes_meanwhile_is_used(server: GrafanaServer, secrets: Path) -> None:
    server.taken_meanwhile = TENANTS[0]
    assert run(server, secrets, "--tenant", TENANTS[0]) == Exit.OK
    held = server.by_name(TENANTS[0])
    assert held.members == {"admin"}, "whoever fills it enters it first"
    assert len(held.datasources) == 4


def test_a_data_source_of_somebody_else_is_told_of(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = TENANTS[0]
    server.held[2] = Held(name, {"admin"}, {"x": {"uid": "x", "name": "Their CloudWatch"}})
    assert run(server, secrets, "--tenant", name) == Exit.OK
    assert "Somebody else added Their CloudWatch: see whose data they read." in capsys.readouterr().out
    assert server.by_name(name).datasources["x"] == {"uid": "x", "name": "Their CloudWatch"}


def test_one_tenants_trouble_does_not_keep_the_others_from_theirs(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = TENANTS
    (secrets / access_token(first)).write_text("short")
    assert run(server, secrets) == Exit.FAILED
    assert [each.name for each in server.held.values()] == ["Main Org.", *rest]
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{first}: secret access-token-{first}: has 5 characters; allowed: 32 at least, since the access proxy lets in "
        "no shorter one; fix: pulumi up generates it"
    )


def test_an_answer_that_repeats_a_secret_is_shown_without_it(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = TENANTS[0]
    there: dict[str, Any] = {"uid": "loki", "name": "Loki"}
    server.held[2] = Held(name, {"admin"}, {"loki": there})
    server.broken = "/api/datasources/uid/loki"
    assert run(server, secrets, "--tenant", name) == Exit.FAILED
    assert capsys.readouterr().err.splitlines()[-1] == (
        f'{name}: PUT {server.url}/api/datasources/uid/loki answers 500: {{"message": "cannot store '
        '{\\"httpHeaderValue1\\": \\"Bearer ***\\"}"}; allowed: 200; fix: what it says'
    )


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (
            "another",
            'answers 401: {"message": "Invalid username or password"}; allowed: 200; fix: the password of Grafana\'s '
            "administrator; after a rotation Grafana keeps its first one until it is told",
        ),
        ("", "grafana-admin-password: is empty; allowed: the secret's value; fix: write it, then try again"),
    ],
)
def test_without_the_password_nothing_is_done(
    server: GrafanaServer, secrets: Path, password: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (secrets / "grafana-admin-password").write_text(password)
    assert run(server, secrets, "--tenant", TENANTS[0]) == Exit.FAILED
    assert capsys.readouterr().err.splitlines()[-1].endswith(sentence)
    assert list(server.held) == [1]


def test_a_secret_that_is_not_mounted_is_one_sentence(
    server: GrafanaServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server, tmp_path) == Exit.FAILED
    file = tmp_path / "grafana-admin-password"
    assert capsys.readouterr().err == (
        f"--secrets: {file} cannot be read (No such file or directory); allowed: a folder with a file for each secret; "
        f"fix: mount example/prod/{REGION}/grafana-admin-password there, or leave --secrets out to read the region's "
        "secret store\n"
    )


def test_nobody_elses_name_and_nobody_at_all(
    server: GrafanaServer, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server, secrets, "--tenant", "nobody") == Exit.FAILED
    assert capsys.readouterr().err == (
        f"--tenant: 'nobody' is no tenant of prod.{REGION}; allowed: {', '.join(TENANTS)}; fix: correct the name\n"
    )
    assert server.calls == []
    away = ["organizations", "--region", REGION, "--grafana", "http://127.0.0.1:9", "--secrets", str(secrets)]
    assert cli.run([*away, "--tenant", TENANTS[0]]) == Exit.FAILED
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{TENANTS[0]}: http://127.0.0.1:9/api/orgs/name/{TENANTS[0]} does not answer (ConnectionError); allowed: the "
        "region's Grafana; fix: --grafana"
    )
