"""AWS that does not answer a question has said nothing about the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from preflight import cloud
from settings.problem import Problem
from tests.preflight.conftest import ACCOUNT, describe
from tests.preflight.test_cloud import BUCKETS, LOGS

NOWHERE = "http://127.0.0.1:1"
LATER = (
    "allowed: an answer of AWS; "
    "fix: try again; if it stays so, sign in (aws sso login), or look at the state of AWS in the region"
)


def _said(check: Callable[[Any], Iterator[Problem]], service: Any, *answers: tuple[str, str, int] | str) -> str:
    """Return the one problem of a check; an answer is operation, code and status, or an operation that succeeds."""
    client: Any = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        for answer in answers:
            if isinstance(answer, str):
                stubber.add_response(answer, {})
            else:
                operation, code, status = answer
                stubber.add_client_error(operation, code, http_status_code=status)
        (problem,) = check(client)
        stubber.assert_no_pending_responses()
    return str(problem)


def _bucket(client: Any) -> Iterator[Problem]:
    return cloud.bucket(client, describe(), LOGS)


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_look_at_a_bucket_that_fails_does_not_mean_that_its_name_is_taken(status: int) -> None:
    assert _said(_bucket, "s3", ("head_bucket", str(status), status)) == (
        f"organization makes the bucket name '{LOGS}', about which AWS cannot be asked ({status}); {LATER}"
    )


@pytest.mark.parametrize("status", [301, 403])
def test_a_bucket_of_somebody_else_is_taken(status: int) -> None:
    sentence = _said(_bucket, "s3", ("head_bucket", str(status), status))
    assert f"'{LOGS}', which is taken (HTTP {status}); allowed" in sentence


def test_tags_that_cannot_be_read_for_now_say_nothing_about_rights() -> None:
    assert _said(_bucket, "s3", "head_bucket", ("get_bucket_tagging", "SlowDown", 503)) == (
        f"organization makes the bucket name '{LOGS}', about which AWS cannot be asked (SlowDown); {LATER}"
    )


def test_tags_that_may_not_be_read_are_a_matter_of_rights() -> None:
    assert _said(_bucket, "s3", "head_bucket", ("get_bucket_tagging", "AccessDenied", 403)) == (
        f"organization makes the bucket name '{LOGS}', which is there, but whose tags may not be read (AccessDenied); "
        "allowed: s3:GetBucketTagging on the region's buckets; fix: allow it to the role that runs this"
    )


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalServiceError", 500)])
def test_a_store_that_cannot_be_asked_for_now_says_nothing_about_rights(code: str, status: int) -> None:
    def check(client: Any) -> Iterator[Problem]:
        return cloud.secret(client, describe(), "alerting.watchdog_url", "alerting/watchdog-url")

    assert _said(check, "secretsmanager", ("describe_secret", code, status)) == (
        f"alerting.watchdog_url names secret 'alerting/watchdog-url', about which AWS cannot be asked ({code}); {LATER}"
    )


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("InternalFailure", 500)])
def test_an_account_that_cannot_be_asked_for_now_says_nothing_about_credentials(code: str, status: int) -> None:
    def check(client: Any) -> Iterator[Problem]:
        return cloud.account(client, describe().name, describe().region)

    assert _said(check, "sts", ("get_caller_identity", code, status)) == (
        f"regions.us-east.aws_account_id is '{ACCOUNT}', about which AWS cannot be asked ({code}); {LATER}"
    )


def test_s3_out_of_reach_hides_no_wrong_account(aws: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    (problem,) = cloud.examine(describe(aws_account_id="111111111111"))
    assert problem.what == f"is '111111111111', but the credentials in use belong to account '{ACCOUNT}'"


def test_s3_out_of_reach_hides_no_missing_secret(aws: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    found = cloud.examine(describe())
    assert [each.path for each in found[:3]] == [
        "alerting.pagerduty_key",
        "alerting.slack_webhook",
        "alerting.watchdog_url",
    ]
    assert sorted(each.what for each in found[3:]) == [
        f"is '{ACCOUNT}', but AWS cannot be asked: Could not connect to the endpoint URL: \"{NOWHERE}/{name}\""
        for name in BUCKETS
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[profile ops]\n", "The config profile (opps) could not be found"),
        ("no section", "Unable to parse config file: {config}"),
    ],
)
def test_a_profile_that_is_not_there_is_a_sentence(
    aws: boto3.session.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "opps")
    assert list(map(str, cloud.examine(describe()))) == [
        f"regions.us-east.aws_account_id is '{ACCOUNT}', but AWS cannot be asked: {reason.format(config=config)}; "
        "allowed: credentials of that account, and a network that reaches AWS; "
        "fix: sign in (aws sso login), or set AWS_PROFILE"
    ]
