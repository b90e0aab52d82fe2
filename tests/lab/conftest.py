"""One real API server for every test that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tools
from lab import cluster
from lab.instance import Instance
from lab.process import Processes


@dataclass(frozen=True)
class LabCluster:
    """A running API server: a client of it, its kubeconfig and the context in there."""

    api: cluster.Api
    kubeconfig: Path
    context: str
    instance: Instance
    processes: Processes


@pytest.fixture(scope="session")
def lab_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCluster]:
    """Start etcd, kube-apiserver and kube-controller-manager once per session, and end them."""
    instance = Instance.of("dev.test", tmp_path_factory.mktemp("lab"))
    instance.create()
    processes = Processes(instance)
    try:
        api = cluster.start(instance, processes, tools.ensure(*cluster.NAMES), "test")
        yield LabCluster(api, instance.kubeconfig, "test", instance, processes)
    finally:
        processes.stop()
