"""Take over what a killed engine was making, and move state by hand.

Before each creation the engine writes down that it is about to. When it is killed before it writes that it has, nobody
can tell whether the thing was made; creating it again would fail, or leave a second one. So it is looked for by its
name: what is there is taken into the state, what is not there is struck out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError
from pulumi import automation

from automation.private import write_private
from automation.problem import AutomationError
from preflight.kubeconfig import Api, UnusableError, connect

_ABSENT: Final = {"404", "NoSuchBucket", "NoSuchEntity", "ResourceNotFoundException", "NotFound"}
_MANAGER: Final = "pulumi-kubernetes-"


def pending(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resources whose creation was begun and never recorded."""
    known = {each["urn"] for each in deployment.get("resources") or []}
    return [
        operation["resource"]
        for operation in deployment.get("pending_operations") or []
        if operation["type"] == "creating" and operation["resource"]["urn"] not in known
    ]


def adopt(stack: automation.Stack, context: str) -> list[str]:
    """Take into the state what a killed engine had made, strike out what it had not, and return the adopted URNs.

    The caller refreshes those afterwards: their outputs are only what was asked for.

    Args:
        stack: the stack; nobody else is at work on it.
        context: the kubeconfig's context of its cluster.

    Raises:
        AutomationError: cluster or cloud cannot be asked.
    """
    exported = stack.export_stack()
    deployment = dict(exported.deployment or {})
    if not deployment.get("pending_operations"):
        return []
    found = [each for each in (_found(resource, context) for resource in pending(deployment)) if each is not None]
    known = {each["urn"] for each in deployment.get("resources") or []}
    adopted = [each for each in found if each.get("parent", "") in known]
    deployment["pending_operations"] = []
    deployment["resources"] = [*(deployment.get("resources") or []), *adopted]
    exported.deployment = deployment
    stack.import_stack(exported)
    return [str(each["urn"]) for each in adopted]


def export(stack: automation.Stack, file: Path) -> None:
    """Write the whole state to a private file; secrets stay encrypted.

    Raises:
        AutomationError: it cannot be written.
    """
    exported = stack.export_stack()
    try:
        write_private(file, json.dumps({"version": exported.version, "deployment": exported.deployment}, indent=2))
    except OSError as error:
        raise AutomationError(f"{file}: cannot be written ({error.strerror}); fix: name another file") from None


def restore(stack: automation.Stack, file: Path) -> None:
    """Put a state that was exported in place of the one that is there.

    Raises:
        AutomationError: the file is no exported state, or another stack's.
    """
    wanted = f"{file}: %s; allowed: what export wrote for {stack.name}; fix: name that file"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        deployment = automation.Deployment(version=document["version"], deployment=document["deployment"])
        resources = (deployment.deployment or {}).get("resources", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise AutomationError(wanted % "is no exported state") from None
    others = {each["urn"].split("::")[0].rpartition(":")[2] for each in resources} - {stack.name}
    if others:
        raise AutomationError(wanted % f"is the state of {', '.join(sorted(others))}")
    stack.import_stack(deployment)


def _found(resource: Mapping[str, Any], context: str) -> dict[str, Any] | None:
    """Return a resource as the state has it, if it was made; None when it was not, or when making it twice is none."""
    inputs = resource.get("inputs") or {}
    if str(resource["type"]).startswith("kubernetes:") and inputs.get("kind"):
        return _object(resource, inputs, context)
    identifier = _in_cloud(str(resource["type"]), inputs)
    return None if identifier is None else {**resource, "id": identifier, "outputs": dict(inputs)}


def _object(resource: Mapping[str, Any], inputs: Mapping[str, Any], context: str) -> dict[str, Any] | None:
    metadata = inputs.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name is None:
        return None
    try:
        with connect(context) as api:
            path = _path(api, str(inputs["apiVersion"]), str(inputs["kind"]), namespace)
            found = None if path is None else api.find(f"{path}/{name}")
    except UnusableError as error:
        raise AutomationError(
            f"context {context} {error.what}, and {inputs['kind']} {name} was being made when the last operation was "
            f"killed; allowed: {error.allowed}; fix: {error.fix}"
        ) from None
    live = found["metadata"] if found is not None else {}
    managers = [each["manager"] for each in live.get("managedFields", [])]
    manager = next((each for each in managers if each.startswith(_MANAGER)), None)
    if manager is None:
        # It is not there, or it is somebody else's: the next up makes it, or says whose it is.
        return None
    outputs = {**inputs, "__fieldManager": manager, "__initialApiVersion": inputs["apiVersion"]}
    return {**resource, "id": f"{namespace}/{name}" if namespace else name, "outputs": outputs}


def _path(api: Api, version: str, kind: str, namespace: str | None) -> str | None:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    for each in (api.find(root) or {}).get("resources", []):
        if each["kind"] == kind and "/" not in each["name"]:
            return f"{root}/namespaces/{namespace}/{each['name']}" if each["namespaced"] else f"{root}/{each['name']}"
    return None


def _in_cloud(kind: str, inputs: Mapping[str, Any]) -> str | None:
    """Return the id under which a resource is in AWS; None for types that may be set twice."""
    try:
        if kind == "aws:s3/bucket:Bucket":
            boto3.client("s3").head_bucket(Bucket=inputs["bucket"])
            return str(inputs["bucket"])
        if kind == "aws:iam/role:Role":
            boto3.client("iam").get_role(RoleName=inputs["name"])
            return str(inputs["name"])
        if kind == "aws:secretsmanager/secret:Secret":
            return str(boto3.client("secretsmanager").describe_secret(SecretId=inputs["name"])["ARN"])
        if kind == "aws:eks/podIdentityAssociation:PodIdentityAssociation":
            return _association(inputs)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ABSENT:
            raise AutomationError(
                f"{kind} was being made when the last operation was killed, and AWS does not say whether it is there "
                f"({error.response['Error']['Code']}); fix: use a role that may read it, then run the same command"
            ) from None
    return None


def _association(inputs: Mapping[str, Any]) -> str | None:
    listed = boto3.client("eks").list_pod_identity_associations(
        clusterName=inputs["clusterName"], namespace=inputs["namespace"], serviceAccount=inputs["serviceAccount"]
    )["associations"]
    return str(listed[0]["associationId"]) if listed else None
