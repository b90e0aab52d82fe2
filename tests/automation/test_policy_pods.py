"""The pods of every kind are looked at, those that operators make included, and read as Pod Security reads them."""

from __future__ import annotations

from typing import Any

import pytest

from automation.recorder import Planned
from tests.automation.plans import (
    BOUNDED,
    COLLECTOR,
    CONTAINER,
    METADATA,
    MONITOR,
    SECURE,
    broken,
    collector,
    holding,
    monitor,
    namespace,
    planned,
    running,
    workload,
)

RESTRICTED = "and its namespace is restricted; fix: its security context"
HOST = {"name": "root", "hostPath": {"path": "/"}}
BARE = {"name": "side", "image": "x:latest", "securityContext": {**SECURE, "privileged": True}}


def refused(resource: Planned) -> list[str]:
    """Return why the platform's own namespace refuses a resource's pods, whatever else is planned."""
    return [message.removesuffix(f", {RESTRICTED}") for message in broken("pod-security", resource)]


def secured(**context: Any) -> Planned:
    return workload(securityContext={**SECURE, **context})


CORE: dict[str, dict[str, Any]] = {
    "core/v1:Pod": {"spec": {"containers": [BARE]}},
    "core/v1:PodTemplate": {"template": {"spec": {"containers": [BARE]}}},
    "core/v1:ReplicationController": {"spec": {"template": {"spec": {"containers": [BARE]}}}},
    "apps/v1:Deployment": {"spec": {"template": {"spec": {"containers": [BARE]}}}},
    "apps/v1:StatefulSet": {"spec": {"template": {"spec": {"initContainers": [BARE]}}}},
    "apps/v1:DaemonSet": {"spec": {"template": {"spec": {"containers": [CONTAINER, BARE]}}}},
    "apps/v1:ReplicaSet": {"spec": {"template": {"spec": {"containers": [BARE]}}}},
    "batch/v1:Job": {"spec": {"template": {"spec": {"containers": [BARE]}}}},
    "batch/v1:CronJob": {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [BARE]}}}}}},
}
MADE = {
    **{kind: planned(f"kubernetes:{kind}", {"metadata": METADATA, **inputs}) for kind, inputs in CORE.items()},
    "additional container": collector(additionalContainers=[BARE]),
    "initial container": collector(initContainers=[BARE]),
    "v1alpha1": running("opentelemetry.io/v1alpha1:OpenTelemetryCollector", {**COLLECTOR, "initContainers": [BARE]}),
    "allocator": running("opentelemetry.io/v1alpha1:TargetAllocator", {**COLLECTOR, "additionalContainers": [BARE]}),
    **{
        kind: monitor(kind, containers=[BARE])
        for kind in ("Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler")
    },
    "initial container of a Prometheus": monitor(initContainers=[BARE]),
}


@pytest.mark.parametrize("resource", MADE.values(), ids=MADE)
def test_the_pods_of_each_kind_are_looked_at(resource: Planned) -> None:
    assert refused(resource) == ["side is privileged"]
    assert broken("no-latest-tag", resource) == [
        "runs x:latest; allowed: an image with a version; fix: add its tag or digest"
    ]
    fix = "fix: set it (there is no CPU limit on purpose)"
    assert broken("limits-and-requests", resource) == [
        f"container side has no {what}; {fix}" for what in ("requests.cpu", "requests.memory", "limits.memory")
    ]


def test_a_container_that_was_added_to_debug_a_pod_is_looked_at_but_for_its_resources() -> None:
    pod = holding({"ephemeralContainers": [BARE]})
    assert refused(pod) == ["side is privileged"]
    assert len(broken("no-latest-tag", pod)) == 1
    assert broken("limits-and-requests", pod) == []


@pytest.mark.parametrize("made", [collector, monitor, lambda **spec: monitor("Alertmanager", **spec)])
def test_an_operator_s_pod_is_read_in_its_own_fields(made: Any) -> None:
    assert refused(made()) == []
    assert refused(made(hostNetwork=True)) == ["hostNetwork is set"]
    assert refused(made(volumes=[HOST])) == ["volume root is a hostPath"]
    assert len(broken("limits-and-requests", made(resources=None))) == 3
    assert len(broken("no-latest-tag", made(image="main"))) == 1


