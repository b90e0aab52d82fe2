"""No bucket of a plan is open to everybody, however it is said; what is open to known ones alone passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automation.paths import UNKNOWN
from automation.recorder import Planned
from tests.automation.plans import ACCESS, BUCKET, BUCKET_POLICY, CLOSED, broken, planned, policy

ROLE = "arn:aws:iam::123456789012:role/loki"
EVERYBODY: dict[str, Any] = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {**EVERYBODY, "Condition": {operator: {key: list(values)}}}


def found(*resources: Planned) -> list[str]:
    return broken("no-public-bucket", *resources)


@pytest.mark.parametrize(
    "statement",
    [
        EVERYBODY,
        {**EVERYBODY, "Principal": {"AWS": "*"}},
        {**EVERYBODY, "Principal": {"AWS": ["*"]}},
        {**EVERYBODY, "Principal": {"AWS": [ROLE, "*"]}},
        {"Effect": "Allow", "NotPrincipal": {"AWS": ROLE}},
        when("Bool", "aws:SecureTransport", "true"),
        when("StringNotEquals", "aws:SourceAccount", "123456789012"),
        when("StringEqualsIfExists", "aws:SourceAccount", "123456789012"),
        when("ForAllValues:StringEquals", "aws:SourceAccount", "123456789012"),
        when("StringLike", "aws:SourceVpc", "*"),
        when("StringLike", "aws:SourceVpc", "vpc-1", "vpc-*"),
        when("ArnLike", "aws:SourceArn", "arn:aws:s3:::*"),
        when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/loki"),
        when("IpAddress", "aws:SourceIp", "0.0.0.0/1"),
        when("IpAddress", "aws:SourceIp", "::/0"),
        when("StringEquals", "aws:SourceAccount"),
    ],
)
def test_a_policy_that_everybody_meets_is_named(statement: dict[str, Any]) -> None:
    assert found(policy({"Effect": "Deny", "Principal": "*"}, statement)) == [
        "allows everybody; allowed: named principals, or a Deny; fix: name the principal"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        {**EVERYBODY, "Effect": "Deny"},
        {**EVERYBODY, "Principal": {"AWS": ROLE}},
        {**EVERYBODY, "Principal": {"Service": "logging.s3.amazonaws.com"}},
        when("StringEquals", "aws:SourceAccount", "123456789012"),
        when("stringequals", "AWS:SourceAccount", "123456789012"),
        when("ForAnyValue:StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
        when("StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/*"),
        when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*"),
        when("ArnLike", "aws:SourceArn", "arn:aws:s3:::acme-*"),
        when("StringEquals", "aws:SourceVpce", "vpce-1"),
        when("IpAddress", "aws:SourceIp", "10.0.0.0/8", "203.0.113.7"),
        {
            **EVERYBODY,
            "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}},
        },
        when("StringEquals", "aws:SourceAccount", UNKNOWN),
    ],
)
def test_a_policy_for_known_principals_or_networks_passes(statement: dict[str, Any]) -> None:
    assert found(policy(statement)) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement": {"Effect": "Allow", "Principal": "*"}}',
        '\n  {"Statement": [{"Effect": "Allow", "Principal": "*"}]}',
        {"Statement": [EVERYBODY]},
    ],
)
def test_a_policy_is_read_as_iam_reads_it(text: Any) -> None:
    for resource in (
        planned(BUCKET_POLICY, {"policy": text}),
        replace(BUCKET, inputs={"bucket": "logs", "policy": text}),
    ):
        assert found(ACCESS, resource) == [
            "allows everybody; allowed: named principals, or a Deny; fix: name the principal"
        ]


@pytest.mark.parametrize("kind", ["aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2", BUCKET.type])
@pytest.mark.parametrize(
    "inputs",
    [
        {"acl": "public-read"},
        {"acl": "public-read-write"},
        {"acl": "authenticated-read"},
        {"accessControlPolicy": {"grants": [{"grantee": {"uri": ALL_USERS}, "permission": "READ"}]}},
        {"grants": [{"uri": ALL_USERS.replace("AllUsers", "AuthenticatedUsers"), "permissions": ["READ"]}]},
    ],
)
def test_an_access_control_list_for_everybody_is_named(kind: str, inputs: dict[str, Any]) -> None:
    assert found(ACCESS, planned(kind, {"bucket": "logs", **inputs})) == [
        "opens a bucket to everybody; allowed: its owner alone; fix: remove the access control list"
    ]


@pytest.mark.parametrize(
    "inputs",
    [
        {"acl": "private"},
        {"acl": UNKNOWN},
        {"grants": [{"uri": "http://acs.amazonaws.com/groups/s3/LogDelivery", "permissions": ["WRITE"]}]},
    ],
)
def test_an_access_control_list_for_its_owner_or_log_delivery_passes(inputs: dict[str, Any]) -> None:
    assert found(planned("aws:s3/bucketAcl:BucketAcl", inputs)) == []


V2 = planned("aws:s3/bucketV2:BucketV2", {"bucket": "logs"})
OTHER = replace(BUCKET, inputs={"bucket": "traces"})
LATER = planned(ACCESS.type, {"bucket": UNKNOWN, **CLOSED})


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ([V2], 1),
        ([V2, ACCESS], 0),
        ([BUCKET, OTHER, ACCESS], 1),
        ([planned(BUCKET.type, {}), planned(ACCESS.type, CLOSED)], 1),
        ([BUCKET, LATER], 0),
        ([BUCKET, OTHER, ACCESS, LATER], 0),
        ([BUCKET, OTHER, LATER], 2),
    ],
)
def test_each_bucket_needs_a_block(resources: list[Planned], count: int) -> None:
    sentence = "has no public access block with all four switches on; fix: add a BucketPublicAccessBlock"
    assert found(*resources) == [sentence] * count
