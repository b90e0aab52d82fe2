from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from components.object_store import ObjectStore
from components.values.context import Context
from settings import load
from tests.recording import Recorded, record

POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
PILLARS = ("logs", "metrics", "traces")
KEY = "arn:aws:kms:eu-west-1:222222222222:key/0a1b2c3d-0000-4000-8000-000000000001"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE0123456789ABCDEF01234567"


@cache
def _store(stack: str) -> Recorded:
    return _fresh(stack)


def _fresh(stack: str) -> Recorded:
    context = Context(*load.from_file(stack))
    return record(lambda: ObjectStore("store", context), stack=stack)


def _statements(recorded: Recorded, name: str, field: str = "policy") -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(recorded[name].inputs[field])["Statement"]
    return statements


def _by_sid(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["Sid"]: each for each in statements}


def test_each_pillar_has_one_bucket_named_after_the_settings() -> None:
    buckets = _store("prod.us-east").of_type("aws:s3/bucket:Bucket")
    assert {each.name: each.inputs["bucket"] for each in buckets} == {
        f"store-{pillar}-bucket": f"example-prod-us-east-{pillar}" for pillar in PILLARS
    }


@pytest.mark.parametrize(("stack", "protected"), [("prod.us-east", True), ("dev.us-east", False)])
def test_deletion_protection_protects_buckets_and_no_bucket_is_emptied_by_a_destroy(
    stack: str, protected: bool
) -> None:
    buckets = _store(stack).of_type("aws:s3/bucket:Bucket")
    assert {each.protect for each in buckets} == {protected}
    assert {each.inputs["forceDestroy"] for each in buckets} == {False}


def test_buckets_are_private_and_know_no_access_control_lists() -> None:
    recorded = _store("prod.us-east")
    for pillar in PILLARS:
        access = recorded[f"store-{pillar}-public-access"].inputs
        switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert [access[switch] for switch in switches] == [True] * 4
        assert recorded[f"store-{pillar}-ownership"].inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_plaintext_old_tls_and_other_accounts_are_denied_whatever_a_role_says() -> None:
    denials = _by_sid(_statements(_store("prod.us-east"), "store-logs-policy"))
    assert {each["Effect"] for each in denials.values()} == {"Deny"}
    assert {each["Action"] for each in denials.values()} == {"s3:*"}
    both = ["arn:aws:s3:::example-prod-us-east-logs", "arn:aws:s3:::example-prod-us-east-logs/*"]
    assert all(each["Resource"] == both for each in denials.values())
    assert denials["DenyPlaintext"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denials["DenyOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    foreign = denials["DenyOtherAccounts"]["Condition"]
    assert foreign["StringNotEquals"] == {"aws:PrincipalAccount": "222222222222"}


def test_without_a_key_objects_are_encrypted_by_s3() -> None:
    rules = _store("prod.us-east")["store-logs-encryption"].inputs["rules"]
    assert rules == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}]


def test_with_a_key_objects_are_encrypted_by_it_through_a_bucket_key() -> None:
    rules = _store("prod.eu-west")["store-logs-encryption"].inputs["rules"]
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert rules == [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]


@pytest.mark.parametrize(
    ("stack", "days"),
    [
        ("prod.us-east", {"logs": 33, "metrics": 18, "traces": 10}),
        ("dev.us-east", {"logs": 10, "metrics": 6, "traces": 6}),
    ],
)
def test_s3_removes_objects_a_margin_after_the_retention(stack: str, days: dict[str, int]) -> None:
    recorded = _store(stack)
    rules = {pillar: recorded[f"store-{pillar}-lifecycle"].inputs["rules"] for pillar in PILLARS}
    assert {pillar: found[0]["expiration"]["days"] for pillar, found in rules.items()} == days
    assert {found[0]["noncurrentVersionExpiration"]["noncurrentDays"] for found in rules.values()} == {1}
    assert {found[1]["abortIncompleteMultipartUpload"]["daysAfterInitiation"] for found in rules.values()} == {1}
    assert {rule["filter"]["prefix"] for found in rules.values() for rule in found} == {""}
    assert {rule["status"] for found in rules.values() for rule in found} == {"Enabled"}


