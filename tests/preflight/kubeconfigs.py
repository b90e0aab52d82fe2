"""Kubeconfigs as users have them, and what preflight says of the context in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from preflight import cluster
from tests.lab.conftest import LabCluster
from tests.preflight.conftest import describe


def parts(lab: LabCluster) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cluster and the user of the lab's own kubeconfig."""
    document = yaml.safe_load(lab.kubeconfig.read_text())
    return document["clusters"][0]["cluster"], document["users"][0]["user"]


def write(path: Path, server: dict[str, Any] | None, user: dict[str, Any] | None, name: str = "made") -> Path:
    document: dict[str, Any] = {"contexts": [{"name": name, "context": {"cluster": name, "user": name}}]}
    if server is not None:
        document["clusters"] = [{"name": name, "cluster": server}]
    if user is not None:
        document["users"] = [{"name": name, "user": user}]
    path.write_text(yaml.safe_dump(document))
    return path


def use(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, paths)))


def refusal(context: str = "made") -> str:
    """Return the one problem that a context has."""
    (problem,) = cluster.examine(describe(cluster={"context": context}), (cluster.foreign_claim,))
    return str(problem)
