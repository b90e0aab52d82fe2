"""That the reader of pod specs sees what Pod Security would refuse."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from automation.policies.workloads import floating, unbounded, violations

GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "data", "emptyDir": {}}],
    "containers": [
        {
            "name": "app",
            "image": "registry.example.com:5000/team/app:1.2.3",
            "ports": [{"containerPort": 8080}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
        }
    ],
}


def pod(**container: Any) -> dict[str, dict[str, Any]]:
    spec = copy.deepcopy(GOOD)
    spec["containers"][0].update(container)
    return {"Deployment/app": spec}


def secured(**context: Any) -> dict[str, dict[str, Any]]:
    return pod(securityContext={**GOOD["containers"][0]["securityContext"], **context})


def test_a_restricted_bounded_and_pinned_pod_is_passed() -> None:
    assert violations(pod()) == unbounded(pod()) == floating(pod()) == []


@pytest.mark.parametrize(
    ("pods", "why"),
    [
        (secured(privileged=True), "app is privileged"),
        (secured(allowPrivilegeEscalation=True), "app may escalate privileges"),
        (secured(capabilities={}), "app keeps capabilities"),
        (secured(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), "app keeps capabilities"),
        (secured(runAsNonRoot=False), "app may run as root"),
        (secured(runAsUser=0), "app runs as root"),
        (secured(seccompProfile={"type": "Unconfined"}), "app has no seccomp profile"),
        (pod(ports=[{"containerPort": 80, "hostPort": 80}]), "app has a host port"),
        ({"Deployment/app": {**GOOD, "hostNetwork": True}}, "hostNetwork is set"),
        (
            {"Deployment/app": {**GOOD, "volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}]}},
            "volume logs is a hostPath",
        ),
        (
            {
                "Deployment/app": {
                    **GOOD,
                    "initContainers": [{"name": "first", "securityContext": {"privileged": True}}],
                }
            },
            "first is privileged",
        ),
    ],
)
def test_each_violation_is_named(pods: dict[str, Any], why: str) -> None:
    assert f"Deployment/app: {why}" in violations(pods)


def test_a_missing_request_or_limit_is_named() -> None:
    assert unbounded(pod(resources={"requests": {"cpu": "1"}})) == [
        "Deployment/app/app: no requests.memory",
        "Deployment/app/app: no limits.memory",
    ]


@pytest.mark.parametrize(
    "image", ["app", "registry.example.com:5000/app", "registry.example.com/app:latest", "library/app:latest"]
)
def test_an_image_without_a_version_is_named(image: str) -> None:
    assert floating(pod(image=image)) == [image]


def test_a_digest_is_a_version() -> None:
    assert floating(pod(image="registry.example.com/app@sha256:0123")) == []
