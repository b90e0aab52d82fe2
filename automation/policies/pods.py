"""Find the pods of planned resources: those of core kinds, and those that operators make of their own kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from automation.paths import MASK, UNKNOWN
from automation.policies.reading import ABSENT, UnreadableError, at, mapping, maps

_SPEC: Final = ("spec", "template")
_TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), _SPEC),
}
"""Where a core kind has its pod."""
_COLLECTORS: Final = {
    "OpenTelemetryCollector": "otc-container",
    "TargetAllocator": "ta-container",
    "OpAMPBridge": "opamp-bridge-container",
}
"""Kinds of the OpenTelemetry operator, each with the name of its main container."""
_MONITORS: Final = {
    "Prometheus": "prometheus",
    "PrometheusAgent": "prometheus",
    "Alertmanager": "alertmanager",
    "ThanosRuler": "thanos-ruler",
}
"""Kinds of the Prometheus operator, each with the name of its main container."""
_OWN: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""The security context that the Prometheus operator gives its own containers; the rest comes from the pod's."""
_MAIN: Final = ("image", "resources", "securityContext", "ports", "env", "lifecycle")
"""Fields of a collector's spec that are its main container's; its `args` are a map, and no list of texts."""
KINDS: Final = _TEMPLATES.keys() | _COLLECTORS.keys() | _MONITORS.keys()


@dataclass(frozen=True)
class Pod:
    """A pod that a resource runs."""

    spec: Mapping[str, Any]
    annotations: Mapping[str, Any] = field(default_factory=dict)


def pods(kind: str, inputs: Mapping[str, Any]) -> list[Pod]:
    """Return the pods that an object runs.

    A collector in mode sidecar has none of its own: its container goes into other people's pods.

    Raises:
        UnreadableError: where a pod should be there is something else.
    """
    if kind == "OpenTelemetryCollector" and at(inputs, "spec", "mode") == "sidecar":
        return []
    return _pods(kind, inputs)


def images(kind: str, inputs: Mapping[str, Any]) -> list[str]:
    """Return the images that an object names, those for other people's pods included.

    One that is not named is its operator's to choose; without an operator the API server refuses the container.

    Raises:
        UnreadableError: where an image should be there is something else.
    """
    found = [at(each, "image") for pod in _pods(kind, inputs) for each in containers(pod.spec)]
    if kind == "Instrumentation":
        for language in mapping(inputs, "spec").values():
            if isinstance(language, Mapping):
                found += [at(language, "image"), *(at(each, "image") for each in maps(language, "extensions"))]
    elif kind not in KINDS:
        # Of a kind that is not known here, an image that is no text means something else.
        spec = inputs.get("spec")
        own = spec.get("image") if isinstance(spec, Mapping) else None
        found += [own] if isinstance(own, str) and own != MASK else []
    if any(not isinstance(each, str) for each in found if each is not None):
        raise UnreadableError("image")
    return sorted({each for each in found if each not in ABSENT})


def containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all containers of a pod: those that run first, and those that were added to debug it, included.

    Raises:
        UnreadableError: where a container should be there is something else.
    """
    return [each for part in ("initContainers", "containers", "ephemeralContainers") for each in maps(spec, part)]


def _pods(kind: str, inputs: Mapping[str, Any]) -> list[Pod]:
    if kind in _TEMPLATES:
        template = mapping(inputs, *_TEMPLATES[kind])
        return [Pod(mapping(template, "spec"), mapping(template, "metadata", "annotations"))]
    if kind not in KINDS or at(inputs, "spec") == UNKNOWN:
        return []
    spec = mapping(inputs, "spec")
    if kind in _MONITORS:
        return [_monitor(kind, spec)]
    allocator = mapping(spec, "targetAllocator")
    embedded = [_collector("TargetAllocator", allocator)] if at(allocator, "enabled") is True else []
    return [_collector(kind, spec), *embedded]


def _collector(kind: str, spec: Mapping[str, Any]) -> Pod:
    main = {"name": _COLLECTORS[kind], **{key: spec[key] for key in _MAIN if key in spec}}
    pod = {
        "containers": [main, *maps(spec, "additionalContainers")],
        "initContainers": list(maps(spec, "initContainers")),
        "securityContext": spec.get("podSecurityContext"),
        "hostNetwork": spec.get("hostNetwork"),
        "volumes": spec.get("volumes"),
    }
    return Pod(pod, mapping(spec, "podAnnotations"))


def _monitor(kind: str, spec: Mapping[str, Any]) -> Pod:
    """Return the pod that the Prometheus operator makes.

    `image` is taken as it stands, without `version` for its tag: so does the operator (pkg/operator/image.go of 0.85).
    """
    main = {"name": _MONITORS[kind], "image": spec.get("image"), "resources": spec.get("resources")}
    sidecar = mapping(spec, "thanos") if kind == "Prometheus" else {}
    made = [
        main,
        _reloader("config-reloader"),
        *([{"name": "thanos-sidecar", **{key: sidecar.get(key) for key in ("image", "resources")}}] if sidecar else []),
    ]
    pod = {
        "containers": _patched(made, maps(spec, "containers")),
        "initContainers": _patched([_reloader("init-config-reloader")], maps(spec, "initContainers")),
        **{key: spec.get(key) for key in ("securityContext", "hostNetwork", "volumes")},
    }
    return Pod(pod, mapping(spec, "podMetadata", "annotations"))


def _reloader(name: str) -> dict[str, Any]:
    """Return a container whose image and resources are the operator's flags, which no plan shows."""
    return {"name": name, "resources": UNKNOWN}


def _patched(made: list[dict[str, Any]], patches: Iterator[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the operator's containers with strategic merge patches applied, and what the patches add to them."""
    found = {each["name"]: {**each, "securityContext": _OWN} for each in made}
    for patch in patches:
        if (name := str(patch.get("name"))) != UNKNOWN:
            found[name] = _merged(found.get(name, {}), patch)
    return list(found.values())


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a map with another laid over it; a list replaces a list, since the base's have nothing to lose."""
    merged = dict(base)
    for key, value in patch.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(before, value)
        elif before != UNKNOWN:
            merged[key] = value
    return merged
