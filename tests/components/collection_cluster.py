"""How the tests of collectors speak to the lab's API server."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import yaml

import tools
from tests.lab.conftest import LabCluster

SECONDS = 60
"""For one command of kubectl."""


def kubectl(server: LabCluster, *arguments: str, given: object = None) -> str:
    done = subprocess.run(
        [str(tools.ensure("kubectl")["kubectl"]), "--kubeconfig", str(server.kubeconfig), *arguments],
        input=None if given is None else yaml.safe_dump_all(given if isinstance(given, list) else [given]),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def apply(server: LabCluster, *manifests: dict[str, Any]) -> None:
    """Apply on the server side, strictly: an unknown field is a refusal, not a warning."""
    kubectl(
        server, "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", given=list(manifests)
    )


def read(server: LabCluster, namespace: str, kind: str, name: str) -> Any:
    text = kubectl(server, "get", kind, name, "--namespace", namespace, "--ignore-not-found", "-o", "json")
    return json.loads(text) if text else None


def thing(api: str, kind: str, name: str, namespace: str | None = None, **content: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}
