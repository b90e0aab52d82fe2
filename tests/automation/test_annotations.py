"""`python -m automation annotate`, against a server that records what Grafana would be sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from automation import cli
from automation.annotations import TOKEN_VARIABLE, Deploy
from automation.problem import Exit
from dashboards.catalogue import CATALOGUE
from settings import names
from tests.contexts import context
from tests.dashboards.test_dashboards import model
from tests.serving import Asked, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "glsa_secret"


@dataclass
class Grafana:
    """What was asked, and what is answered."""

    status: int = 200
    body: bytes = b'{"message": "Annotation added", "id": 7}'
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        self.asked.append(asked)
        return self.status, self.body


@contextmanager
def grafana(status: int = 200, body: bytes = b'{"message": "Annotation added", "id": 7}') -> Iterator[Grafana]:
    found = Grafana(status, body)
    with serving(found.answer) as found.url:
        yield found


def annotate(
    url: str, *more: str, namespace: str = "payments-api", commit: str = COMMIT, region: str = "eu-west"
) -> int:
    given = ["annotate", "--namespace", namespace, "--commit", commit, "--region", region, "--grafana", url, *more]
    return cli.run(given)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


def owned() -> tuple[str, str]:
    """Return a tenant of eu-west and one of its namespaces."""
    name, tenant = next(iter(context("prod.eu-west").tenants.items()))
    return name, tenant.namespaces[0]


def test_a_deploy_is_posted_with_its_tags_and_the_short_commit(capsys: pytest.CaptureFixture[str]) -> None:
    tenant, namespace = owned()
    with grafana() as server:
        assert annotate(server.url, "--service", "cart", namespace=namespace) == Exit.OK
    (asked,) = server.asked
    body = json.loads(asked.body)
    assert asked.path == "/api/annotations"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert body.pop("time") > 1_700_000_000_000
    assert body == {
        "tags": [
            *("deploy", f"tenant:{tenant}", "region:eu-west", f"namespace:{namespace}", "commit:0123456"),
            "service:cart",
        ],
        "text": f"{namespace}/cart 0123456",
    }
    said = capsys.readouterr()
    assert f"eu-west: {namespace} 0123456 is marked (annotation 7)." in said.out
    assert said.out.splitlines()[-1] == "Next: dashboards show it as a blue line; did anything begin there?"
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_dashboard_shows_what_the_command_writes(uid: str) -> None:
    """Grafana shows an annotation that has all the tags of the query, since matchAny is off."""
    (query,) = [each for each in model(uid)["annotations"]["list"] if each["name"] == "Deploys"]
    written = Deploy("shop", "shop", "0123456", "cart").body("us-east", 0)["tags"]
    assert (query["target"]["type"], query["target"]["matchAny"], query["enable"]) == ("tags", False, True)
    assert query["target"]["tags"]
    assert set(query["target"]["tags"]) <= set(written)


def test_without_a_region_every_region_of_the_tenant_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    tenant, namespace = owned()
    platform = context("prod.eu-west").platform
    having = [name for name in platform.regions if tenant in context(f"prod.{name}").tenants]
    with grafana() as server:
        given = ["annotate", "--namespace", namespace, "--commit", COMMIT, "--grafana", server.url, "--json"]
        assert cli.run(given) == Exit.OK
    assert [json.loads(each.body)["tags"][2] for each in server.asked] == [f"region:{name}" for name in having]
    document = json.loads(capsys.readouterr().out)
    assert document["deploy"] == {"namespace": namespace, "tenant": tenant, "commit": "0123456", "service": None}
    assert [(each["region"], each["id"], each["error"]) for each in document["marks"]] == [
        (name, 7, None) for name in having
    ]


def test_the_platforms_own_namespace_is_the_platforms() -> None:
    with grafana() as server:
        assert annotate(server.url, namespace=names.NAMESPACE) == Exit.OK
    assert "tenant:platform" in json.loads(server.asked[0].body)["tags"]


def test_the_token_may_come_from_a_mounted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    (tmp_path / "token").write_text("of-file\n")
    with grafana() as server:
        assert annotate(server.url, "--token-file", str(tmp_path / "token"), namespace=owned()[1]) == Exit.OK
    assert server.asked[0].headers["Authorization"] == "Bearer of-file"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"commit": "main"},
            "--commit: is 'main'; allowed: 7 to 40 hexadecimal characters; fix: git rev-parse HEAD prints it",
        ),
        ({"namespace": "nobodys"}, "--namespace: 'nobodys' is no tenant's in eu-west; allowed: "),
        ({"region": "mars"}, "mars"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_sent(
    options: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with grafana() as server:
        assert annotate(server.url, **{"namespace": owned()[1], **options}) == Exit.FAILED
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert (server.asked, said.out) == ([], "")


def test_a_namespace_of_somebody_else_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    tenant, namespace = owned()
    with grafana() as server:
        assert annotate(server.url, "--tenant", "other", namespace=namespace) == Exit.FAILED
    assert server.asked == []
    assert capsys.readouterr().err == (
        f"--tenant: is 'other'; allowed: {tenant}, whose the namespace {namespace} is; "
        "fix: correct either, or leave --tenant out\n"
    )


def test_no_token_is_refused_with_where_to_put_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, " ")
    with grafana() as server:
        assert annotate(server.url, namespace=owned()[1]) == Exit.FAILED
        assert annotate(server.url, "--token-file", str(tmp_path / "no"), namespace=owned()[1]) == Exit.FAILED
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "token: is missing; allowed: a Grafana service account's with the role Editor; fix: set $GRAFANA_TOKEN, "
        "or name the file that the secret store's operator mounts with --token-file, or the secret with --token-secret"
    )
    file = tmp_path / "no"
    assert second == (
        f"--token-file: {file} cannot be read (No such file or directory); fix: name the file that is mounted"
    )
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (401, "a token of a service account that lives, in $GRAFANA_TOKEN"),
        (403, "the role Editor"),
        (500, "what it says"),
    ],
)
def test_a_refusal_of_grafana_is_one_sentence_without_the_token(
    status: int, fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with grafana(status, f"no, {TOKEN}".encode()) as server:
        assert annotate(server.url, namespace=owned()[1]) == Exit.FAILED
    assert capsys.readouterr().err == (
        f"eu-west: {server.url}/api/annotations answers {status}: no, ***; allowed: 200; fix: {fix}\n"
    )


def test_a_grafana_that_is_away_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert annotate("http://127.0.0.1:9", namespace=owned()[1]) == Exit.FAILED
    assert capsys.readouterr().err == (
        "eu-west: http://127.0.0.1:9/api/annotations does not answer (ConnectionError); fix: --grafana\n"
    )


def test_wrong_arguments_have_a_code_of_their_own() -> None:
    assert cli.run(["annotate", "--namespace", "shop"]) == Exit.USAGE
