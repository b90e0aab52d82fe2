"""The cloud is a local one, of the right account, and holds the secrets that settings name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cloud
from lab.cloud import Cloud
from lab.instance import Instance
from lab.process import Processes

ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    instance = Instance.of("dev.test", tmp_path_factory.mktemp("cloud"))
    instance.create()
    made = Processes(instance)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def aws(processes: Processes) -> Cloud:
    started, new = cloud.start(processes, "eu-west-1", ACCOUNT)
    assert new
    return started


def test_a_running_cloud_is_used_again(aws: Cloud, processes: Processes) -> None:
    assert cloud.start(processes, "eu-west-1", ACCOUNT) == (aws, False)


def test_the_account_is_that_of_the_settings(aws: Cloud) -> None:
    assert aws.session().client("sts", endpoint_url=aws.url).get_caller_identity()["Account"] == ACCOUNT
    role = aws.session().client("iam", endpoint_url=aws.url).create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    assert role["Role"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/r"


def test_what_is_in_the_secret_store_stays(aws: Cloud) -> None:
    store = aws.session().client("secretsmanager", endpoint_url=aws.url)
    assert aws.seed(["alerting/b", "alerting/a"]) == ["alerting/a", "alerting/b"]
    value = store.get_secret_value(SecretId="alerting/a")["SecretString"]
    assert len(value) >= 24
    assert aws.seed(["alerting/a", "alerting/c"]) == ["alerting/c"]
    assert store.get_secret_value(SecretId="alerting/a")["SecretString"] == value


def test_nothing_of_the_users_own_account_is_used(aws: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import boto3

    own = tmp_path / "credentials"
    own.write_text("[default]\naws_access_key_id = OWN\naws_secret_access_key = OWN\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own))
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    credentials = session.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, session.region_name) == ("testing", "eu-west-1")
    assert session.client("sts").get_caller_identity()["Account"] == ACCOUNT
