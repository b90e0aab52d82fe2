"""Is this the cluster that the settings mean, may we use it, and does it have what the platform builds on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from charts import pins
from preflight.api import Api, UnusableError
from preflight.kubeconfig import connect
from preflight.subject import Subject
from settings import names
from settings.problem import Problem

Check = Callable[[Api, Subject], Iterator[Problem]]
PINS_PATH = pins.FILE
"""Path of the problems that are about a pin: a preview says them, and only an update refuses."""
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Annotations without schemas. As a list the API server has them at hand; asked for one of them, it reads the schema
from etcd to throw it away: 7 ms of a core, against 2 ms for all."""
_SHOWN = 3
ALL_CRDS = "all CRDs of the CRD stack"
"""What a region is allowed to have of them: tells its refusal for want of CRDs from others."""


@dataclass(frozen=True)
class Prerequisite:
    """An operator that a cluster is expected to run already."""

    product: str
    """Its name, for messages."""
    group: str
    """API group that its CRDs are in."""
    version: str
    """Version of the group that this program writes."""
    chart: str
    """Chart, and namespace, that a fix may install it from and to."""
    repository: str
    """Repository of that chart."""
    values: str = ""
    """Values that the fix must set."""


PREREQUISITES = (
    Prerequisite(
        "cert-manager",
        "cert-manager.io",
        "v1",
        "cert-manager",
        "https://charts.jetstack.io",
        " --set crds.enabled=true",
    ),
    Prerequisite(
        "External Secrets",
        "external-secrets.io",
        "v1",
        "external-secrets",
        "https://charts.external-secrets.io",
    ),
)


def examine(subject: Subject, checks: Sequence[Check]) -> list[Problem]:
    """Return the problems of the region's cluster; of an unreachable or a wrong one only that.

    Args:
        subject: the region.
        checks: what to look at, which counts if the cluster is the right one.
    """
    cluster = subject.region.cluster
    try:
        with connect(cluster.context) as api, ThreadPoolExecutor(max_workers=1 + len(checks)) as pool:
            # At once, though a wrong cluster is asked in vain: a connection alone is two ways to a region and back.
            mistaken, *found = pool.map(lambda each: _found(each, api, subject), (identity, *checks))
            # Once each: a server that is lost in between is the same problem to every check.
            return mistaken or list(dict.fromkeys(problem for problems in found for problem in problems))
    except UnusableError as error:
        return [_unusable(error, subject)]


def _found(check: Check, api: Api, subject: Subject) -> list[Problem]:
    """Return a check's problems, that it could not ask among them: it must hide no other check's."""
    found: list[Problem] = []
    try:
        found.extend(check(api, subject))
    except UnusableError as error:
        found.append(_unusable(error, subject))
    return found


def _unusable(error: UnusableError, subject: Subject) -> Problem:
    return Problem(subject.path("cluster.context"), error.what, error.allowed, error.fix)


def identity(api: Api, subject: Subject) -> Iterator[Problem]:
    """Compare the cluster's own identity, the UID of kube-system, with the settings'."""
    found = api.find("/api/v1/namespaces/kube-system") or {}
    uid = (found.get("metadata") or {}).get("uid")
    if uid is None:
        yield Problem(
            subject.path("cluster.context"),
            f"is {subject.region.cluster.context!r}, which leads to {api.server}, where no namespace kube-system is",
            "the API server of a cluster",
            "correct the context's server, or look what answers in its place",
        )
        return
    expected = subject.region.cluster.uid
    if expected is not None and uid != expected:
        yield Problem(
            subject.path("cluster.uid"),
            f"is {expected!r}, but context {subject.region.cluster.context!r} leads to the cluster {uid!r}",
            "the UID of the cluster's kube-system namespace",
            "correct cluster.context; correct cluster.uid only if the cluster was replaced on purpose",
        )


def foreign_claim(api: Api, subject: Subject) -> Iterator[Problem]:
    """Find that another stack owns the platform of this cluster, or that the namespace is somebody else's."""
    for namespace in (names.NAMESPACE, names.NODE_NAMESPACE):
        found = api.find(f"/api/v1/namespaces/{namespace}")
        if found is None:
            continue
        annotations = (found.get("metadata") or {}).get("annotations") or {}
        owner = annotations.get(names.CLAIM_ANNOTATION)
        context = subject.region.cluster.context
        if owner is None:
            yield Problem(
                subject.path("cluster.context"),
                f"is {context!r}, where namespace {namespace!r} exists that no stack has claimed",
                "a cluster without that namespace, or one whose namespace this stack has made",
                f"move what is in it, then: kubectl --context {context} delete namespace {namespace}",
            )
        elif owner != subject.stack:
            yield Problem(
                subject.path("cluster.context"),
                f"is {context!r}, where namespace {namespace!r} belongs to stack {owner!r}",
                "a cluster that no other stack has claimed",
                f"correct cluster.context; if stack {owner!r} is gone for good: kubectl --context {context} annotate "
                f"--overwrite namespace {namespace} {names.CLAIM_ANNOTATION}={subject.stack}",
            )


def missing_prerequisites(api: Api, subject: Subject) -> Iterator[Problem]:
    """Find operators that are not installed, or serve no version that this program writes."""
    for each in PREREQUISITES:
        found = api.find(f"/apis/{each.group}") or {}
        served = [version["version"] for version in found.get("versions") or []]
        if each.version not in served:
            yield Problem(
                subject.path("cluster"),
                f"has no {each.product}: API group {each.group} is served "
                + (f"as {', '.join(served)} only" if served else "in no version"),
                f"{each.group}/{each.version}",
                f"helm upgrade --install {each.chart} {each.chart} --repo {each.repository} --kube-context "
                f"{subject.region.cluster.context} --namespace {each.chart} --create-namespace{each.values}",
            )


def crds(api: Api, subject: Subject) -> Iterator[Problem]:
    """Find CRDs that the CRD stack has not made, and those that came from another version of their chart."""
    present = _pins_of_crds(api)
    missing = sorted(set(names.CRDS) - present.keys())
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        yield Problem(
            subject.path("cluster"),
            f"has no {', '.join(missing[:_SHOWN])}{more} of this platform",
            ALL_CRDS,
            _bring_up_crds(subject),
        )
    for chart in sorted(set(names.CRDS.values())):
        pinned = names.chart_version(chart, subject.packages[chart].version)
        found = {label for name, label in present.items() if names.CRDS[name] == chart} - {pinned}
        if found:
            yield Problem(
                f"{PINS_PATH}.{chart}",
                f"is pinned at {pinned}, but the CRDs in context {subject.region.cluster.context!r} came from "
                + ", ".join(sorted(found)),
                pinned,
                _bring_up_crds(subject),
            )


CHECKS: tuple[Check, ...] = (foreign_claim, missing_prerequisites, crds)
"""What a region's program needs; that of the CRDs needs the first alone."""


def _pins_of_crds(api: Api) -> dict[str, str]:
    """Return the pin that each of our CRDs came from, by name; one that somebody else made is not among them."""
    found = {}
    for each in (api.find(_CRDS, accept=_METADATA_ONLY) or {}).get("items") or []:
        metadata = each["metadata"]
        pin = (metadata.get("annotations") or {}).get(names.CHART_VERSION_ANNOTATION)
        if pin is not None and metadata["name"] in names.CRDS:
            found[metadata["name"]] = pin
    return found


def _bring_up_crds(subject: Subject) -> str:
    settings = f"../Pulumi.{subject.platform.environment}.yaml"
    return f"pulumi up --cwd crds --stack {subject.stack} --config-file {settings}"
