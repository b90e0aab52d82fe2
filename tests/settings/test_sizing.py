"""From ingest rates to replicas, CPU, memory and volumes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from settings import durations, load, sizing, workloads
from settings.platform import Platform
from settings.problem import SettingsError
from settings.units import Bytes, Cpu, Duration
from settings.vocabulary import Size, Topology, Workload
from tests.settings.documents import at

RATES = [1, 2, 5, 10, 15, 20, 30, 35, 50, 80]
"""MB/s of logs; spans and samples grow with them."""


def platform(topology: Topology, **region: Any) -> Platform:
    changes = {f"regions.us-east.{key}": value for key, value in region.items()}
    return load.parse(at({"topology": str(topology), **changes}), "test")


def of(topology: Topology, size: Size = Size.SMALL, **region: Any) -> sizing.Sizing:
    return sizing.for_region(platform(topology, size=str(size), **region), "us-east")


def written(need: sizing.Need) -> str:
    volume = f" {need.volume}" if need.volume else ""
    return f"{need.replicas} x {need.cpu} {need.memory}{volume}"


def backends(given: sizing.Sizing) -> dict[str, str]:
    return {str(w): written(need) for w, need in given.items() if w.startswith(("loki", "tempo"))}


def millicores(cpu: Cpu) -> float:
    return float(cpu[:-1]) if cpu.endswith("m") else float(cpu) * 1000


@pytest.mark.parametrize("topology", Topology)
@pytest.mark.parametrize("size", Size)
def test_each_workload_of_the_topology_is_sized_and_no_other(topology: Topology, size: Size) -> None:
    assert set(of(topology, size)) == workloads.of(topology)


def test_a_single_binary_takes_a_quiet_region() -> None:
    assert backends(of(Topology.SINGLE_BINARY)) == {
        "loki_single_binary": "1 x 1 1536Mi 20Gi",
        "loki_gateway": "1 x 50m 128Mi",
        "tempo_single_binary": "1 x 1 2048Mi 20Gi",
    }


def test_a_single_binary_grows_in_cpu_and_memory_alone() -> None:
    assert backends(of(Topology.SINGLE_BINARY, Size.LARGE)) == {
        "loki_single_binary": "1 x 6 16384Mi 20Gi",
        "loki_gateway": "1 x 50m 128Mi",
        "tempo_single_binary": "1 x 15 31744Mi 20Gi",
    }


def test_small_is_what_availability_takes() -> None:
    assert backends(of(Topology.DISTRIBUTED, Size.SMALL)) == {
        "loki_distributor": "2 x 500m 512Mi",
        "loki_ingester": "3 x 500m 2048Mi 30Gi",
        "loki_querier": "2 x 250m 512Mi",
        "loki_query_frontend": "2 x 250m 1024Mi",
        "loki_query_scheduler": "2 x 250m 512Mi",
        "loki_index_gateway": "2 x 150m 1024Mi 20Gi",
        "loki_compactor": "1 x 1 2048Mi 20Gi",
        "loki_gateway": "2 x 100m 128Mi",
        "loki_chunks_cache": "1 x 100m 512Mi",
        "loki_results_cache": "1 x 100m 256Mi",
        "tempo_distributor": "2 x 500m 1024Mi",
        "tempo_ingester": "3 x 650m 2048Mi 20Gi",
        "tempo_querier": "2 x 250m 2048Mi",
        "tempo_query_frontend": "2 x 250m 2048Mi",
        "tempo_compactor": "1 x 250m 2048Mi",
        "tempo_metrics_generator": "2 x 250m 1024Mi 10Gi",
        "tempo_cache": "1 x 100m 256Mi",
    }


def test_medium_lies_between() -> None:
    assert backends(of(Topology.DISTRIBUTED, Size.MEDIUM)) == {
        "loki_distributor": "2 x 1150m 512Mi",
        "loki_ingester": "3 x 1150m 2432Mi 30Gi",
        "loki_querier": "3 x 1000m 1024Mi",
        "loki_query_frontend": "2 x 300m 1024Mi",
        "loki_query_scheduler": "2 x 300m 512Mi",
        "loki_index_gateway": "2 x 300m 1280Mi 20Gi",
        "loki_compactor": "1 x 1 2944Mi 20Gi",
        "loki_gateway": "2 x 100m 128Mi",
        "loki_chunks_cache": "1 x 100m 2432Mi",
        "loki_results_cache": "1 x 100m 384Mi",
        "tempo_distributor": "2 x 1000m 1024Mi",
        "tempo_ingester": "3 x 2100m 3456Mi 20Gi",
        "tempo_querier": "2 x 1000m 4096Mi",
        "tempo_query_frontend": "2 x 250m 2048Mi",
        "tempo_compactor": "1 x 750m 3072Mi",
        "tempo_metrics_generator": "2 x 500m 1024Mi 10Gi",
        "tempo_cache": "1 x 100m 384Mi",
    }


def test_large_is_nearly_lokis_first_published_tier() -> None:
    assert backends(of(Topology.DISTRIBUTED, Size.LARGE)) == {
        "loki_distributor": "4 x 1750m 512Mi",
        "loki_ingester": "6 x 1750m 3584Mi 30Gi",
        "loki_querier": "9 x 1000m 1024Mi",
        "loki_query_frontend": "2 x 900m 1792Mi",
        "loki_query_scheduler": "2 x 900m 512Mi",
        "loki_index_gateway": "4 x 450m 1792Mi 20Gi",
        "loki_compactor": "1 x 2 8832Mi 20Gi",
        "loki_gateway": "2 x 100m 128Mi",
        "loki_chunks_cache": "1 x 100m 7040Mi",
        "loki_results_cache": "1 x 100m 896Mi",
        "tempo_distributor": "3 x 2000m 2048Mi",
        "tempo_ingester": "8 x 2350m 3840Mi 20Gi",
        "tempo_querier": "6 x 1000m 4096Mi",
        "tempo_query_frontend": "2 x 450m 2048Mi",
        "tempo_compactor": "3 x 750m 3072Mi",
        "tempo_metrics_generator": "3 x 1000m 2048Mi 10Gi",
        "tempo_cache": "1 x 100m 1024Mi",
    }


def grown(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> list[sizing.Sizing]:
    """Return the sizing of a topology at each of the rates."""
    found = []
    for rate in RATES:
        rates = sizing.Rates(samples_per_second=rate * 10_000, log_mb_per_second=rate, spans_per_second=rate * 2_000)
        monkeypatch.setattr(sizing, "RATES", dict.fromkeys(Size, rates))
        found.append(of(topology))
    return found


@pytest.mark.parametrize("topology", Topology)
def test_more_ingest_never_gets_less(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    for less, more in pairwise(grown(topology, monkeypatch)):
        for workload, need in less.items():
            after = more[workload]
            # A DaemonSet has no replicas of its own; there the pod itself must not shrink.
            pods, pods_after = max(1, need.replicas), max(1, after.replicas)
            assert pods_after >= pods, workload
            assert pods_after * after.memory.mebibytes >= pods * need.memory.mebibytes, workload
            assert pods_after * millicores(after.cpu) >= pods * millicores(need.cpu), workload


def test_a_published_replica_is_never_asked_to_do_more_than_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    for rate, given in zip(RATES, grown(Topology.DISTRIBUTED, monkeypatch), strict=True):
        assert rate / given[Workload.LOKI_INGESTER].replicas <= sizing.LOKI_TIER_MB_PER_SECOND / 6
        received = rate * 2_000 * sizing.BYTES_PER_SPAN / 1e6
        assert received / given[Workload.TEMPO_INGESTER].replicas <= 5
        assert received / given[Workload.TEMPO_DISTRIBUTOR].replicas <= 10


def test_one_number_can_be_overridden_and_the_rest_still_follows_the_size() -> None:
    before = of(Topology.DISTRIBUTED)[Workload.LOKI_INGESTER]
    after = of(Topology.DISTRIBUTED, overrides={"loki_ingester": {"memory": "9Gi"}})[Workload.LOKI_INGESTER]
    assert after == before.model_copy(update={"memory": Bytes("9Gi")})


def test_an_override_changes_its_own_workload_only() -> None:
    before = of(Topology.DISTRIBUTED)
    after = of(Topology.DISTRIBUTED, overrides={"loki_querier": {"replicas": 7, "cpu": "3"}})
    changed = {workload for workload in before if before[workload] != after[workload]}
    assert changed == {Workload.LOKI_QUERIER}
    assert written(after[Workload.LOKI_QUERIER]) == "7 x 3 512Mi"


def test_an_overridden_number_may_equal_the_smallest_allowed_one() -> None:
    assert of(Topology.DISTRIBUTED, overrides={"loki_ingester": {"replicas": 1}})[Workload.LOKI_INGESTER].replicas == 1


def test_zero_is_not_unset_but_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        of(Topology.DISTRIBUTED, overrides={"loki_ingester": {"replicas": 0}})
    [problem] = refused.value.problems
    assert problem.path == "regions.us-east.overrides.loki_ingester.replicas"
    assert "0" in problem.what


@pytest.mark.parametrize("topology", Topology)
@pytest.mark.parametrize("size", Size)
def test_the_longest_times_that_are_accepted_can_be_given_room(topology: Topology, size: Size) -> None:
    longest = {"retention.metrics": str(durations.LONGEST_METRICS), "collection.decision_wait": "10m"}
    document = at({**longest, "collection.decision_wait_after_root": "10m", "regions.us-east.size": str(size)})
    needs = sizing.for_region(load.parse({**document, "topology": str(topology)}, "test"), "us-east")
    assert needs[Workload.COLLECTOR_GATEWAY].memory.mebibytes > 5 * 1024


def test_disk_follows_retention() -> None:
    def volume(days: str) -> int:
        changed = platform(Topology.DISTRIBUTED)
        longer = changed.retention.model_copy(update={"metrics": Duration(days)})
        needs = sizing.for_region(changed.model_copy(update={"retention": longer}), "us-east")
        found = needs[Workload.PROMETHEUS].volume
        assert found is not None
        return found.mebibytes // 1024

    # 20,000 samples/s, 2 bytes each and 30 % on top: 4.2 GiB a day, rounded up to 10 GiB.
    assert (volume("1d"), volume("15d"), volume("30d")) == (10, 70, 130)


@pytest.mark.parametrize("size", Size)
def test_memory_is_whole_and_every_request_is_one_that_kubernetes_reads(size: Size) -> None:
    for topology in Topology:
        for need in of(topology, size).values():
            assert need.memory.mebibytes % 128 == 0
            assert Cpu.parse(str(need.cpu)) == need.cpu
