"""One real API server for every test that needs one."""

from __future__ import annotations

import asyncio
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


_loops: list[asyncio.AbstractEventLoop] = []


@pytest.fixture(scope="session", autouse=True)
def _remembered_loops() -> Iterator[None]:
    new = asyncio.new_event_loop

    def remembered() -> asyncio.AbstractEventLoop:
        _loops.append(new())
        return _loops[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", remembered)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_file_in_the_users_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have kubectl keep its cache, and the access proxy its data, where the session's files are."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBECACHEDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        yield


@pytest.fixture(autouse=True)
def _closed_loops(_remembered_loops: None) -> Iterator[None]:
    """Close the event loops that the SDK leaves open: a program may outlive its failed operation by some seconds."""
    yield
    for loop in [each for each in _loops if not each.is_running()]:
        _loops.remove(loop)
        loop.close()


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
