"""Each policy refuses its own mistake, with the resource's name and the fix, and passes what is right."""

from __future__ import annotations

from typing import Any

import pytest

from automation.policies import RULES, check
from automation.policies.rules import _CREDENTIAL
from automation.recorder import Planned
from tests.automation.reports import urn

CONTAINER: dict[str, Any] = {
    "name": "main",
    "image": "registry.example/main:1.2",
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
CLOSED = {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True}


def planned(kind: str, inputs: dict[str, Any], *, protect: bool = True, retain: bool = True) -> Planned:
    return Planned(urn("us-east", kind, "thing"), kind, inputs, protect, retain)


def workload(kind: str = "StatefulSet", **container: Any) -> Planned:
    metadata = {
        "name": "thing",
        "namespace": "observability",
        "labels": {"app.kubernetes.io/instance": "x"},
        "annotations": {"pulumi.com/deletionPropagationPolicy": "orphan"},
    }
    pod = {"containers": [{**CONTAINER, **container}]}
    return planned(f"kubernetes:apps/v1:{kind}", {"metadata": metadata, "spec": {"template": {"spec": pod}}})


NAMESPACE = planned(
    "kubernetes:core/v1:Namespace",
    {
        "metadata": {
            "name": "observability",
            "labels": {"pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/part-of": "x"},
        }
    },
)
BUCKET = planned("aws:s3/bucket:Bucket", {"bucket": "logs"})
ACCESS = planned("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"bucket": "logs", **CLOSED})
PROVIDER = planned(
    "pulumi:providers:aws", {"defaultTags": '{"tags": {"observability-platform:stack": "prod.us-east"}}'}
)
RIGHT = [NAMESPACE, BUCKET, ACCESS, PROVIDER, workload()]
CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
MISTAKES: list[tuple[str, str, list[Planned]]] = [
    ("no-public-bucket", "has no public access block", [BUCKET]),
    (
        "no-public-bucket",
        "has no public access block",
        [BUCKET, planned(ACCESS.type, {**ACCESS.inputs, "blockPublicAcls": False})],
    ),
    (
        "no-public-bucket",
        "allows everybody",
        [
            planned(
                "aws:s3/bucketPolicy:BucketPolicy", {"policy": '{"Statement": [{"Effect": "Allow", "Principal": "*"}]}'}
            )
        ],
    ),
    ("no-latest-tag", "runs main:latest", [workload(image="main:latest")]),
    ("no-latest-tag", "runs host:5000/main", [workload(image="host:5000/main")]),
    (
        "no-latest-tag",
        "runs collector",
        [planned("kubernetes:opentelemetry.io/v1beta1:OpenTelemetryCollector", {"spec": {"image": "collector"}})],
    ),
    ("limits-and-requests", "container main has no requests.cpu", [workload(resources={"limits": {"memory": "1Gi"}})]),
    (
        "no-credential-in-configmap",
        "data['a.yaml'] holds what looks like a password in plain text (hidden)",
        [planned("kubernetes:core/v1:ConfigMap", {"data": {"a.yaml": "user: x\npassword: c4naryvalue\n"}})],
    ),
    (
        "no-credential-in-configmap",
        "an AWS access key",
        [planned("kubernetes:core/v1:ConfigMap", {"data": {"a": "AKIAABCDEFGHIJKLMNOP"}})],
    ),
    ("pod-security", "main may escalate privileges", [NAMESPACE, workload(securityContext={})]),
    ("labels-of-ownership", "tags nothing with", [planned("pulumi:providers:aws", {"defaultTags": "{}"})]),
    (
        "labels-of-ownership",
        "says not whose it is",
        [planned("kubernetes:core/v1:Namespace", {"metadata": {"name": "x"}})],
    ),
    ("protected-stateful", "is not protected", [ACCESS, planned(BUCKET.type, BUCKET.inputs, protect=False)]),
    ("protected-stateful", "is not protected and retained", [planned(CRD, {}, retain=False)]),
    (
        "protected-stateful",
        "takes its pods along",
        [planned("kubernetes:apps/v1:StatefulSet", {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}})],
    ),
]


def test_what_is_right_passes() -> None:
    assert check(RIGHT) == []


@pytest.mark.parametrize(("rule", "message", "resources"), MISTAKES)
def test_a_mistake_is_named_with_its_fix(rule: str, message: str, resources: list[Planned]) -> None:
    found = [violation for violation in check(resources) if violation.rule == rule]
    assert found, "the mistake passes"
    assert message in found[0].message
    assert "fix: " in found[0].message or "there is no CPU limit" in found[0].message
    assert "c4nary" not in str(found[0])


def test_every_rule_has_a_mistake() -> None:
    assert {rule for rule, _, _ in MISTAKES} == set(RULES)


SHAPES = {
    "an AWS access key": "id ASIA" + "B" * 16,
    "a private key": "-----BEGIN EC PRIVATE " + "KEY-----",
    "a Slack webhook": "https://hooks.slack.com/services/x",
    "a Slack token": "xoxb-" + "1" * 12,
    "a JSON web token": "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + ".c",
    "a GitHub token": "ghs_" + "A" * 36,
    "a Grafana token": "glsa_" + "A" * 20,
    "a URL with a password": "https://user:" + "x@example.com",
    "a password in plain text": "  GF_PASSWD=" + "c" * 8,
}


def test_every_shape_of_a_credential_is_known() -> None:
    assert set(SHAPES) == set(_CREDENTIAL)
    for shape, text in SHAPES.items():
        found = check([planned("kubernetes:core/v1:ConfigMap", {"data": {"a": f"x: 1\n{text}\n"}})])
        assert [violation.message for violation in found if violation.rule == "no-credential-in-configmap"] == [
            f"data['a'] holds what looks like {shape} (hidden); fix: mount it from a Secret"
        ]


@pytest.mark.parametrize(
    "text", ["password: ${PASSWORD}", "password_file: /etc/x/password", 'password: ""', "token_url: x"]
)
def test_a_reference_is_no_credential(text: str) -> None:
    assert check([planned("kubernetes:core/v1:ConfigMap", {"data": {"a.yaml": text}})]) == []


def test_an_environment_without_deletion_protection_need_not_protect() -> None:
    bare = [ACCESS, planned(BUCKET.type, BUCKET.inputs, protect=False)]
    assert [violation.rule for violation in check(bare)] == ["protected-stateful"]
    assert check(bare, protection=False) == []