def test_the_security_context_of_a_collector_is_its_container_s() -> None:
    assert refused(collector(securityContext={**SECURE, "privileged": True})) == ["otc-container is privileged"]
    assert refused(collector(podSecurityContext={"runAsUser": 0})) == ["the pod runs as root"]
    assert refused(collector(ports=[{"port": 80, "hostPort": 80}])) == ["otc-container has a host port"]


def test_a_collector_in_mode_sidecar_has_no_pod_but_an_image() -> None:
    sidecar = collector(mode="sidecar", image="x:latest", securityContext=None, resources=None)
    assert (refused(sidecar), broken("limits-and-requests", sidecar)) == ([], [])
    assert len(broken("no-latest-tag", sidecar)) == 1


def test_an_embedded_target_allocator_is_a_pod_where_it_is_enabled() -> None:
    assert refused(collector(targetAllocator={"enabled": False})) == []
    enabled = collector(targetAllocator={"enabled": True, "image": "x:latest", "resources": BOUNDED})
    assert "ta-container may escalate privileges" in refused(enabled)
    assert len(broken("no-latest-tag", enabled)) == 1


def test_the_security_context_of_a_prometheus_is_its_pod_s() -> None:
    assert refused(monitor(securityContext={**MONITOR["securityContext"], "runAsUser": 0})) == ["the pod runs as root"]
    assert "prometheus may run as root" in refused(monitor(securityContext=None))


def test_patches_are_laid_over_the_operator_s_containers() -> None:
    def patched(**patch: Any) -> list[str]:
        return refused(monitor(containers=[{"name": "prometheus", **patch}]))

    assert patched(args=["--web.enable-lifecycle"]) == []
    assert patched(securityContext={"readOnlyRootFilesystem": True}) == []
    assert patched(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}) == ["prometheus keeps capabilities"]
    assert patched(securityContext={"allowPrivilegeEscalation": True}) == ["prometheus may escalate privileges"]
    bounded = monitor(resources=None, containers=[{"name": "prometheus", "resources": BOUNDED}])
    assert broken("limits-and-requests", bounded) == []


def test_images_for_other_people_s_pods_are_looked_at() -> None:
    spec = {"java": {"image": "x:latest", "extensions": [{"image": "y", "dir": "/"}]}, "exporter": {"endpoint": "z"}}
    found = broken("no-latest-tag", running("opentelemetry.io/v1alpha1:Instrumentation", spec))
    assert [message.partition(";")[0] for message in found] == ["runs x:latest", "runs y"]


@pytest.mark.parametrize("image", ["main:latest-alpine", "a:LATEST", "a:alpine-latest", "a@", "", "host:5000/a"])
def test_a_version_that_moves_is_named(image: str) -> None:
    assert len(broken("no-latest-tag", workload(image=image))) == 1


@pytest.mark.parametrize("image", ["a:1", "a:v1-latestish", "latest:1", "a:latest@sha256:0123", "host:5000/latest/a:1"])
def test_a_version_passes(image: str) -> None:
    assert broken("no-latest-tag", workload(image=image)) == []


def test_an_untagged_image_of_a_prometheus_is_named_whatever_its_version() -> None:
    """Its operator takes `image` as it stands."""
    assert len(broken("no-latest-tag", monitor(image="quay.io/prometheus/prometheus", version="v3.1.0"))) == 1
    assert broken("no-latest-tag", monitor(image=None, version="v3.1.0")) == []


