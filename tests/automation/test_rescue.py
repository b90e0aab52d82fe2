"""What a killed engine had made is taken into the state; what it had not, or what is somebody else's, is struck out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from pulumi import automation

import preflight.api
from automation import rescue
from automation.problem import AutomationError
from preflight.kubeconfig import Answer, UnusableError

KINDS = {
    "resources": [
        {"kind": "ConfigMap", "name": "configmaps", "namespaced": True},
        {"kind": "Namespace", "name": "namespaces", "namespaced": False},
    ]
}
PARENT = "urn:pulumi:dev.us-east::p::pulumi:pulumi:Stack::p-dev.us-east"


@dataclass
class Stack:
    """A stack of which only export and import are asked."""

    deployment: dict[str, Any]
    imported: list[dict[str, Any]] = field(default_factory=list)
    name: str = "dev.us-east"

    def export_stack(self) -> automation.Deployment:
        return automation.Deployment(version=3, deployment=self.deployment)

    def import_stack(self, deployment: automation.Deployment) -> None:
        self.imported.append(dict(deployment.deployment or {}))


@dataclass
class Api:
    """An API server with one object, made by the given managers."""

    managers: tuple[str, ...]
    failing: str = "no path"
    """Ends the path that the server is not able to answer."""
    server: str = "https://dev"

    def find(self, path: str) -> Any:
        return preflight.api.Api.find(cast(preflight.api.Api, self), path)

    def get(self, path: str, accept: str = "") -> Answer:
        if path.endswith(self.failing):
            return Answer(503, {})
        if path == "/api/v1":
            return Answer(200, KINDS)
        if self.managers and path in ("/api/v1/namespaces/here/configmaps/made", "/api/v1/namespaces/made"):
            fields = [{"manager": manager} for manager in self.managers]
            return Answer(200, {"metadata": {"name": "made", "managedFields": fields}})
        return Answer(404, {})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api(("pulumi-kubernetes-1a2b",))

    @contextmanager
    def connect(context: str) -> Iterator[Api]:
        assert context == "dev"
        yield api

    monkeypatch.setattr(rescue, "connect", connect)
    return api


def creating(name: str, kind: str = "ConfigMap", namespace: str | None = "here") -> dict[str, Any]:
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    inputs = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    urn = f"urn:pulumi:dev.us-east::p::kubernetes:core/v1:{kind}::{name}"
    resource = {"urn": urn, "type": f"kubernetes:core/v1:{kind}", "parent": PARENT, "custom": True, "inputs": inputs}
    return {"type": "creating", "resource": resource}


def adopted(*operations: dict[str, Any], known: tuple[dict[str, Any], ...] = ()) -> tuple[list[str], dict[str, Any]]:
    stack = Stack({"resources": [{"urn": PARENT}, *known], "pending_operations": list(operations)})
    urns = rescue.adopt(cast(automation.Stack, stack), "dev")
    return urns, stack.imported[0]


def test_an_object_that_was_made_is_taken_over_with_its_manager(cluster: Api) -> None:
    urns, state = adopted(creating("made"))
    assert urns == ["urn:pulumi:dev.us-east::p::kubernetes:core/v1:ConfigMap::made"]
    assert state["pending_operations"] == []
    assert state["resources"][1]["id"] == "here/made"
    assert state["resources"][1]["outputs"]["__fieldManager"] == "pulumi-kubernetes-1a2b"


def test_an_object_without_a_namespace_goes_by_its_name(cluster: Api) -> None:
    assert adopted(creating("made", "Namespace", None))[1]["resources"][1]["id"] == "made"


@pytest.mark.parametrize("managers", [(), ("kubectl-client-side-apply",)], ids=["never made", "somebody else's"])
def test_what_it_did_not_make_is_struck_out(cluster: Api, managers: tuple[str, ...]) -> None:
    cluster.managers = managers
    urns, state = adopted(creating("made"))
    assert (urns, state) == ([], {"resources": [{"urn": PARENT}], "pending_operations": []})


@pytest.mark.parametrize("failing", ["/api/v1", "/configmaps/made"])
def test_a_server_that_fails_says_nothing_of_what_was_made(cluster: Api, failing: str) -> None:
    cluster.failing = failing
    stack = Stack({"resources": [], "pending_operations": [creating("made")]})
    with pytest.raises(
        AutomationError, match=f"answers HTTP 503 to GET .*{failing}, and ConfigMap made was being made"
    ):
        rescue.adopt(cast(automation.Stack, stack), "dev")
    assert stack.imported == []


def test_what_is_recorded_stays_as_it_is(cluster: Api) -> None:
    operation = creating("made")
    assert adopted(operation, known=({"urn": operation["resource"]["urn"]},))[0] == []


def test_nothing_pending_imports_nothing() -> None:
    stack = Stack({"resources": []})
    assert rescue.adopt(cast(automation.Stack, stack), "dev") == []
    assert stack.imported == []


def test_a_cluster_that_cannot_be_asked_leaves_the_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: str) -> None:
        raise UnusableError("leads to nowhere", "an API server that answers", "check the network")

    monkeypatch.setattr(rescue, "connect", connect)
    stack = Stack({"resources": [], "pending_operations": [creating("made")]})
    with pytest.raises(AutomationError, match="context dev leads to nowhere, and ConfigMap made was being made when"):
        rescue.adopt(cast(automation.Stack, stack), "dev")
    assert stack.imported == []


@pytest.mark.parametrize(("code", "expected"), [(None, ["urn"]), ("404", [])])
def test_a_bucket_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, code: str | None, expected: list[str]) -> None:
    class Client:
        def head_bucket(self, **_: str) -> None:
            if code:
                raise ClientError({"Error": {"Code": code}}, "HeadBucket")

    monkeypatch.setattr("boto3.client", lambda _: Client())
    resource = {"urn": "urn", "type": "aws:s3/bucket:Bucket", "parent": PARENT, "inputs": {"bucket": "logs"}}
    assert adopted({"type": "creating", "resource": resource})[0] == expected


def test_a_denied_look_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def head_bucket(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "403"}}, "HeadBucket")

    monkeypatch.setattr("boto3.client", lambda _: Client())
    resource = {"urn": "urn", "type": "aws:s3/bucket:Bucket", "parent": PARENT, "inputs": {"bucket": "logs"}}
    with pytest.raises(AutomationError, match=r"AWS does not say whether it is there \(403\)"):
        adopted({"type": "creating", "resource": resource})


def test_a_state_goes_to_a_private_file_and_back(tmp_path: Path) -> None:
    stack, file = Stack({"resources": [{"urn": PARENT}]}), tmp_path / "state.json"
    rescue.export(cast(automation.Stack, stack), file)
    assert file.stat().st_mode & 0o077 == 0
    rescue.restore(cast(automation.Stack, stack), file)
    assert stack.imported == [stack.deployment]


def test_another_stacks_state_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": [{"urn": PARENT.replace("dev.", "prod.")}]}}))
    with pytest.raises(
        AutomationError, match=r"is the state of prod\.us-east; allowed: what export wrote for dev\.us-east"
    ):
        rescue.restore(cast(automation.Stack, Stack({})), file)


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("[]")
    with pytest.raises(AutomationError, match="is no exported state"):
        rescue.restore(cast(automation.Stack, Stack({})), tmp_path / "state.json")
