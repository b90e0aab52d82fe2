from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from preflight import cloud
from preflight.subject import Subject
from settings import names, references
from tests.preflight.conftest import ACCOUNT, describe

LOGS = "example-dev-us-east-logs"
BUCKETS = [LOGS, "example-dev-us-east-metrics", "example-dev-us-east-traces"]


def _found(subject: Subject) -> list[str]:
    return [str(problem) for problem in cloud.examine(subject)]


def _give_secrets(aws: boto3.session.Session, subject: Subject) -> None:
    store = aws.client("secretsmanager")
    for name in references.given_secrets(subject.platform, subject.name).values():
        store.create_secret(Name=name, SecretString="placeholder")


def _make_bucket(aws: boto3.session.Session, name: str, owner: str | None) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    if owner is not None:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": names.OWNER_TAG, "Value": owner}]})


def test_the_right_account_with_its_secrets_and_free_bucket_names_passes(aws: boto3.session.Session) -> None:
    _give_secrets(aws, describe())
    assert _found(describe()) == []


def test_the_stacks_own_buckets_pass(aws: boto3.session.Session) -> None:
    _give_secrets(aws, describe())
    for name in BUCKETS:
        _make_bucket(aws, name, "dev.us-east")
    assert _found(describe()) == []


def test_credentials_of_another_account_are_refused_and_nothing_else_is_said(aws: boto3.session.Session) -> None:
    assert _found(describe(aws_account_id="111111111111")) == [
        f"regions.us-east.aws_account_id is '111111111111', but the credentials in use belong to account '{ACCOUNT}'; "
        "allowed: credentials of the account that owns the region; "
        "fix: set AWS_PROFILE to a profile of that account, or correct aws_account_id"
    ]


def test_expired_credentials_are_refused() -> None:
    sts = boto3.client("sts", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    subject = describe()
    with Stubber(sts) as stubber:
        stubber.add_client_error("get_caller_identity", "ExpiredToken")
        (problem,) = cloud.account(sts, subject.name, subject.region)
    assert str(problem) == (
        f"regions.us-east.aws_account_id is '{ACCOUNT}', but AWS refuses the credentials in use (ExpiredToken); "
        "allowed: credentials of that account that have not expired; "
        "fix: sign in (aws sso login), or set AWS_PROFILE"
    )


def test_a_machine_without_credentials_is_told_to_sign_in(
    aws: boto3.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert _found(describe()) == [
        f"regions.us-east.aws_account_id is '{ACCOUNT}', but AWS cannot be asked: Unable to locate credentials; "
        "allowed: credentials of that account, and a network that reaches AWS; "
        "fix: sign in (aws sso login), or set AWS_PROFILE"
    ]


def test_every_given_secret_that_is_not_in_the_store_is_named_by_its_field(aws: boto3.session.Session) -> None:
    found = _found(describe())
    assert found[0] == (
        "alerting.pagerduty_key names secret 'alerting/pagerduty-routing-key', which the store of us-east-1 does not "
        "hold; allowed: the name of a secret that is there; fix: aws secretsmanager create-secret --region us-east-1 "
        "--name alerting/pagerduty-routing-key --secret-string file:///dev/stdin"
    )
    assert [sentence.split(" ")[0] for sentence in found] == [
        "alerting.pagerduty_key",
        "alerting.slack_webhook",
        "alerting.watchdog_url",
    ]


def test_a_secret_that_is_to_be_deleted_is_refused(aws: boto3.session.Session) -> None:
    _give_secrets(aws, describe())
    aws.client("secretsmanager").delete_secret(SecretId="alerting/watchdog-url")
    assert _found(describe()) == [
        "alerting.watchdog_url names secret 'alerting/watchdog-url', which is to be deleted from the store of "
        "us-east-1; allowed: the name of a secret that stays; "
        "fix: aws secretsmanager restore-secret --region us-east-1 --secret-id alerting/watchdog-url"
    ]


def test_a_store_that_may_not_be_asked_is_refused() -> None:
    store = boto3.client("secretsmanager", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(store) as stubber:
        stubber.add_client_error("describe_secret", "AccessDeniedException")
        (problem,) = cloud.secret(store, describe(), "alerting.watchdog_url", "alerting/watchdog-url")
    assert str(problem) == (
        "alerting.watchdog_url names secret 'alerting/watchdog-url', which may not be described in us-east-1 "
        "(AccessDeniedException); allowed: secretsmanager:DescribeSecret on the given secrets; "
        "fix: allow it to the role that runs this"
    )


@pytest.mark.parametrize(("owner", "said"), [("prod.us-east", "stack 'prod.us-east'"), (None, "no stack")])
def test_a_bucket_of_another_stack_or_of_none_is_refused(
    aws: boto3.session.Session, owner: str | None, said: str
) -> None:
    _give_secrets(aws, describe())
    _make_bucket(aws, LOGS, owner)
    assert _found(describe()) == [
        f"organization makes the bucket name '{LOGS}', which is there and belongs to {said}; "
        "allowed: a name that is free, or a bucket with the tag observability-platform:stack=dev.us-east; "
        "fix: choose another organization, or delete the bucket if nobody needs it"
    ]


def test_a_bucket_of_another_account_is_refused() -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(s3) as stubber:
        expected = {"Bucket": LOGS, "ExpectedBucketOwner": ACCOUNT}
        stubber.add_client_error("head_bucket", "403", http_status_code=403, expected_params=expected)
        (problem,) = cloud.bucket(s3, describe(), LOGS)
    assert str(problem) == (
        f"organization makes the bucket name '{LOGS}', which is taken (HTTP 403); "
        f"allowed: a name that is free, or a bucket of account {ACCOUNT}; "
        "fix: if the bucket is yours, allow s3:ListBucket on it; else choose another organization"
    )


def test_a_bucket_in_another_region_is_refused(aws: boto3.session.Session) -> None:
    _give_secrets(aws, describe())
    elsewhere = aws.client("s3", region_name="eu-west-1")
    elsewhere.create_bucket(Bucket=LOGS, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert _found(describe()) == [
        f"regions.us-east.aws_region is 'us-east-1', but bucket '{LOGS}' is in 'eu-west-1'; allowed: eu-west-1; "
        "fix: correct aws_region, or empty and delete the bucket"
    ]
