"""Where commands read secrets: in a region's store, with the account looked at first, or in mounted files."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import cli
from automation.problem import AutomationError, Exit
from automation.secret_values import Folder, Store
from lab import cloud
from lab.cloud import Cloud
from lab.instance import Instance
from lab.process import Processes
from settings import names
from tests.automation.grafana_server import grafana_server
from tests.automation.test_annotations import COMMIT, grafana
from tests.contexts import context

HERE = context("prod.us-east")
NAME = names.secret(HERE.platform, HERE.name, "access-token-storefront")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Run a cloud of the region's account."""
    instance = Instance.of("prod.us-east", tmp_path_factory.mktemp("cloud"))
    instance.create()
    processes = Processes(instance)
    try:
        started, _ = cloud.start(processes, HERE.region.aws_region, HERE.region.aws_account_id)
        started.seed([NAME, names.secret(HERE.platform, HERE.name, "grafana-admin-password"), "grafana/deploys"])
        yield started
    finally:
        processes.stop()


@pytest.fixture
def signed_in(aws: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return aws


def stored(aws: Cloud, name: str) -> str:
    store = aws.session().client("secretsmanager", endpoint_url=aws.url)
    return str(store.get_secret_value(SecretId=name)["SecretString"])


def test_a_secret_comes_out_of_the_regions_store(signed_in: Cloud) -> None:
    assert Store(HERE).value(NAME) == stored(signed_in, NAME)


def test_one_that_is_not_there_is_one_sentence(signed_in: Cloud) -> None:
    assert signed_in.url
    with pytest.raises(AutomationError) as caught:
        Store(HERE).value("nothing/there")
    assert str(caught.value) == (
        "secret nothing/there: cannot be read from the store of us-east-1 (ResourceNotFoundException); allowed: "
        "secretsmanager:GetSecretValue on a secret that is there; fix: name a role that may, or pulumi up first"
    )


def test_the_store_of_another_account_is_not_asked(signed_in: Cloud) -> None:
    assert signed_in.url
    other = context("prod.us-east", aws_account_id="999999999999")
    with pytest.raises(AutomationError) as caught:
        Store(other).value(NAME)
    assert str(caught.value) == (
        "regions.us-east.aws_account_id is '999999999999', but the credentials in use belong to account "
        f"'{HERE.region.aws_account_id}'; allowed: credentials of the account that owns the region; fix: set "
        "AWS_PROFILE to a profile of that account, or correct aws_account_id"
    )


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(
        AutomationError, match=r"the store of us-east-1 cannot be asked \(NoCredentialsError\); allowed"
    ):
        Store(HERE).value(NAME)


def test_a_mounted_file_is_named_after_the_last_part_of_its_secret(tmp_path: Path) -> None:
    (tmp_path / "access-token-storefront").write_text("of-file\n")
    assert Folder(tmp_path).value(NAME) == "of-file"


def test_the_organizations_are_filled_out_of_the_store(signed_in: Cloud) -> None:
    """Neither arguments nor files hold a secret: what the region generated is read where it is."""
    password = stored(signed_in, names.secret(HERE.platform, HERE.name, "grafana-admin-password"))
    with grafana_server(password) as server:
        given = ["organizations", "--region", HERE.name, "--tenant", "storefront", "--grafana", server.url]
        assert cli.run(given) == Exit.OK
        sent = {
            each["secureJsonData"]["httpHeaderValue1"] for each in server.by_name("storefront").datasources.values()
        }
    assert sent == {f"Bearer {stored(signed_in, NAME)}"}


def test_a_deploy_is_marked_with_a_token_out_of_the_store(
    signed_in: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
    with grafana() as server:
        given = ["annotate", "--namespace", "storefront", "--commit", COMMIT, "--region", HERE.name]
        given += ["--grafana", server.url, "--token-secret", "grafana/deploys"]
        assert cli.run(given) == Exit.OK
        (asked,) = server.asked
        token = stored(signed_in, "grafana/deploys")
        assert asked.headers["Authorization"] == f"Bearer {token}"
        said = capsys.readouterr()
        assert token not in said.out + said.err
        assert base64.b64encode(token.encode()).decode() not in said.out + said.err
        assert cli.run([*given, "--token-file", str(tmp_path / "token")]) == Exit.FAILED
    assert capsys.readouterr().err == (
        f"--token-secret: is 'grafana/deploys', though --token-file is {tmp_path / 'token'}; allowed: one of them; "
        "fix: leave one out\n"
    )
