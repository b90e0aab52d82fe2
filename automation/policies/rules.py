"""The rules. Each takes all planned resources, since what makes one of them safe is often another one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from automation.paths import MASK, UNKNOWN
from automation.policies import buckets, credentials, pods, workloads
from automation.policies.reading import ABSENT, UnreadableError, at, document, items, mapping, maps
from automation.recorder import Planned
from settings import names

_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_OWNER_LABELS: Final = ("app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by")
PROTECTED: Final = "protected-stateful"
"""The rule that an environment's `deletion_protection` turns off."""
_PROTECTED: Final = (*buckets.BUCKETS, "aws:secretsmanager/secret:Secret", "aws:kms/key:Key")
_ORPHAN: Final = "pulumi.com/deletionPropagationPolicy"


@dataclass(frozen=True)
class Violation:
    """One resource that breaks a rule."""

    rule: str
    urn: str
    message: str
    """What is wrong, what is allowed, and the fix; never a value."""

    def __str__(self) -> str:
        return f"{self.urn.rpartition('::')[2]}: {self.message} ({self.rule})"


Rule = Callable[[Sequence[Planned]], Iterator[tuple[Planned, str]]]


def check(planned: Sequence[Planned], *, protection: bool = True) -> list[Violation]:
    """Return every violation, in the order of the rules.

    Args:
        planned: the resources that are going to stand, secrets masked.
        protection: whether the environment's settings ask for deletion protection.
    """
    return [
        Violation(name, resource.urn, message)
        for name, rule in RULES.items()
        if protection or name != PROTECTED
        for resource, message in rule(planned)
    ]


def _each(planned: Sequence[Planned], look: Callable[[Planned], Iterator[str]]) -> Iterator[tuple[Planned, str]]:
    """Look at each resource by itself; of one that cannot be read nobody knows that it is right."""
    for each in planned:
        try:
            for message in look(each):
                yield each, message
        except UnreadableError as error:
            fix = "allowed: plain values of the documented shape; fix: correct it, or keep secrets out of it"
            yield each, f"cannot be read at {error}; {fix}"


