"""What must hold across regions and tenants: one named check per rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from settings import names
from settings.problem import Problem
from settings.vocabulary import TempoEngine, WorkloadIdentity

if TYPE_CHECKING:
    from settings.platform import Platform

RESERVED_NAMESPACES = frozenset(
    {names.NAMESPACE, names.NODE_NAMESPACE, "kube-system", "kube-public", "kube-node-lease", "default"}
)
RESERVED_TENANTS = frozenset({names.PLATFORM_TENANT})


def check(platform: Platform) -> None:
    """Refuse a fleet whose parts contradict each other.

    Raises:
        PydanticCustomError: with every problem in its context, so that one run shows them all.
    """
    problems = [
        *_namespaces(platform),
        *_tenant_names(platform),
        *_tenant_regions(platform),
        *_tenant_retention(platform),
        *_bucket_names(platform),
        *_traces(platform),
        *_identity(platform),
        *_canary(platform),
    ]
    if problems:
        raise PydanticCustomError("consistency", "the fleet contradicts itself", {"problems": problems})


def _namespaces(platform: Platform) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, tenant in platform.tenants.items():
        for index, namespace in enumerate(tenant.namespaces):
            path = f"tenants.{name}.namespaces[{index}]"
            if namespace in RESERVED_NAMESPACES:
                yield Problem(
                    path,
                    f"is {namespace!r}, which belongs to the platform or to Kubernetes",
                    "a namespace of the tenant's own",
                    "remove it from the tenant",
                )
            if namespace in owner:
                yield Problem(
                    path,
                    f"is {namespace!r}, which tenant {owner[namespace]!r} claims already",
                    "each namespace in one tenant only",
                    f"remove it from {name!r} or from {owner[namespace]!r}",
                )
            owner.setdefault(namespace, name)


def _tenant_names(platform: Platform) -> Iterator[Problem]:
    for name in sorted(RESERVED_TENANTS & platform.tenants.keys()):
        yield Problem(
            f"tenants.{name}",
            f"is named {name!r}, which is the platform's own tenant",
            "any other DNS label",
            "rename the tenant",
        )


def _tenant_regions(platform: Platform) -> Iterator[Problem]:
    known = ", ".join(sorted(platform.regions))
    for name, tenant in platform.tenants.items():
        places = [(f"regions[{i}]", region) for i, region in enumerate(tenant.regions or [])]
        places += [(f"channels.support.{region}", region) for region in tenant.channels.support]
        for place, region in places:
            if region not in platform.regions:
                yield Problem(
                    f"tenants.{name}.{place}",
                    f"names region {region!r}, which this environment does not have",
                    known,
                    "correct the name, or add the region under regions",
                )


def _tenant_retention(platform: Platform) -> Iterator[Problem]:
    for name, tenant in platform.tenants.items():
        for signal in ("logs", "traces"):
            own, maximum = getattr(tenant.retention, signal), getattr(platform.retention, signal)
            if own is not None and own.seconds > maximum.seconds:
                yield Problem(
                    f"tenants.{name}.retention.{signal}",
                    f"is {own!r}, longer than the platform's",
                    f"at most {maximum}",
                    f"shorten it, or raise retention.{signal} for the whole environment",
                )


def _bucket_names(platform: Platform) -> Iterator[Problem]:
    for region in platform.regions:
        for bucket in names.buckets(platform, region).values():
            if len(bucket) > names.BUCKET_NAME_MAX:
                yield Problem(
                    f"regions.{region}",
                    f"makes the bucket name {bucket!r}, which has {len(bucket)} characters",
                    f"at most {names.BUCKET_NAME_MAX}",
                    "shorten organization or the region's name",
                )


def _traces(platform: Platform) -> Iterator[Problem]:
    for name, region in platform.regions.items():
        traces = region.traces
        if traces.engine is TempoEngine.TEMPO3_KAFKA and traces.kafka is None:
            yield Problem(
                f"regions.{name}.traces.kafka",
                "is missing, though engine is 'tempo3_kafka', whose write path is a Kafka broker",
                "brokers, topic and partitions of a Kafka-compatible broker",
                "add traces.kafka.brokers, or choose engine: tempo2",
            )
        if traces.engine is TempoEngine.TEMPO2 and traces.kafka is not None:
            yield Problem(
                f"regions.{name}.traces.kafka",
                "is set, though engine is 'tempo2', which uses no broker",
                "nothing",
                "remove it, or choose engine: tempo3_kafka",
            )


def _identity(platform: Platform) -> Iterator[Problem]:
    for name, region in platform.regions.items():
        if region.cluster.identity is WorkloadIdentity.IRSA and region.cluster.oidc_provider is None:
            yield Problem(
                f"regions.{name}.cluster.oidc_provider",
                "is missing, though identity is 'irsa', which trusts the cluster's OIDC issuer",
                "host and path of the issuer, without https://",
                "add it (aws eks describe-cluster shows it), or choose identity: pod_identity",
            )


def _canary(platform: Platform) -> Iterator[Problem]:
    canaries = [name for name, region in platform.regions.items() if region.canary]
    for name in canaries[1:]:
        yield Problem(
            f"regions.{name}.canary",
            f"is true, though region {canaries[0]!r} is the canary already",
            "one canary region per environment",
            "set it to false",
        )
