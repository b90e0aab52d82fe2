from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from components.secrets import Secrets
from components.values.context import Context
from lab import prerequisites
from settings import load
from settings.platform import Platform
from settings.region import RemoteWrite
from tests.recording import Recorded, Secret, record

PASSWORD = "secrets-grafana-admin-password"
VERSION = f"{PASSWORD}-version"
GENERATED = "example/prod/us-east/grafana-admin-password"
READERS = ("logistics", "payments", "platform", "recommendations", "storefront")


@cache
def _secrets(stack: str, *, remote_write: bool = False) -> Recorded:
    platform, region = load.from_file(stack)
    context = Context(_with_remote_write(platform, region) if remote_write else platform, region)
    return record(lambda: Secrets("secrets", context), stack=stack)


def _external(recorded: Recorded) -> dict[str, dict[str, Any]]:
    made = recorded.of_type("kubernetes:external-secrets.io/v1:ExternalSecret")
    return {each.inputs["metadata"]["name"]: each.inputs["spec"] for each in made}


def _remote(spec: dict[str, Any]) -> dict[str, str]:
    return {each["secretKey"]: each["remoteRef"]["key"] for each in spec["data"]}


def _with_remote_write(platform: Platform, region: str) -> Platform:
    store = RemoteWrite(url="https://mimir.example.com/push", username="writer", password_secret="mimir/password")
    changed = platform.regions[region].model_copy(update={"remote_write": store})
    return platform.model_copy(update={"regions": {**platform.regions, region: changed}})


def test_the_generated_password_is_secret_wherever_the_engine_sees_it() -> None:
    version = _secrets("prod.us-east")[VERSION]
    assert version.inputs["secretString"] == Secret("generated")


def test_no_secret_value_reaches_a_kubernetes_object() -> None:
    recorded = _secrets("prod.us-east", remote_write=True)
    objects = [each for each in recorded.values() if each.type.startswith("kubernetes:")]
    assert len(objects) == 6
    assert all("generated" not in json.dumps(each.inputs) for each in objects)
    assert {each.type for each in objects} == {
        "kubernetes:external-secrets.io/v1:ExternalSecret",
        "kubernetes:external-secrets.io/v1:SecretStore",
    }


def test_the_password_is_generated_into_the_store_under_its_name() -> None:
    recorded = _secrets("prod.us-east")
    assert recorded[PASSWORD].inputs["length"] == 32
    assert recorded[PASSWORD].inputs["special"] is False
    assert recorded[f"{PASSWORD}-secret"].inputs["name"] == GENERATED


def test_each_tenant_and_the_platform_team_has_a_token_of_its_own_to_read_with() -> None:
    recorded = _secrets("prod.us-east")
    for reader in READERS:
        token = recorded[f"secrets-access-token-{reader}"].inputs
        assert (token["length"], token["special"]) == (32, False)
        assert recorded[f"secrets-access-token-{reader}-version"].inputs["secretString"] == Secret("generated")
    assert _remote(_external(recorded)["access-tokens"]) == {
        reader: f"example/prod/us-east/access-token-{reader}" for reader in READERS
    }


@pytest.mark.parametrize(("stack", "protected", "window"), [("prod.us-east", True, 30), ("dev.us-east", False, 0)])
def test_deletion_protection_keeps_the_password_and_its_recovery_window(
    stack: str, protected: bool, window: int
) -> None:
    recorded = _secrets(stack)
    assert recorded[PASSWORD].protect is protected
    assert recorded[f"{PASSWORD}-secret"].protect is protected
    assert recorded[f"{PASSWORD}-secret"].inputs["recoveryWindowInDays"] == window


def test_the_regions_key_encrypts_the_generated_secret() -> None:
    assert "kmsKeyId" not in _secrets("prod.us-east")[f"{PASSWORD}-secret"].inputs
    key = "arn:aws:kms:eu-west-1:222222222222:key/0a1b2c3d-0000-4000-8000-000000000001"
    assert _secrets("prod.eu-west")[f"{PASSWORD}-secret"].inputs["kmsKeyId"] == key


def test_grafanas_account_is_a_fixed_name_and_the_generated_password() -> None:
    spec = _external(_secrets("prod.us-east"))["grafana-admin"]
    assert _remote(spec) == {"admin-password": GENERATED}
    assert spec["target"]["template"] == {
        "engineVersion": "v2",
        "mergePolicy": "Merge",
        "data": {"admin-user": "admin"},
    }


def test_each_receiver_gets_one_file_from_the_secret_that_the_settings_name() -> None:
    spec = _external(_secrets("prod.us-east"))["alertmanager-receivers"]
    assert _remote(spec) == {
        "pagerduty-routing-key": "alerting/pagerduty-routing-key",
        "slack-webhook-url": "alerting/slack-webhook-url",
        "watchdog-url": "alerting/watchdog-url",
    }
    assert "template" not in spec["target"]


