"""The rules. Each takes all planned resources, since what makes one of them safe is often another one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from automation.policies import workloads
from automation.recorder import Planned
from settings import names

_CREDENTIAL: Final = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Slack webhook": re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "a GitHub token": re.compile(r"\bgh[opsur]_[A-Za-z0-9]{36,}"),
    "a Grafana token": re.compile(r"\bgl(?:sa|c)_[A-Za-z0-9+/=_]{20,}"),
    "a URL with a password": re.compile(r"://[^/\s?#:@{}$]+:[^/\s?#@{}$]+@"),
    "a password in plain text": re.compile(
        r"^\s*[\"']?[\w.-]*(?:password|passwd|secret_key|api_key)[\"']?\s*[:=]\s*[\"']?(?![\"'$%{<\s])[^\s\"',}]{6,}",
        re.IGNORECASE | re.MULTILINE,
    ),
}
_WORDS: Final = {
    "an AWS access key": ("akia", "asia"),
    "a Slack token": ("xox",),
    "a JSON web token": ("eyj",),
    "a GitHub token": ("gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
    "a Grafana token": ("glsa_", "glc_"),
    "a password in plain text": ("password", "passwd", "secret_key", "api_key"),
}
"""What is in a text, in small letters, that has such a shape: a pattern that begins with no word is slow to find."""
_ACCESS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_OWNER_LABELS: Final = ("app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by")
_PROTECTED: Final = ("aws:s3/bucket:Bucket", "aws:secretsmanager/secret:Secret", "aws:kms/key:Key")
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
        if protection or name != "protected-stateful"
        for resource, message in rule(planned)
    ]


def _no_public_bucket(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    closed = {
        each.inputs.get("bucket")
        for each in planned
        if each.type.endswith(":BucketPublicAccessBlock") and all(each.inputs.get(key) is True for key in _ACCESS)
    }
    for each in planned:
        if each.type == "aws:s3/bucket:Bucket" and each.inputs.get("bucket") not in closed:
            yield each, "has no public access block with all four switches on; fix: add a BucketPublicAccessBlock"
        elif each.type.endswith((":BucketAcl", ":BucketAclV2")) and str(each.inputs.get("acl")).startswith("public"):
            yield each, "opens a bucket to everybody; fix: remove the access control list"
        elif each.type.endswith(":BucketPolicy") and _allows_everybody(each.inputs.get("policy")):
            yield each, "allows everybody; allowed: named principals, or a Deny; fix: name the principal"


def _allows_everybody(policy: Any) -> bool:
    document = json.loads(policy) if isinstance(policy, str) and policy.startswith("{") else policy
    statements = document.get("Statement", []) if isinstance(document, Mapping) else []
    return any(
        each.get("Effect") == "Allow" and each.get("Principal") in ("*", {"AWS": "*"}) and not each.get("Condition")
        for each in statements
    )


def _no_latest_tag(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    for each in planned:
        pod = _pod(each)
        spec = each.inputs.get("spec")
        own = spec.get("image") if pod is None and isinstance(spec, Mapping) else None
        images = workloads.floating({"": pod}) if pod else [own] if isinstance(own, str) else []
        for image in images:
            if workloads.unpinned(image):
                yield each, f"runs {image}; allowed: an image with a version; fix: add its tag or digest"


def _limits_and_requests(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    for each in planned:
        pod = _pod(each)
        for missing in workloads.unbounded({each.urn.rpartition("/")[2]: pod}) if pod else ():
            container, _, what = missing.rpartition("/")[2].partition(": no ")
            yield each, f"container {container} has no {what}; fix: set it (there is no CPU limit on purpose)"


def _no_credential_in_a_config_map(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    for each in planned:
        if each.type == "kubernetes:core/v1:ConfigMap":
            for key, text in sorted((each.inputs.get("data") or {}).items()):
                for shape in _credentials(text) if isinstance(text, str) else ():
                    yield each, f"data[{key!r}] holds what looks like {shape} (hidden); fix: mount it from a Secret"


def _credentials(text: str) -> Iterator[str]:
    small = text.lower()
    for shape, pattern in _CREDENTIAL.items():
        if any(word in small for word in _WORDS.get(shape, ("",))) and pattern.search(text):
            yield shape


def _pod_security(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    restricted = {
        (each.inputs.get("metadata") or {}).get("name")
        for each in planned
        if each.type == "kubernetes:core/v1:Namespace"
        and ((each.inputs.get("metadata") or {}).get("labels") or {}).get(_ENFORCE) == "restricted"
    }
    for each in planned:
        pod = _pod(each)
        if pod and (each.inputs.get("metadata") or {}).get("namespace") in restricted:
            for why in workloads.violations({"pod": pod}):
                yield each, f"{why.removeprefix('pod: ')}, and its namespace is restricted; fix: its security context"


def _labels_of_ownership(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    for each in planned:
        if each.type == "pulumi:providers:aws":
            tags = each.inputs.get("defaultTags") or {}
            tags = json.loads(tags) if isinstance(tags, str) else tags
            if names.OWNER_TAG not in (tags.get("tags") or {}):
                yield each, f"tags nothing with {names.OWNER_TAG}; fix: set it among the default tags"
        elif each.type == "kubernetes:core/v1:Namespace" or _pod(each):
            labels = (each.inputs.get("metadata") or {}).get("labels") or {}
            if not any(label in labels for label in _OWNER_LABELS):
                yield each, f"says not whose it is; allowed: one of {', '.join(_OWNER_LABELS)}; fix: add one"


def _protected_stateful(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    for each in planned:
        kind = each.type.rpartition(":")[2]
        if each.type in _PROTECTED and not each.protect:
            yield each, "is not protected, and its data cannot be brought back; fix: protect=True"
        elif kind == "CustomResourceDefinition" and not (each.protect and each.retain):
            yield each, "is not protected and retained, and its objects go with it; fix: protect and retain_on_delete"
        elif kind == "StatefulSet":
            notes = (each.inputs.get("metadata") or {}).get("annotations") or {}
            if notes.get(_ORPHAN) != "orphan":
                yield each, f"takes its pods along when it is replaced; fix: annotate {_ORPHAN}: orphan"


def _pod(resource: Planned) -> dict[str, Any] | None:
    if not resource.type.startswith("kubernetes:"):
        return None
    return workloads.pod_spec(resource.type.rpartition(":")[2], resource.inputs)


RULES: Final[dict[str, Rule]] = {
    "no-public-bucket": _no_public_bucket,
    "no-latest-tag": _no_latest_tag,
    "limits-and-requests": _limits_and_requests,
    "no-credential-in-configmap": _no_credential_in_a_config_map,
    "pod-security": _pod_security,
    "labels-of-ownership": _labels_of_ownership,
    "protected-stateful": _protected_stateful,
}
"""Every rule by its name, which is interface: `--allow` and reports use it."""
