"""The stack of the CRDs below the real engine, with charts of one CRD each, one of which the API server refuses."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi import automation

from charts.pull import Package, Packages
from components import crds
from components.crds import Crds
from tests.lab.providers.conftest import Engine, Region

CHARTS = {crds.PROMETHEUS_CHART: "Rule", crds.OPENTELEMETRY_CHART: "Collector"}


def packages(folder: Path, version: str, *, served: bool = True) -> Packages:
    """Charts of one CRD each; one without a version that is stored is refused by the API server."""
    return {name: package(folder, name, version, crd(kind, served=served)) for name, kind in CHARTS.items()}


def crd(kind: str, *, served: bool) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    plural = f"{kind.lower()}s"
    stored = served or kind != CHARTS[crds.OPENTELEMETRY_CHART]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.crds.example.org", "labels": {"version": "{{ .Chart.Version }}"}},
        "spec": {
            "group": "crds.example.org",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": stored, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def package(folder: Path, name: str, version: str, made: dict[str, Any]) -> Package:
    members = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
        "values.yaml": "{}\n",
        "templates/crd.yaml": json.dumps(made),
    }
    path = folder / f"{name}-{version}.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for member, text in members.items():
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return Package(name, version, path)


def test_a_refused_crd_leaves_the_versions_that_stood(engine: Engine, region: Region, tmp_path: Path) -> None:
    def program(given: Packages) -> None:
        cluster = kubernetes.Provider("cluster", kubeconfig=str(region.kubeconfig), context="lab")
        made = Crds("crds", given, pulumi.ResourceOptions(providers=[cluster]))
        pulumi.export("versions", made.versions)

    old, new = dict.fromkeys(CHARTS, "1.0.0"), dict.fromkeys(CHARTS, "2.0.0")
    engine.program(lambda: program(packages(tmp_path, "1.0.0")))
    engine.up()
    assert engine.stack.outputs()["versions"].value == old

    engine.program(lambda: program(packages(tmp_path, "2.0.0", served=False)))
    with pytest.raises(automation.CommandError, match=r"collectors\.crds\.example\.org"):
        engine.up()
    assert engine.stack.outputs()["versions"].value == old

    engine.program(lambda: program(packages(tmp_path, "2.0.0")))
    assert {step.op.value for step in engine.preview()} == {"update"}
    engine.up()
    assert engine.stack.outputs()["versions"].value == new
    assert engine.preview() == []
