"""Read pod specs as Pod Security "restricted" does, and ask for bounded resources and pinned images.

The rules: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
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
SECCOMP = ("RuntimeDefault", "Localhost")


def violations(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why pods would be refused in a restricted namespace; empty when none would be.

    Args:
        pods: pod spec by name.
    """
    return [f"{name}: {why}" for name, spec in pods.items() for why in _violations(spec)]


def unbounded(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return containers without a CPU request, memory request and memory limit."""
    wanted = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
    return [
        f"{name}/{container['name']}: no {kind}.{resource}"
        for name, spec in pods.items()
        for container in containers(spec)
        for kind, resource in wanted
        if resource not in container.get("resources", {}).get(kind, {})
    ]


def floating(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return images without a version: no tag and no digest, or the tag latest."""
    images = {container["image"] for spec in pods.values() for container in containers(spec)}
    return sorted(image for image in images if _tag(image) in {"", "latest"})


def containers(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod, those that run first included."""
    return [*(spec.get("initContainers") or []), *spec["containers"]]


def _tag(image: str) -> str:
    return image.rpartition("/")[2].partition("@" if "@" in image else ":")[2]


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
