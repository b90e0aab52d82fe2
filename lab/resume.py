"""Undo what a killed engine was making: it exists, but no state knows it, and the next `up` would stumble over it.

Before each creation the engine writes down that it is about to. When it is killed before it writes that it has, nobody
can tell whether the object was made; in a lab it is simplest to remove it, as `up` makes it again.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError
from pulumi import automation

import tools
from lab.problem import LabError

_DEADLINE: Final = 120.0
_GONE: Final = {"NoSuchBucket", "NoSuchEntity", "ResourceNotFoundException"}


def pending(state: Path) -> bool:
    """Return whether a stack's state file names unfinished operations; it does not name their list when it is empty."""
    return state.exists() and '"pending_operations"' in state.read_text()


def undo(stack: automation.Stack, env: Mapping[str, str]) -> list[str]:
    """Remove the objects of unfinished creations, strike those out of the state, and return their URNs.

    Args:
        stack: the stack.
        env: addresses of cluster and cloud.

    Raises:
        LabError: the API server keeps one of them.
    """
    exported = stack.export_stack()
    deployment: dict[str, Any] = dict(exported.deployment or {})
    known = {each["urn"] for each in deployment.get("resources", [])}
    operations = deployment.pop("pending_operations", None) or []
    unfinished = [
        operation["resource"]
        for operation in operations
        if operation["type"] == "creating" and operation["resource"]["urn"] not in known
    ]
    _remove_objects((each for each in unfinished if each["type"].startswith("kubernetes:")), env)
    _remove_from_cloud(unfinished, env)
    exported.deployment = deployment
    stack.import_stack(exported)
    return [str(each["urn"]) for each in unfinished]


def _remove_objects(resources: Iterable[Mapping[str, Any]], env: Mapping[str, str]) -> None:
    kubectl = str(tools.path("kubectl"))
    for resource in resources:
        inputs = resource.get("inputs", {})
        metadata = inputs.get("metadata", {})
        if "kind" not in inputs or "name" not in metadata:
            # A component (a chart), or an object whose name the API server would have chosen.
            continue
        group, _, version = inputs["apiVersion"].rpartition("/")
        kind = f"{inputs['kind']}.{version}.{group}" if group else inputs["kind"]
        namespace = ["--namespace", metadata["namespace"]] if "namespace" in metadata else []
        done = subprocess.run(
            [kubectl, "delete", kind, metadata["name"], *namespace, "--ignore-not-found"],
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(
                f"lab: {kind} {metadata['name']}, which a killed command had begun to make, cannot be removed "
                f"({done.stderr.strip()}); run 'python -m lab down' and up again."
            )


def _remove_from_cloud(resources: Iterable[Mapping[str, Any]], env: Mapping[str, str]) -> None:
    session = boto3.Session(
        env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY"), region_name=env.get("AWS_REGION")
    )
    for resource in resources:
        inputs = resource.get("inputs", {})
        try:
            # The other types are set on one of these, and setting them twice is no mistake.
            if resource["type"] == "aws:s3/bucket:Bucket":
                session.client("s3", endpoint_url=env.get("AWS_ENDPOINT_URL")).delete_bucket(Bucket=inputs["bucket"])
            elif resource["type"] == "aws:iam/role:Role":
                session.client("iam", endpoint_url=env.get("AWS_ENDPOINT_URL")).delete_role(RoleName=inputs["name"])
            elif resource["type"] == "aws:secretsmanager/secret:Secret":
                session.client("secretsmanager", endpoint_url=env.get("AWS_ENDPOINT_URL")).delete_secret(
                    SecretId=inputs["name"], ForceDeleteWithoutRecovery=True
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