def _no_public_bucket(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    yield from buckets.closed(planned)
    yield from _each(planned, buckets.opened)


def _no_latest_tag(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    def look(each: Planned) -> Iterator[str]:
        for image in pods.images(_kind(each), each.inputs) if _of_kubernetes(each) else ():
            if workloads.unpinned(image):
                yield f"runs {image}; allowed: an image with a version; fix: add its tag or digest"

    return _each(planned, look)


def _limits_and_requests(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    def look(each: Planned) -> Iterator[str]:
        for pod in _pods(each):
            for missing in workloads.unbounded({"": pod.spec}):
                container, _, what = missing.removeprefix("/").partition(": no ")
                yield f"container {container} has no {what}; fix: set it (there is no CPU limit on purpose)"

    return _each(planned, look)


def _no_credential_in_a_config_map(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    return _each(planned, _credentials)


def _credentials(each: Planned) -> Iterator[str]:
    """Yield the credentials in what all who may list objects can read: ConfigMaps, and literals of workloads."""
    if each.type == "kubernetes:core/v1:ConfigMap":
        for part in ("data", "binaryData"):
            for key, value in sorted(mapping(each.inputs, part).items()):
                for shape in _shapes(key, _decoded(value) if part == "binaryData" else value):
                    yield f"{part}[{key!r}] holds {shape}; fix: mount it from a Secret"
    for pod in _pods(each):
        for container in workloads.containers(pod.spec):
            literals = [(f"env {one.get('name')}", one.get("name"), one.get("value")) for one in maps(container, "env")]
            literals += [(part, part, text) for part in ("command", "args") for text in items(container, part)]
            for where, name, value in literals:
                for shape in _shapes(name, value):
                    yield f"{where} of container {container.get('name')} holds {shape}; fix: take it from a Secret"
    if _kind(each) == "OpenTelemetryCollector" and (config := at(each.inputs, "spec", "config")) is not None:
        for shape in _shapes("config", config if isinstance(config, str) else json.dumps(config, default=str)):
            yield f"spec.config holds {shape}; fix: take it from an environment variable"


def _shapes(name: Any, value: Any) -> Iterator[str]:
    """Yield what a value of a name seems to hold; in a value of one line, the name says what it is.

    A secret of the stack shows here as its mask: once applied, it stands there in plain text.
    """
    if value in ABSENT:
        return
    text = str(value).replace(UNKNOWN, "").strip()
    if text == MASK or f'"{MASK}"' in text:
        yield "a secret of the stack"
    for shape in credentials.shapes(text if "\n" in text else f"{name}: {text}"):
        yield f"what looks like {shape} (hidden)"


def _decoded(value: Any) -> Any:
    """Return what base64 stands for, any bytes as one character each.

    Raises:
        UnreadableError: it is no base64.
    """
    if value in (*ABSENT, MASK):
        return value
    try:
        return base64.b64decode("".join(str(value).split()), validate=True).decode("latin-1")
    except ValueError:
        raise UnreadableError("binaryData") from None


def _pod_security(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    # The platform's own namespace is restricted whatever a plan makes of it: else a plan could take that away unseen.
    restricted = [names.NAMESPACE]

    def namespace(each: Planned) -> Iterator[str]:
        if each.type == "kubernetes:core/v1:Namespace":
            name, level = at(each.inputs, "metadata", "name"), at(each.inputs, "metadata", "labels", _ENFORCE)
            if level == "restricted" and name not in ABSENT:
                restricted.append(name)
            if name == names.NAMESPACE and level not in ("restricted", UNKNOWN):
                yield f"has {level or 'nothing'} as {_ENFORCE}; allowed: restricted; fix: set the label"

    yield from _each(planned, namespace)

    def look(each: Planned) -> Iterator[str]:
        if _runs_pods(each) and at(each.inputs, "metadata", "namespace") in restricted:
            for pod in _pods(each):
                for why in workloads.violations({"pod": pod.spec}):
                    yield f"{why.removeprefix('pod: ')}, and its namespace is restricted; fix: its security context"
                for key in workloads.unconfined(pod.annotations):
                    yield f"has {key} unconfined, and its namespace is restricted; fix: remove the annotation"

    yield from _each(planned, look)


def _labels_of_ownership(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    def look(each: Planned) -> Iterator[str]:
        if each.type == "pulumi:providers:aws":
            if at(document(each.inputs, "defaultTags"), "tags", names.OWNER_TAG) is None:
                yield f"tags nothing with {names.OWNER_TAG}; fix: set it among the default tags"
        elif each.type == "kubernetes:core/v1:Namespace" or _runs_pods(each):
            labels = at(each.inputs, "metadata", "labels")
            if all(at(labels, label) is None for label in _OWNER_LABELS):
                yield f"says not whose it is; allowed: one of {', '.join(_OWNER_LABELS)}; fix: add one"

    return _each(planned, look)


def _protected_stateful(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    def look(each: Planned) -> Iterator[str]:
        if each.type in _PROTECTED and not each.protect:
            yield "is not protected, and its data cannot be brought back; fix: protect=True"
        elif _kind(each) == "CustomResourceDefinition" and not (each.protect and each.retain):
            yield "is not protected and retained, and its objects go with it; fix: protect and retain_on_delete"
        elif _kind(each) == "StatefulSet":
            notes = at(each.inputs, "metadata", "annotations")
            if at(notes, _ORPHAN) not in ("orphan", UNKNOWN):
                yield f"takes its pods along when it is replaced; fix: annotate {_ORPHAN}: orphan"

    return _each(planned, look)


def _of_kubernetes(each: Planned) -> bool:
    return each.type.startswith("kubernetes:")


def _kind(each: Planned) -> str:
    return each.type.rpartition(":")[2]


def _runs_pods(each: Planned) -> bool:
    return _of_kubernetes(each) and _kind(each) in pods.KINDS


def _pods(each: Planned) -> list[pods.Pod]:
    return pods.pods(_kind(each), each.inputs) if _runs_pods(each) else []


RULES: Final[dict[str, Rule]] = {
    "no-public-bucket": _no_public_bucket,
    "no-latest-tag": _no_latest_tag,
    "limits-and-requests": _limits_and_requests,
    "no-credential-in-configmap": _no_credential_in_a_config_map,
    "pod-security": _pod_security,
    "labels-of-ownership": _labels_of_ownership,
    PROTECTED: _protected_stateful,
}
"""Every rule by its name, which is interface: `--allow` and reports use it."""
