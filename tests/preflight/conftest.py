"""A real API server and moto's AWS, and a region that is described as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from charts.pull import resolve
from preflight.subject import Subject
from settings import load, names
from tests.lab.conftest import LabCluster, lab_cluster

__all__ = ["lab_cluster"]

ACCOUNT = "123456789012"
"""The account that moto answers for."""


def describe(stack: str = "dev.us-east", **changes: Any) -> Subject:
    """Return a region's subject; `changes` are to the region, those to its cluster below `cluster`."""
    platform, name = load.from_file(stack)
    region = platform.regions[name]
    cluster = region.cluster.model_copy(update={"context": "test", **changes.pop("cluster", {})})
    region = region.model_copy(update={"aws_account_id": ACCOUNT, "cluster": cluster, **changes})
    platform = platform.model_copy(update={"regions": {**platform.regions, name: region}})
    return Subject(platform, name, resolve({}))


@pytest.fixture
def kubeconfig(lab_cluster: LabCluster, monkeypatch: pytest.MonkeyPatch) -> LabCluster:
    """The API server, as the one that $KUBECONFIG leads to."""
    monkeypatch.setenv("KUBECONFIG", str(lab_cluster.kubeconfig))
    return lab_cluster


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> boto3.session.Session:
    """An empty account, and the environment that leads every client to it."""
    for name, value in {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    session = boto3.session.Session(region_name="us-east-1")
    requests.post(f"{moto_url}/moto-api/reset", timeout=5).raise_for_status()
    return session


def claim(cluster: LabCluster, owner: str | None) -> None:
    """Make both namespaces, claimed for a stack or for none."""
    annotations = {} if owner is None else {names.CLAIM_ANNOTATION: owner}
    for namespace in (names.NAMESPACE, names.NODE_NAMESPACE):
        cluster.api.apply(
            f"/api/v1/namespaces/{namespace}",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "annotations": annotations},
            },
        )


def install_crds(cluster: LabCluster, subject: Subject, *, without: str = "", **versions: str) -> None:
    """Make every CRD of the platform, without its schema, saying its pin or with another version of it."""
    for name, chart in names.CRDS.items():
        plural, _, group = name.partition(".")
        version = versions.get(chart.replace("-", "_"), subject.packages[chart].version)
        annotations = {} if name == without else {names.CHART_VERSION_ANNOTATION: names.chart_version(chart, version)}
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        cluster.api.apply(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}",
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": name, "annotations": annotations},
                "spec": {
                    "group": group,
                    "scope": "Namespaced",
                    "names": {"plural": plural, "kind": plural.capitalize()},
                    "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
                },
            },
        )
