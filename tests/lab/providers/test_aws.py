"""The aws stand-in against moto's server: what a region registers, changed, drifted, imported and deleted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from moto.server import ThreadedMotoServer

from lab.providers.aws.provider import AwsProvider
from lab.providers.protocol import ProviderError
from lab.providers.values import UNKNOWN, Secret, plain, unmarshal
from tests.lab.providers.lifecycle import REGION, World

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def allow(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
SECRET = "aws:secretsmanager/secret:Secret"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def world(moto: str, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    requests.post(f"{moto}/moto-api/reset", timeout=10).raise_for_status()
    return World(moto)


def test_a_bucket_is_made_in_its_region_with_its_own_and_the_default_tags(world: World) -> None:
    state = world.of(BUCKET).create(bucket="logs-eu", tags={"pillar": "logs"})
    assert state["arn"] == "arn:aws:s3:::logs-eu"
    assert state["bucketRegionalDomainName"] == "logs-eu.s3.eu-west-1.amazonaws.com"
    assert state["tagsAll"] == {"stack": "prod.eu-west", "pillar": "logs"}
    assert world.client("s3").get_bucket_location(Bucket="logs-eu")["LocationConstraint"] == REGION
    tags = world.client("s3").get_bucket_tagging(Bucket="logs-eu")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == state["tagsAll"]


def test_a_bucket_without_a_name_gets_one_that_stays(world: World) -> None:
    bucket = world.of(BUCKET)
    name = bucket.create(tags={})["bucket"]
    assert name.startswith("main-")
    assert bucket.diff(tags={}) == {}


def test_a_preview_knows_the_inputs_and_not_what_aws_will_say(world: World) -> None:
    state = world.of(BUCKET).preview(bucket="logs-eu")
    assert (state["bucket"], state["arn"]) == ("logs-eu", UNKNOWN)
    assert world.client("s3").list_buckets()["Buckets"] == []


def test_a_renamed_bucket_is_replaced_and_a_retagged_one_is_not(world: World) -> None:
    bucket = world.of(BUCKET)
    bucket.create(bucket="logs-eu", tags={"pillar": "logs"})
    assert bucket.diff(bucket="logs-us", tags={"pillar": "logs"}) == {"bucket": "UPDATE_REPLACE"}
    assert bucket.diff(bucket="logs-eu", tags={"pillar": "traces"}) == {"tags.pillar": "UPDATE"}
    assert bucket.update(bucket="logs-eu", tags={"pillar": "traces"})["tagsAll"]["pillar"] == "traces"


def test_a_bucket_with_objects_is_deleted_only_by_force(world: World) -> None:
    bucket = world.of(BUCKET)
    bucket.create(bucket="logs-eu")
    world.client("s3").put_object(Bucket="logs-eu", Key="chunk", Body=b"x")
    with pytest.raises(ProviderError, match="BucketNotEmpty"):
        bucket.delete()
    bucket.update(bucket="logs-eu", forceDestroy=True)
    bucket.delete()
    assert not bucket.refresh()


def test_a_bucket_that_is_there_already_is_not_taken_over(world: World) -> None:
    world.client("s3").create_bucket(Bucket="logs-eu", CreateBucketConfiguration={"LocationConstraint": REGION})
    with pytest.raises(ProviderError, match=r"creating S3 Bucket \(logs-eu\): BucketAlreadyExists"):
        world.of(BUCKET).create(bucket="logs-eu")


SETTINGS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "access": (
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True},
        {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": False},
    ),
    "encryption": (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}]},
        {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:key"},
                    "bucketKeyEnabled": True,
                }
            ]
        },
    ),
    "policy": (
        "aws:s3/bucketPolicy:BucketPolicy",
        {"policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]})},
        {"policy": json.dumps({"Version": "2012-10-17", "Statement": []})},
    ),
    "lifecycle": (
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {
            "rules": [
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": 37},
                    "noncurrentVersionExpiration": {"noncurrentDays": 1},
                },
                {
                    "id": "abort",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                },
            ]
        },
        {"rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 5}}]},
    ),
    "versioning": (
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
    ),
    "ownership": (
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "ObjectWriter"}},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_a_bucket_is_kept_changed_and_its_drift_seen(world: World, name: str) -> None:
    token, asked, other = SETTINGS[name]
    world.of(BUCKET).create(bucket="logs-eu")
    setting = world.of(token)
    setting.create(bucket="logs-eu", **asked)
    assert setting.refresh()
    assert setting.diff(bucket="logs-eu", **asked) == {}, "a refresh without drift leaves nothing to change"

    changed = setting.diff(bucket="logs-eu", **other)
    assert changed
    assert all("REPLACE" not in kind for kind in changed.values())
    setting.update(bucket="logs-eu", **other)
    assert setting.refresh()
    assert setting.diff(bucket="logs-eu", **other) == {}

    behind = world.of(token)
    behind.inputs, behind.id = setting.check({"bucket": "logs-eu", **asked}), "logs-eu"
    assert behind.refresh()
    assert behind.diff(bucket="logs-eu", **asked), "what is live is not what was asked"
    setting.delete()


@pytest.mark.parametrize("name", ["access", "encryption", "policy", "lifecycle", "ownership"])
def test_a_deleted_setting_is_gone(world: World, name: str) -> None:
    token, asked, _ = SETTINGS[name]
    world.of(BUCKET).create(bucket="logs-eu")
    setting = world.of(token)
    setting.create(bucket="logs-eu", **asked)
    setting.delete()
    assert not setting.refresh()


def test_a_policy_that_only_reads_differently_is_no_change(world: World) -> None:
    world.of(BUCKET).create(bucket="logs-eu")
    policy = world.of(SETTINGS["policy"][0])
    policy.create(bucket="logs-eu", policy='{"Version":"2012-10-17","Statement":[]}')
    assert policy.diff(bucket="logs-eu", policy='{ "Statement": [], "Version": "2012-10-17" }') == {}


def test_a_role_with_its_policy(world: World) -> None:
    role, policy = world.of(ROLE), world.of("aws:iam/rolePolicy:RolePolicy")
    state = role.create(name="loki", assumeRolePolicy=TRUST, description="reads", tags={"a": "b"})
    assert state["arn"].endswith(":role/loki")
    policy.create(name="use", role="loki", policy=allow("s3:GetObject"))
    assert policy.id == "loki:use"
    for each, inputs in (
        (role, {"name": "loki", "assumeRolePolicy": TRUST, "description": "reads", "tags": {"a": "b"}}),
        (policy, {"name": "use", "role": "loki", "policy": allow("s3:GetObject")}),
    ):
        assert each.refresh()
        assert each.diff(**inputs) == {}
    world.client("iam").put_role_policy(RoleName="loki", PolicyName="use", PolicyDocument=allow("s3:*"))
    assert policy.refresh()
    assert policy.diff(name="use", role="loki", policy=allow("s3:GetObject")) == {"policy": "UPDATE"}
    assert role.diff(name="tempo", assumeRolePolicy=TRUST)["name"] == "UPDATE_REPLACE"
    role.update(name="loki", assumeRolePolicy=TRUST, description="writes")
    live = world.client("iam").get_role(RoleName="loki")["Role"]
    assert (live["Description"], live["Tags"]) == ("writes", [{"Key": "stack", "Value": "prod.eu-west"}])
    policy.delete()
    role.delete()
    assert not role.refresh()


def test_an_attached_policy(world: World) -> None:
    world.of(ROLE).create(name="loki", assumeRolePolicy=TRUST)
    world.client("iam").create_policy(PolicyName="own", PolicyDocument=allow("s3:GetObject"))
    arn = world.client("iam").list_policies(Scope="Local")["Policies"][0]["Arn"]
    attachment = world.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    attachment.create(role="loki", policyArn=arn)
    assert attachment.refresh()
    assert attachment.diff(role="other", policyArn=arn) == {"role": "UPDATE_REPLACE"}
    attachment.delete()
    assert not attachment.refresh()


def test_a_pod_identity_association_is_kept_where_the_service_has_none(world: World) -> None:
    association = world.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    inputs = {"clusterName": "c", "namespace": "n", "serviceAccount": "loki", "roleArn": "arn:aws:iam::1:role/loki"}
    state = association.create(**inputs)
    assert state["associationArn"].endswith(f":podidentityassociation/c/{association.id}")
    assert association.refresh()
    assert association.diff(**inputs) == {}
    assert association.diff(**{**inputs, "roleArn": "arn:other"}) == {"roleArn": "UPDATE"}
    assert association.diff(**{**inputs, "namespace": "m"}) == {"namespace": "UPDATE_REPLACE"}
    association.delete()


def test_a_secret_s_value_is_marked_and_a_new_value_is_a_new_version(world: World) -> None:
    secret, version = world.of(SECRET), world.of(VERSION)
    arn = secret.create(name="grafana", recoveryWindowInDays=0)["arn"]
    state = version.create(secretId=arn, secretString=Secret("first"))
    assert state["secretString"] == Secret("first")
    assert version.refresh()
    assert version.diff(secretId=arn, secretString=Secret("first")) == {}
    assert version.diff(secretId=arn, secretString=Secret("second")) == {"secretString": "UPDATE_REPLACE"}
    assert secret.refresh()
    assert secret.diff(name="grafana", recoveryWindowInDays=0) == {}
    version.delete()
    secret.delete()
    assert not secret.refresh()
    world.of(SECRET).create(name="grafana", recoveryWindowInDays=0)


def test_a_deleted_secret_can_be_restored_for_a_while(world: World) -> None:
    secret = world.of(SECRET)
    secret.create(name="grafana", recoveryWindowInDays=30)
    secret.delete()
    assert not secret.refresh()
    assert "DeletedDate" in world.client("secretsmanager").describe_secret(SecretId="grafana")


def test_a_key_and_its_alias(world: World) -> None:
    key, alias = world.of("aws:kms/key:Key"), world.of("aws:kms/alias:Alias")
    key.create(description="logs", enableKeyRotation=True)
    state = alias.create(name="alias/logs", targetKeyId=key.id)
    assert state["targetKeyArn"] == plain(unmarshal(key.state))["arn"]
    assert key.refresh()
    assert key.diff(description="logs", enableKeyRotation=True) == {}
    assert alias.refresh()
    assert alias.diff(name="alias/logs", targetKeyId=key.id) == {}
    world.client("kms").disable_key_rotation(KeyId=key.id)
    assert key.refresh()
    assert key.diff(description="logs", enableKeyRotation=True) == {"enableKeyRotation": "UPDATE"}
    alias.delete()
    key.delete()
    assert not alias.refresh()
    assert not key.refresh()


def test_an_unknown_type_and_an_unknown_property_are_named(world: World) -> None:
    with pytest.raises(ProviderError, match=r"aws:sqs/queue:Queue: the stand-in aws provider does not know this type"):
        world.of("aws:sqs/queue:Queue").create(name="q")
    with pytest.raises(ProviderError, match=r"website: the stand-in aws provider does not know this property"):
        world.of(BUCKET).create(website={})


def test_another_account_is_refused(world: World) -> None:
    with pytest.raises(ProviderError, match="AWS account ID not allowed: 123456789012; allowed is 999999999999"):
        AwsProvider().configure({"region": REGION, "allowedAccountIds": '["999999999999"]'})


def test_another_region_replaces_everything(world: World) -> None:
    assert world.provider.diff_config({"region": REGION}, {"region": "us-east-1"}) == ["region"]
    assert world.provider.diff_config({"region": REGION}, {"region": REGION, "profile": "x"}) == []