def test_single_sign_on_and_remote_write_bring_their_secrets_only_when_configured() -> None:
    assert sorted(_external(_secrets("dev.us-east"))) == ["access-tokens", "alertmanager-receivers", "grafana-admin"]
    full = _external(_secrets("prod.us-east", remote_write=True))
    assert sorted(full) == ["access-tokens", "alertmanager-receivers", "grafana-admin", "grafana-oidc", "remote-write"]
    assert _remote(full["grafana-oidc"]) == {"client-secret": "grafana/oidc-client-secret"}
    assert _remote(full["remote-write"]) == {"password": "mimir/password"}
    assert full["remote-write"]["target"]["template"]["data"] == {"username": "writer"}


def test_a_secret_is_asked_for_after_it_is_in_the_store() -> None:
    recorded = _secrets("prod.us-east")
    tokens = {f"secrets-access-token-{reader}-version" for reader in READERS}
    for target, versions in {"grafana-admin": {VERSION}, "access-tokens": tokens}.items():
        waits = recorded[f"secrets-{target}"].depends_on
        assert "secrets-store" in waits
        assert {each for each in waits if each.endswith("-version")} == versions


def test_with_pod_identity_the_operator_takes_the_regions_role_and_nobody_else_can() -> None:
    recorded = _secrets("prod.us-east")
    assert recorded["secrets-store"].inputs["spec"] == {
        "provider": {
            "aws": {
                "service": "SecretsManager",
                "region": "us-east-1",
                "role": "arn:aws:iam::222222222222:role/example-prod-us-east-secrets",
            }
        }
    }
    (statement,) = json.loads(recorded["secrets-role"].inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}
    assert statement["Condition"]["StringEquals"] == {
        "aws:PrincipalTag/eks-cluster-arn": "arn:aws:eks:us-east-1:222222222222:cluster/prod-us-east",
        "aws:PrincipalTag/kubernetes-namespace": "external-secrets",
        "aws:PrincipalTag/kubernetes-service-account": "external-secrets",
    }


def test_with_irsa_the_operator_acts_as_a_service_account_of_the_platform() -> None:
    recorded = _secrets("prod.eu-west")
    store = recorded["secrets-store"]
    assert store.inputs["spec"]["provider"]["aws"] == {
        "service": "SecretsManager",
        "region": "eu-west-1",
        "auth": {"jwt": {"serviceAccountRef": {"name": "secret-reader"}}},
    }
    reader = recorded["secrets-reader"].inputs
    arn = "arn:aws:iam::222222222222:role/example-prod-eu-west-secrets"
    assert reader["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": arn}
    assert reader["automountServiceAccountToken"] is False
    assert {"secrets-reader", "secrets-role-policy"} <= store.depends_on
    (statement,) = json.loads(recorded["secrets-role"].inputs["assumeRolePolicy"])["Statement"]
    (subject,) = [value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")]
    assert subject == "system:serviceaccount:observability:secret-reader"


def test_the_role_reads_exactly_the_secrets_in_use() -> None:
    statements = json.loads(_secrets("prod.us-east")["secrets-role-policy"].inputs["policy"])["Statement"]
    prefix = "arn:aws:secretsmanager:us-east-1:222222222222:secret:"
    assert [each["Sid"] for each in statements] == ["ReadSecrets"]
    assert statements[0]["Action"] == ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    assert statements[0]["Resource"] == [
        f"{prefix}{name}-??????"
        for name in (
            "alerting/pagerduty-routing-key",
            "alerting/slack-webhook-url",
            "alerting/watchdog-url",
            "example/prod/us-east/access-token-*",
            GENERATED,
            "grafana/oidc-client-secret",
        )
    ]


def test_the_regions_key_is_usable_through_the_secret_store_only() -> None:
    statements = json.loads(_secrets("prod.eu-west")["secrets-role-policy"].inputs["policy"])["Statement"]
    (key,) = [each for each in statements if each["Sid"] == "UseKey"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
    assert key["Action"] == ["kms:Decrypt"]


def test_objects_stand_in_the_platforms_namespace_with_its_labels() -> None:
    recorded = _secrets("prod.eu-west")
    metadata = [each.inputs["metadata"] for each in recorded.values() if each.type.startswith("kubernetes:")]
    assert {each["namespace"] for each in metadata} == {"observability"}
    assert {each["labels"]["app.kubernetes.io/part-of"] for each in metadata} == {"observability-platform"}


def _closed(schema: Any) -> Any:
    """Return a schema that refuses what the API server would drop: a field it does not know."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(inner) for key, inner in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed


@cache
def _schemas() -> dict[str, Any]:
    """Return the spec schema of each kind that the prerequisite's own CRDs serve as v1."""
    bundle = next(each for each in prerequisites.BUNDLES if each.name == "external-secrets")
    return {
        crd["spec"]["names"]["kind"]: _closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
        for crd in prerequisites.read(bundle)
        for version in crd["spec"]["versions"]
        if version["name"] == "v1"
    }


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east", "prod.eu-west"])
def test_external_secrets_knows_every_field_that_we_write(stack: str) -> None:
    recorded = _secrets(stack, remote_write=True)
    objects = [each for each in recorded.values() if each.type.startswith("kubernetes:external-secrets.io/")]
    assert len(objects) >= 4
    for each in objects:
        jsonschema.validate(each.inputs["spec"], _schemas()[each.inputs["kind"]])
