"""Read pods as Pod Security "restricted" does in version 1.34, and for their resources and images.

The rules: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from automation.paths import UNKNOWN
from automation.policies.pods import containers, images
from automation.policies.reading import ABSENT, at, items, maps

__all__ = ["containers", "floating", "unbounded", "unconfined", "unpinned", "violations"]

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
_SELINUX: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS: Final = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
_HANDLERS: Final = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_BOUNDS: Final = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
_LATEST: Final = re.compile(r"(?:^|[-_.])latest(?:$|[-_.])", re.IGNORECASE)


def violations(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why pods would be refused in a restricted namespace; empty when none would be.

    Args:
        pods: pod spec by name.

    Raises:
        UnreadableError: a field that matters is secret, or of another shape than documented; so for the others here.
    """
    return [f"{name}: {why}" for name, spec in pods.items() for why in _violations(spec)]


def unconfined(annotations: Mapping[str, Any]) -> list[str]:
    """Return the annotations of a pod that take AppArmor away from a container."""
    return [
        key
        for key, profile in annotations.items()
        if key.startswith(_APPARMOR)
        and profile not in (*ABSENT, "", "runtime/default")
        and not str(profile).startswith("localhost/")
    ]


def unbounded(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return containers without a CPU request, memory request and memory limit; a limit alone is a request, too.

    Ephemeral containers can have none.
    """
    return [
        f"{name}/{container.get('name')}: no {kind}.{resource}"
        for name, spec in pods.items()
        for part in ("initContainers", "containers")
        for container in maps(spec, part)
        for kind, resource in _BOUNDS
        if all(at(container, "resources", each, resource) is None for each in {kind, "limits"})
    ]


def floating(pods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return images without a version: no tag and no digest, or the tag latest."""
    return sorted({image for spec in pods.values() for image in images("Pod", {"spec": spec}) if unpinned(image)})


def unpinned(image: str) -> bool:
    """Return whether an image has no version: no tag and no digest, or a tag that says latest."""
    if "@" in image:
        return not image.partition("@")[2]
    tag = image.rpartition("/")[2].partition(":")[2]
    return not tag or bool(_LATEST.search(tag))


def _violations(spec: Mapping[str, Any]) -> Iterator[str]:
    pod = at(spec, "securityContext")
    for host in ("hostNetwork", "hostPID", "hostIPC"):
        if at(spec, host) not in (*ABSENT, False):
            yield f"{host} is set"
    for volume in maps(spec, "volumes"):
        if kinds := {key for key, value in volume.items() if value is not None} - VOLUMES - {"name"}:
            yield f"volume {volume.get('name')} is a {', '.join(sorted(kinds))}"
    for sysctl in maps(pod, "sysctls"):
        if at(sysctl, "name") not in (*_SYSCTLS, UNKNOWN):
            yield f"sysctl {at(sysctl, 'name')} is set"
    yield from (f"the pod {why}" for why in _context(pod))
    for container in containers(spec):
        yield from (f"{container.get('name')} {why}" for why in _container(container, pod))


def _context(own: Any) -> Iterator[str]:
    """Yield what neither a pod nor a container may say; a pod not even where its containers say better."""
    if at(own, "runAsNonRoot") not in (*ABSENT, True):
        yield "may run as root"
    if at(own, "runAsUser") == 0:
        yield "runs as root"
    for profile, what in (("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")):
        if at(own, profile) not in ABSENT and at(own, profile, "type") not in (*SECCOMP, UNKNOWN):
            yield f"has no {what} profile"
    linux = at(own, "seLinuxOptions")
    allowed = {"user": (*ABSENT, ""), "role": (*ABSENT, ""), "type": (*ABSENT, *_SELINUX)}
    if bad := [key for key, values in allowed.items() if at(linux, key) not in values]:
        yield f"sets the SELinux {' and '.join(bad)}"
    if at(own, "windowsOptions", "hostProcess") not in (*ABSENT, False):
        yield "is a process of a Windows host"


def _container(container: Mapping[str, Any], pod: Any) -> Iterator[str]:
    own = at(container, "securityContext")
    if at(own, "privileged") not in (*ABSENT, False):
        yield "is privileged"
    if at(own, "allowPrivilegeEscalation") not in (False, UNKNOWN):
        yield "may escalate privileges"
    kept = at(own, "capabilities", "drop") != UNKNOWN and not any(
        each in ("ALL", UNKNOWN) for each in items(own, "capabilities", "drop")
    )
    if kept or any(each not in ("NET_BIND_SERVICE", UNKNOWN) for each in items(own, "capabilities", "add")):
        yield "keeps capabilities"
    if at(own, "procMount") not in (*ABSENT, "Default"):
        yield "has a procMount of its own"
    yield from _context(own)
    if at(own, "runAsNonRoot") is None and at(pod, "runAsNonRoot") not in (True, UNKNOWN):
        yield "may run as root"
    if at(own, "seccompProfile") is None and at(pod, "seccompProfile") is None:
        yield "has no seccomp profile"
    if any(at(port, "hostPort") not in (*ABSENT, 0) for port in maps(container, "ports")):
        yield "has a host port"
    for path in _HANDLERS:
        if any(at(container, *path, kind, "host") not in (*ABSENT, "") for kind in ("httpGet", "tcpSocket")):
            yield f"names a host in its {path[-1]}"
