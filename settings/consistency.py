"""What must hold across regions and tenants: one named check per rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from settings import durations, grafana_groups, names, receivers, slo_consistency, thresholds, workloads
from settings.problem import Problem
from settings.vocabulary import Signal, SinkKind, TempoEngine, Topology, WorkloadIdentity

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
        *durations.problems(platform),
        *_lists(platform),
        *_clusters(platform),
        *_keys(platform),
        *_traces(platform),
        *_overrides(platform),
        *_identity(platform),
        *_canary(platform),
        *_sinks(platform),
        *thresholds.problems(platform),
        *slo_consistency.problems(platform),
        *receivers.problems(platform),
        *grafana_groups.problems(platform),
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
            if owner.setdefault(namespace, name) != name:
                yield Problem(
                    path,
                    f"is {namespace!r}, which tenant {owner[namespace]!r} claims already",
                    "each namespace in one tenant only",
                    f"remove it from {name!r} or from {owner[namespace]!r}",
                )


def _tenant_names(platform: Platform) -> Iterator[Problem]:
    for name in sorted(RESERVED_TENANTS & platform.tenants.keys()):
        yield Problem(
            f"tenants.{name}",
            f"has the name {name!r}, which is the platform's own tenant",
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
                    f"names the region {region!r}, which this environment does not have",
                    known,
                    "correct the name, or add the region under regions",
                )
        for region in tenant.channels.support:
            if tenant.regions is not None and region in platform.regions and region not in tenant.regions:
                yield Problem(
                    f"tenants.{name}.channels.support.{region}",
                    f"names the region {region!r}, in which this tenant does not run",
                    ", ".join(tenant.regions),
                    f"remove it, or add {region} to tenants.{name}.regions",
                )


def _lists(platform: Platform) -> Iterator[Problem]:
    for name, tenant in platform.tenants.items():
        yield from _repeated(f"tenants.{name}.namespaces", tenant.namespaces)
        yield from _repeated(f"tenants.{name}.owners", tenant.owners)
        yield from _repeated(f"tenants.{name}.regions", tenant.regions or [])
    for name, region in platform.regions.items():
        yield from _repeated(f"regions.{name}.integrations", region.integrations)


def _repeated(path: str, values: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield Problem(f"{path}[{index}]", f"repeats {str(value)!r}", "each value once", "remove it")
        seen.add(value)


def _clusters(platform: Platform) -> Iterator[Problem]:
    """Two regions in one cluster would own the same namespaces and take each other's objects away."""
    owner: dict[tuple[str, ...], str] = {}
    for name, region in platform.regions.items():
        account, place, cluster = region.aws_account_id, region.aws_region, region.cluster
        ways: list[tuple[str, str, tuple[str, ...], str]] = [
            ("name", cluster.name, (account, place), "correct the name, the AWS region or the account"),
            ("context", cluster.context, (), "name the context of this region's own cluster"),
        ]
        if cluster.uid is not None:
            ways += [("uid", cluster.uid, (), "remove it, or write the UID of this cluster's kube-system namespace")]
        for field, value, within, fix in ways:
            first = owner.setdefault((field, value, *within), name)
            if first != name:
                yield Problem(
                    f"regions.{name}.cluster.{field}",
                    f"is {value!r}, the cluster that region {first!r} uses already",
                    "a cluster of its own for each region",
                    fix,
                )


def _keys(platform: Platform) -> Iterator[Problem]:
    for name, region in platform.regions.items():
        key = region.kms_key_arn
        if key is not None and (place := key.split(":")[3]) != region.aws_region:
            yield Problem(
                f"regions.{name}.kms_key_arn",
                f"is {key!r}, a key of {place}, which a bucket in {region.aws_region} cannot use",
                f"arn:aws:kms:{region.aws_region}:<account>:key/<id>",
                f"name a key of {region.aws_region}, or correct aws_region",
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

        if traces.engine is TempoEngine.TEMPO3_KAFKA and platform.layout is Topology.SINGLE_BINARY:
            yield Problem(
                f"regions.{name}.traces.engine",
                "is 'tempo3_kafka', though the topology is 'single_binary'",
                f"{TempoEngine.TEMPO2}",
                "choose engine: tempo2, or topology: distributed",
            )


def _overrides(platform: Platform) -> Iterator[Problem]:
    runs = workloads.of(platform.layout)
    for name, region in platform.regions.items():
        for workload, footprint in region.overrides.items():
            path = f"regions.{name}.overrides.{workload}"
            if workload not in runs:
                yield Problem(
                    path,
                    f"changes a workload that the topology {str(platform.layout)!r} does not run",
                    ", ".join(sorted(runs)),
                    "remove it, or change the topology",
                )
            if footprint.replicas is not None and workload in workloads.PER_NODE:
                yield Problem(
                    f"{path}.replicas",
                    f"is {footprint.replicas}, though this workload has one pod on each node",
                    "nothing",
                    "remove it",
                )
            if footprint.replicas is not None and workload in workloads.BESIDE:
                yield Problem(
                    f"{path}.replicas",
                    f"is {footprint.replicas}, though this workload runs in the pods of another",
                    "nothing",
                    f"remove it, or change {workloads.BESIDE[workload]}.replicas",
                )
            if (footprint.replicas or 1) > 1 and workload in workloads.ALONE:
                yield Problem(
                    f"{path}.replicas",
                    f"is {footprint.replicas}, though this workload runs once",
                    "1",
                    "remove it, and give the one pod more cpu or memory",
                )
            if footprint.replicas == 2 and workload in workloads.REPLICATED:
                yield Problem(
                    f"{path}.replicas",
                    "is 2, of which every write needs both, so that one pod that is down stops all writes",
                    "1, or 3 and more",
                    "write 3",
                )
            if footprint.volume is not None and workload not in workloads.WITH_VOLUME:
                yield Problem(
                    f"{path}.volume",
                    f"is {str(footprint.volume)!r}, though this workload has no volume",
                    "nothing",
                    "remove it",
                )
            elif footprint.volume is not None and footprint.volume.mebibytes < workloads.SMALLEST_VOLUME.mebibytes:
                yield Problem(
                    f"{path}.volume",
                    f"is {str(footprint.volume)!r}, smaller than any volume of EBS",
                    f"at least {workloads.SMALLEST_VOLUME}",
                    f"write {workloads.SMALLEST_VOLUME} or more",
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


def _sinks(platform: Platform) -> Iterator[Problem]:
    known = ", ".join(sorted(platform.tenants))
    for name, sink in platform.collection.sinks.items():
        path = f"collection.sinks.{name}"
        for index, tenant in enumerate(sink.tenants or []):
            if tenant not in platform.tenants:
                yield Problem(
                    f"{path}.tenants[{index}]",
                    f"names the tenant {tenant!r}, which this environment does not have",
                    known,
                    "correct the name, or add the tenant under tenants",
                )
        if sink.kind is SinkKind.ELASTICSEARCH and Signal.METRICS in sink.signals:
            yield Problem(
                f"{path}.signals",
                "holds metrics, which the exporter of kind 'elasticsearch' supports as an experiment only",
                "logs, traces",
                "remove metrics, or choose kind: otlp",
            )
