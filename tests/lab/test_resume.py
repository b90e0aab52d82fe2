"""What a killed engine had begun and never recorded is removed; what it recorded stays."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi import automation

from lab import cloud, resume
from lab.instance import Instance
from lab.process import Processes
from tests.lab.conftest import LabCluster

MAPS = "/api/v1/namespaces/default/configmaps"


@dataclass
class Stack:
    """A stack of which only export and import are asked."""

    deployment: dict[str, Any]
    imported: list[dict[str, Any]] = field(default_factory=list)

    def export_stack(self) -> automation.Deployment:
        return automation.Deployment(version=3, deployment=self.deployment)

    def import_stack(self, deployment: automation.Deployment) -> None:
        self.imported.append(dict(deployment.deployment or {}))


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def creating(urn: str, kind: str, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    resource = {"urn": urn, "type": kind}
    return {"type": "creating", "resource": resource if inputs is None else {**resource, "inputs": inputs}}


def test_only_what_is_not_recorded_is_removed(lab_cluster: LabCluster) -> None:
    for name in ("begun", "recorded"):
        lab_cluster.api.apply(f"{MAPS}/{name}", config_map(name))
    stack = Stack(
        {
            "resources": [{"urn": "urn:recorded"}],
            "pending_operations": [
                creating("urn:begun", "kubernetes:core/v1:ConfigMap", config_map("begun")),
                creating("urn:recorded", "kubernetes:core/v1:ConfigMap", config_map("recorded")),
                creating("urn:never", "kubernetes:core/v1:ConfigMap", config_map("never-reached-the-server")),
                creating("urn:chart", "kubernetes:helm.sh/v4:Chart"),
            ],
        }
    )
    undone = resume.undo(cast(automation.Stack, stack), {**os.environ, "KUBECONFIG": str(lab_cluster.kubeconfig)})
    assert undone == ["urn:begun", "urn:never", "urn:chart"]
    names = [each["metadata"]["name"] for each in lab_cluster.api.get(MAPS)["items"]]
    assert "recorded" in names
    assert "begun" not in names
    assert stack.imported == [{"resources": [{"urn": "urn:recorded"}]}]
    lab_cluster.api.delete(f"{MAPS}/recorded")


def test_what_was_begun_in_the_cloud_is_removed_too(tmp_path: Path) -> None:
    instance = Instance.of("dev.test", tmp_path)
    instance.create()
    processes = Processes(instance)
    try:
        aws, _ = cloud.start(processes, "eu-west-1", "111122223333")
        s3 = aws.session().client("s3", endpoint_url=aws.url)
        s3.create_bucket(Bucket="begun", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        store = aws.session().client("secretsmanager", endpoint_url=aws.url)
        store.create_secret(Name="begun", SecretString="value")
        stack = Stack(
            {
                "resources": [],
                "pending_operations": [
                    creating("urn:bucket", "aws:s3/bucket:Bucket", {"bucket": "begun"}),
                    creating("urn:other", "aws:s3/bucket:Bucket", {"bucket": "never-made"}),
                    creating("urn:role", "aws:iam/role:Role", {"name": "never-made"}),
                    creating("urn:secret", "aws:secretsmanager/secret:Secret", {"name": "begun"}),
                ],
            }
        )
        resume.undo(cast(automation.Stack, stack), {**os.environ, **aws.environment()})
        assert s3.list_buckets()["Buckets"] == []
        assert store.list_secrets()["SecretList"] == []
    finally:
        processes.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"checkpoint": {"latest": {"pending_operations": []}}}', True), ('{"checkpoint": {"latest": {}}}', False)],
)
def test_a_state_says_whether_something_is_unfinished(tmp_path: Path, text: str, expected: bool) -> None:
    state = tmp_path / "dev.test.json"
    assert not resume.pending(state)
    state.write_text(text)
    assert resume.pending(state) is expected
