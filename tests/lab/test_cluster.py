"""The API server is a real one: it validates, defaults, deletes, and refuses strangers."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

import tools
from automation.waiting import until
from lab import cluster
from lab.problem import LabError
from tests.lab.conftest import LabCluster


def test_the_kubeconfig_is_private_and_names_the_context(lab_cluster: LabCluster) -> None:
    assert lab_cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    document = yaml.safe_load(lab_cluster.kubeconfig.read_text())
    assert [context["name"] for context in document["contexts"]] == ["test"]
    assert document["clusters"][0]["cluster"]["server"] == lab_cluster.api.url


def test_a_running_cluster_is_used_again(lab_cluster: LabCluster) -> None:
    before = lab_cluster.processes.recorded()
    binaries = tools.ensure(*cluster.NAMES)
    again = cluster.start(lab_cluster.instance, lab_cluster.processes, binaries, lab_cluster.context)
    assert again == lab_cluster.api
    assert lab_cluster.processes.recorded() == before


def test_only_loopback_listens(lab_cluster: LabCluster) -> None:
    """Read the listening sockets of the processes' ports from the kernel: address 127.0.0.1 is 0100007F."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {int(row[1].split(":")[1], 16): row[1].split(":")[0] for row in rows if row[3] == "0A"}
    ports = [port for child in lab_cluster.processes.recorded().values() for port in child.ports.values()]
    assert len(ports) == 3
    assert {listening.get(port) for port in ports} == {"0100007F"}
    six = {int(line.split()[1].split(":")[1], 16) for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]}
    assert not six & set(ports)


def test_a_stranger_is_refused(lab_cluster: LabCluster) -> None:
    context = ssl.create_default_context(cafile=str(lab_cluster.api.pki.authority))
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{lab_cluster.api.url}/api/v1/secrets", context=context, timeout=10)  # noqa: S310 - https
    assert error.value.code == 403
    error.value.close()


def test_a_namespace_gets_its_account_and_can_be_deleted(lab_cluster: LabCluster) -> None:
    api = lab_cluster.api
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "deleted"}}
    api.apply("/api/v1/namespaces/deleted", name)
    account = "/api/v1/namespaces/deleted/serviceaccounts"
    assert until(lambda: bool(api.get(account)["items"]), 20)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held"}, "data": {"a": "b"}}
    applied = api.apply("/api/v1/namespaces/deleted/configmaps/held", config)
    assert [entry["manager"] for entry in applied["metadata"]["managedFields"]] == [cluster.FIELD_MANAGER]
    api.delete("/api/v1/namespaces/deleted")
    names = "/api/v1/namespaces"
    assert until(lambda: "deleted" not in [each["metadata"]["name"] for each in api.get(names)["items"]], 30)


def test_a_wrong_object_is_refused_with_the_servers_words(lab_cluster: LabCluster) -> None:
    wrong = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "Wrong_Name"}}
    with pytest.raises(
        LabError, match=r"kube-apiserver: PATCH .* was refused: .*Wrong_Name.* correct what it names\.$"
    ):
        lab_cluster.api.apply("/api/v1/namespaces/Wrong_Name", wrong)


def test_a_deployment_is_worked_on_but_its_pods_wait(lab_cluster: LabCluster) -> None:
    api = lab_cluster.api
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "pending"},
        "spec": {
            "selector": {"matchLabels": {"app": "pending"}},
            "template": {
                "metadata": {"labels": {"app": "pending"}},
                "spec": {"containers": [{"name": "main", "image": "example.com/none:1"}]},
            },
        },
    }
    api.apply("/apis/apps/v1/namespaces/default/deployments/pending", deployment)
    pods = "/api/v1/namespaces/default/pods?labelSelector=app%3Dpending"
    assert until(lambda: bool(api.get(pods)["items"]), 30)
    assert [pod["status"]["phase"] for pod in api.get(pods)["items"]] == ["Pending"]
    api.delete("/apis/apps/v1/namespaces/default/deployments/pending")
    assert until(lambda: not api.get(pods)["items"], 30)
