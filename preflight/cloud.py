"""Is this the account that the settings mean, are the given secrets there, and are the bucket names ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from preflight.subject import Subject
from settings import names, references
from settings.problem import Problem
from settings.region import Region

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient

Check = Callable[[], Iterator[Problem]]
TIMEOUT_SECONDS = 5
_PARALLEL = 8
_DENIED = ("AccessDenied", "AccessDeniedException")
_TAKEN = ("403", "301")
"""What a look at a bucket comes to that is somebody else's; it has no body, so that its status is its code."""


def examine(subject: Subject) -> list[Problem]:
    """Return the problems of the region's account; of a wrong or an unreachable one only that."""
    # Imported here, since it takes half a second that the cluster's checks need not wait for.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=_PARALLEL,
    )
    try:
        session = boto3.session.Session(region_name=subject.region.aws_region)
        sts = session.client("sts", config=config)
        store = session.client("secretsmanager", config=config)
        s3 = session.client("s3", config=config)
        given = references.given_secrets(subject.platform, subject.name)
        checks: list[Check] = [partial(account, sts, subject.name, subject.region)]
        checks += [partial(secret, store, subject, path, name) for path, name in given.items()]
        checks += [
            partial(bucket, s3, subject, name) for name in names.buckets(subject.platform, subject.name).values()
        ]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            # At once, though a wrong account is asked in vain: a connection alone is two ways to a region and back.
            mistaken, *found = pool.map(lambda each: _found(each, subject), checks)
            return mistaken or [problem for problems in found for problem in problems]
    except BotoCoreError as error:
        return [_unasked(error, subject)]


def _found(check: Check, subject: Subject) -> list[Problem]:
    """Return a check's problems, that it could not ask among them: it must hide no other check's."""
    from botocore.exceptions import BotoCoreError

    found: list[Problem] = []
    try:
        found.extend(check())
    except BotoCoreError as error:
        found.append(_unasked(error, subject))
    return found


def _unasked(error: Exception, subject: Subject) -> Problem:
    return Problem(
        subject.path("aws_account_id"),
        f"is {subject.region.aws_account_id!r}, but AWS cannot be asked: {error}",
        "credentials of that account, and a network that reaches AWS",
        "sign in (aws sso login), or set AWS_PROFILE",
    )


def account(sts: STSClient, name: str, region: Region) -> Iterator[Problem]:
    """Compare the account of the credentials in use with that of the region of that name."""
    from botocore.exceptions import ClientError

    path, expected = f"regions.{name}.aws_account_id", region.aws_account_id
    try:
        found = sts.get_caller_identity()["Account"]
    except ClientError as error:
        if _throttled_or_broken(error):
            yield _unanswered(path, f"is {expected!r}", error)
            return
        yield Problem(
            path,
            f"is {expected!r}, but AWS refuses the credentials in use ({_code(error)})",
            "credentials of that account that have not expired",
            "sign in (aws sso login), or set AWS_PROFILE",
        )
        return
    if found != expected:
        yield Problem(
            path,
            f"is {expected!r}, but the credentials in use belong to account {found!r}",
            "credentials of the account that owns the region",
            "set AWS_PROFILE to a profile of that account, or correct aws_account_id",
        )


def secret(store: SecretsManagerClient, subject: Subject, path: str, name: str) -> Iterator[Problem]:
    """Find that a given secret is not in the region's store; its value is never asked for."""
    from botocore.exceptions import ClientError

    region = subject.region.aws_region
    try:
        described = store.describe_secret(SecretId=name)
    except ClientError as error:
        if _code(error) == "ResourceNotFoundException":
            yield Problem(
                path,
                f"names secret {name!r}, which the store of {region} does not hold",
                "the name of a secret that is there",
                f"aws secretsmanager create-secret --region {region} --name {name} --secret-string file:///dev/stdin",
            )
        elif _code(error) in _DENIED:
            yield Problem(
                path,
                f"names secret {name!r}, which may not be described in {region} ({_code(error)})",
                "secretsmanager:DescribeSecret on the given secrets",
                "allow it to the role that runs this",
            )
        else:
            yield _unanswered(path, f"names secret {name!r}", error)
        return
    if "DeletedDate" in described:
        yield Problem(
            path,
            f"names secret {name!r}, which is to be deleted from the store of {region}",
            "the name of a secret that stays",
            f"aws secretsmanager restore-secret --region {region} --secret-id {name}",
        )


def bucket(s3: S3Client, subject: Subject, name: str) -> Iterator[Problem]:
    """Find that a bucket's name is taken: names are shared by all of AWS, and a bucket may be another stack's."""
    from botocore.exceptions import ClientError

    path = "organization"
    try:
        head = s3.head_bucket(Bucket=name, ExpectedBucketOwner=subject.region.aws_account_id)
    except ClientError as error:
        if _code(error) in _TAKEN:
            yield Problem(
                path,
                f"makes the bucket name {name!r}, which is taken (HTTP {_code(error)})",
                f"a name that is free, or a bucket of account {subject.region.aws_account_id}",
                "if the bucket is yours, allow s3:ListBucket on it; else choose another organization",
            )
        elif _code(error) not in ("404", "NoSuchBucket"):
            yield _unanswered(path, f"makes the bucket name {name!r}", error)
        return
    place = head.get("BucketRegion")
    if place is not None and place != subject.region.aws_region:
        yield Problem(
            subject.path("aws_region"),
            f"is {subject.region.aws_region!r}, but bucket {name!r} is in {place!r}",
            place,
            "correct aws_region, or empty and delete the bucket",
        )
        return
    try:
        owner = _owner(s3, name)
    except ClientError as error:
        if _code(error) not in _DENIED:
            yield _unanswered(path, f"makes the bucket name {name!r}", error)
            return
        yield Problem(
            path,
            f"makes the bucket name {name!r}, which is there, but whose tags may not be read ({_code(error)})",
            "s3:GetBucketTagging on the region's buckets",
            "allow it to the role that runs this",
        )
        return
    if owner != subject.stack:
        yield Problem(
            path,
            f"makes the bucket name {name!r}, which is there and belongs to "
            + (f"stack {owner!r}" if owner else "no stack"),
            f"a name that is free, or a bucket with the tag {names.OWNER_TAG}={subject.stack}",
            "choose another organization, or delete the bucket if nobody needs it",
        )


def _owner(s3: S3Client, name: str) -> str | None:
    """Return the stack that a bucket's tags name; None where they name none."""
    from botocore.exceptions import ClientError

    try:
        tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError as error:
        if _code(error) == "NoSuchTagSet":
            return None
        raise
    return next((tag["Value"] for tag in tags if tag["Key"] == names.OWNER_TAG), None)


def _unanswered(path: str, what: str, error: Exception) -> Problem:
    """Return that nothing is known: whoever took this for an answer would advise to replace what is there."""
    return Problem(
        path,
        f"{what}, about which AWS cannot be asked ({_code(error)})",
        "an answer of AWS",
        "try again; if it stays so, sign in (aws sso login), or look at the state of AWS in the region",
    )


def _throttled_or_broken(error: Exception) -> bool:
    response: dict[str, dict[str, int]] = getattr(error, "response", {})
    return response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500 or "Throttl" in _code(error)


def _code(error: Exception) -> str:
    """Return the error code of a botocore ClientError."""
    response: dict[str, dict[str, str]] = getattr(error, "response", {})
    return response.get("Error", {}).get("Code", "unknown")