def test_a_limit_alone_is_a_request_too() -> None:
    assert broken("limits-and-requests", workload(resources={"limits": {"cpu": "1", "memory": "1Gi"}})) == []
    assert broken("limits-and-requests", workload(resources={"requests": None, "limits": BOUNDED["requests"]})) == []
    assert len(broken("limits-and-requests", workload(resources={"requests": None, "limits": None}))) == 3


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (secured(procMount="Unmasked"), ["main has a procMount of its own"]),
        (secured(appArmorProfile={"type": "Unconfined"}), ["main has no AppArmor profile"]),
        (secured(seLinuxOptions={"user": "u", "role": "r"}), ["main sets the SELinux user and role"]),
        (secured(seLinuxOptions={"type": "spc_t"}), ["main sets the SELinux type"]),
        (secured(windowsOptions={"hostProcess": True}), ["main is a process of a Windows host"]),
        (secured(seccompProfile={}), ["main has no seccomp profile"]),
        (secured(capabilities={"drop": ["NET_RAW"]}), ["main keeps capabilities"]),
        (workload(livenessProbe={"httpGet": {"host": "x"}}), ["main names a host in its livenessProbe"]),
        (workload(lifecycle={"preStop": {"tcpSocket": {"host": "x"}}}), ["main names a host in its preStop"]),
        (holding({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}), ["sysctl kernel.msgmax is set"]),
        (
            holding({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
            ["the pod has no AppArmor profile"],
        ),
        (holding({"securityContext": {"seLinuxOptions": {"role": "r"}}}), ["the pod sets the SELinux role"]),
        (
            holding({"securityContext": {"windowsOptions": {"hostProcess": True}}}),
            ["the pod is a process of a Windows host"],
        ),
        # Pod Security refuses these though each container says better.
        (holding({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}), ["the pod has no seccomp profile"]),
        (holding({"securityContext": {"runAsNonRoot": False}}), ["the pod may run as root"]),
        (holding({"securityContext": {"runAsUser": 0}}), ["the pod runs as root"]),
        (holding({"volumes": [{**HOST, "emptyDir": None}]}), ["volume root is a hostPath"]),
    ],
)
def test_what_a_restricted_namespace_refuses_is_named(resource: Planned, why: list[str]) -> None:
    assert refused(resource) == why


@pytest.mark.parametrize(
    "resource",
    [
        secured(capabilities={"drop": ["ALL", "NET_RAW"], "add": ["NET_BIND_SERVICE"]}),
        workload(ports=[{"containerPort": 80, "hostPort": 0}]),
        secured(
            procMount="Default", appArmorProfile={"type": "RuntimeDefault"}, seLinuxOptions={"type": "container_t"}
        ),
        secured(windowsOptions={"hostProcess": False}),
        holding({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}),
        holding({"volumes": [{"name": "a", "hostPath": None, "emptyDir": {}}]}),
    ],
)
def test_what_a_restricted_namespace_takes_passes(resource: Planned) -> None:
    assert refused(resource) == []


@pytest.mark.parametrize(("profile", "count"), [("unconfined", 1), ("runtime/default", 0), ("localhost/x", 0)])
def test_an_annotation_that_takes_apparmor_away_is_named(profile: str, count: int) -> None:
    notes = {"container.apparmor.security.beta.kubernetes.io/main": profile}
    template = {"metadata": {"annotations": notes}, "spec": {"containers": [CONTAINER]}}
    found = broken("pod-security", running("apps/v1:Deployment", {"template": template}))
    assert (
        found
        == [f"has {key} unconfined, and its namespace is restricted; fix: remove the annotation" for key in notes][
            :count
        ]
    )


@pytest.mark.parametrize("level", ["privileged", "baseline", None])
def test_the_platform_s_own_namespace_stays_restricted(level: str | None) -> None:
    enforce = "pod-security.kubernetes.io/enforce"
    plan = [namespace(**({enforce: level} if level else {})), holding({"hostNetwork": True})]
    assert broken("pod-security", *plan) == [
        f"has {level or 'nothing'} as {enforce}; allowed: restricted; fix: set the label",
        f"hostNetwork is set, {RESTRICTED}",
    ]


def test_other_namespaces_are_as_strict_as_they_say() -> None:
    enforce = "pod-security.kubernetes.io/enforce"
    pod = running("apps/v1:DaemonSet", {"template": {"spec": {"hostNetwork": True}}}, namespace="observability-node")
    assert broken("pod-security", namespace("observability-node", **{enforce: "privileged"}), pod) == []
    assert len(broken("pod-security", namespace("observability-node", **{enforce: "restricted"}), pod)) == 1
