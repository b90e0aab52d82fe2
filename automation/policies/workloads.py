"""Find the pods of planned resources, and read them as Pod Security "restricted" does.

The rules: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SECCOMP: Final = ("RuntimeDefault", "Localhost")
_TEMPLATES: Final = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}
_BOUNDS: Final = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))


def pod_spec(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod that an object of a core kind runs; None for every other kind."""
    if kind == "Pod":
        return dict(inputs.get("spec") or {})
    if kind == "CronJob":
        job = ((inputs.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
        return dict((job.get("template") or {}).get("spec") or {})
    if kind in _TEMPLATES:
        return dict(((inputs.get("spec") or {}).get("template") or {}).get("spec") or {})
    return None


def violations(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why pods would be refused in a restricted namespace; empty when none would be.

    Args:
        pods: pod spec by name.
    """
    return [f"{name}: {why}" for name, spec in pods.items() for why in _violations(spec)]


def unbounded(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return containers without a CPU request, memory request and memory limit."""
    return [
        f"{name}/{container['name']}: no {kind}.{resource}"
        for name, spec in pods.items()
        for container in containers(spec)
        for kind, resource in _BOUNDS
        if resource not in (container.get("resources") or {}).get(kind, {})
    ]


def floating(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return images without a version: no tag and no digest, or the tag latest."""
    images = {container["image"] for spec in pods.values() for container in containers(spec)}
    return sorted(image for image in images if unpinned(image))


def unpinned(image: str) -> bool:
    """Return whether an image has no version: no tag and no digest, or the tag latest."""
    return image.rpartition("/")[2].partition("@" if "@" in image else ":")[2] in {"", "latest"}


def containers(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod, those that run first included."""
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _violations(spec: Mapping[str, Any]) -> Iterator[str]:
    pod = spec.get("securityContext") or {}
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} is set"
    for volume in spec.get("volumes") or []:
        if kinds := set(volume) - VOLUMES - {"name"}:
            yield f"volume {volume['name']} is a {', '.join(kinds)}"
    for container in containers(spec):
        yield from (f"{container['name']} {why}" for why in _container(container, pod))


def _container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    capabilities = own.get("capabilities") or {}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may escalate privileges"
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "may run as root"
    if 0 in (own.get("runAsUser"), pod.get("runAsUser")):
        yield "runs as root"
    if (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") not in SECCOMP:
        yield "has no seccomp profile"
    if any("hostPort" in port for port in container.get("ports") or []):
        yield "has a host port"