def test_no_bucket_is_versioned() -> None:
    versioning = _store("prod.us-east").of_type("aws:s3/bucketVersioning:BucketVersioning")
    assert [each.inputs["versioningConfiguration"] for each in versioning] == [{"status": "Disabled"}] * 3


@pytest.mark.parametrize("pillar", PILLARS)
def test_a_role_reaches_its_bucket_and_no_other(pillar: str) -> None:
    statements = _by_sid(_statements(_store("prod.us-east"), f"store-{pillar}-role-policy"))
    bucket = f"arn:aws:s3:::example-prod-us-east-{pillar}"
    assert statements["ListBucket"]["Resource"] == [bucket]
    assert statements["UseObjects"]["Resource"] == [f"{bucket}/*"]
    assert sorted(statements) == ["ListBucket", "UseObjects"]
    actions = [action for each in statements.values() for action in each["Action"]]
    assert sorted(actions) == [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    ]


def test_a_shared_key_opens_only_the_roles_own_bucket() -> None:
    key = _by_sid(_statements(_store("prod.eu-west"), "store-traces-role-policy"))["UseKey"]
    assert key["Resource"] == [KEY]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    bucket = "arn:aws:s3:::example-prod-eu-west-traces"
    assert key["Condition"] == {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]}}


def test_with_irsa_one_service_account_of_the_clusters_issuer_takes_the_role() -> None:
    recorded = _store("prod.eu-west")
    (statement,) = _statements(recorded, "store-logs-role", "assumeRolePolicy")
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::222222222222:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": "system:serviceaccount:observability:loki",
            }
        },
    }
    assert recorded.of_type(ASSOCIATION) == []


def test_with_pod_identity_one_service_account_of_one_cluster_takes_the_role() -> None:
    recorded = _store("prod.us-east")
    (statement,) = _statements(recorded, "store-traces-role", "assumeRolePolicy")
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:222222222222:cluster/prod-us-east",
                "aws:RequestTag/kubernetes-namespace": "observability",
                "aws:RequestTag/kubernetes-service-account": "tempo",
            }
        },
    }


def test_pod_identities_are_associated_with_the_workloads_service_accounts() -> None:
    associations = _store("prod.us-east").of_type(ASSOCIATION)
    found = {
        each.inputs["serviceAccount"]: (
            each.inputs["clusterName"],
            each.inputs["namespace"],
            each.inputs["roleArn"],
        )
        for each in associations
    }
    assert found == {
        "loki": ("prod-us-east", "observability", "arn:mock:store-logs-role"),
        "metrics-prometheus": ("prod-us-east", "observability", "arn:mock:store-metrics-role"),
        "tempo": ("prod-us-east", "observability", "arn:mock:store-traces-role"),
    }
    # A pod that starts between association and permission would be refused by its bucket.
    assert all(f"{each.name.removesuffix('-pod-identity')}-role-policy" in each.depends_on for each in associations)


def test_everything_hangs_below_the_component_and_is_tagged() -> None:
    recorded = _store("prod.us-east")
    children = [each for each in recorded.values() if each.name != "store"]
    assert {each.parent.rsplit("::", 1)[1] for each in children} == {"store"}
    tagged = [each for each in children if "tags" in each.inputs]
    assert len(tagged) == 9
    assert {each.inputs["tags"]["purpose"] for each in tagged} == set(PILLARS)
    assert recorded["store"].type == "observability-platform:components:ObjectStore"


def test_policies_are_written_the_same_each_time() -> None:
    first, second = _fresh("prod.eu-west"), _fresh("prod.eu-west")
    assert {name: each.inputs for name, each in first.items()} == {name: each.inputs for name, each in second.items()}
    assert len(first.of_type(POLICY)) == 3
