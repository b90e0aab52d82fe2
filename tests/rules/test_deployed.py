"""What rules and runbooks say of programs is true of those that are deployed: their versions and their names."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml

from charts.pull import resolve
from components.values import addresses
from components.values.alerting.stores import stores
from components.values.collection import pieces, workload
from components.values.releases import all_of
from lab import prerequisites
from rules import files
from settings import names
from tests.contexts import context
from tests.rendering import render

STACKS = ("prod.us-east", "dev.us-east")
IMAGES = {
    "kube-state-metrics": "kube-state-metrics",
    "kube-state-metrics-workloads": "kube-state-metrics",
    "loki": "loki",
    "node-exporter": "node-exporter",
    "prometheus": "prometheus",
    "tempo": "tempo",
}
"""Image of each exporter that a chart of ours brings, by its file."""
COLLECTORS = ("auto-explain", "otelcol", "otelcol-spans")
FOREIGN = {
    "barman-cloud": "of the teams that run PostgreSQL",
    "cadvisor": "of the kubelet",
    "client-go": "a library of services",
    "cloudnative-pg": "of the teams that run PostgreSQL",
    "dcgm-exporter": "of who runs the GPU nodes",
    "grpc-middleware": "a library of services",
    "grpc-opentelemetry": "a library of services",
    "kafka-exporter": "of the teams that run Kafka",
    "kafka-jmx": "of the teams that run Kafka",
    "kubelet": "of the cluster",
    "nvidia-gpu-exporter": "of who runs the GPU nodes",
    "opentelemetry-rpc": "a library of services",
    "postgres-exporter": "of the teams that run PostgreSQL",
    "rabbitmq": "of the teams that run RabbitMQ",
    "services": "of services",
}
"""Exporters that regions scrape and this platform does not deploy."""


def said(exporter: str) -> str:
    """Return the version that an exporter's file was read at."""
    document = yaml.safe_load((files.RULES / "exporters" / f"{exporter}.yaml").read_text(encoding="utf-8"))
    return str(document["version"])


@cache
def objects(stack: str) -> list[dict[str, Any]]:
    """Return every object of a region's charts."""
    return [
        each
        for release in all_of(context(stack))
        for each in render(release.name, resolve({})[release.chart], release.values, release.namespace)
    ]


def deployed(image: str, stack: str) -> set[str]:
    """Return the versions, major and minor, at which a region deploys an image."""
    return {minor(found) for found in re.findall(rf"/{image}:v?(\d+\.\d+\.\d+)", str(objects(stack)))}


def minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def test_each_exporter_is_deployed_by_the_platform_or_somebody_elses() -> None:
    listed = {path.stem for path in (files.RULES / "exporters").glob("*.yaml")}
    assert listed == {*IMAGES, *COLLECTORS, *FOREIGN, "cert-manager"}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("exporter", sorted(IMAGES))
def test_an_exporters_metrics_were_read_at_the_version_that_its_chart_brings(exporter: str, stack: str) -> None:
    assert deployed(IMAGES[exporter], stack) == {minor(said(exporter))}


@pytest.mark.parametrize("exporter", COLLECTORS)
def test_the_collectors_metrics_were_read_at_the_version_that_is_deployed(exporter: str) -> None:
    assert minor(said(exporter)) == minor(pieces.VERSION)


def test_cert_managers_metrics_were_read_at_the_version_of_the_lab() -> None:
    versions = {each.version for each in prerequisites.BUNDLES if each.name == "cert-manager"}
    assert versions == {said("cert-manager")}


@pytest.mark.parametrize("stack", STACKS)
def test_services_are_called_as_their_pods_say(stack: str) -> None:
    """Ask each pod's label app.kubernetes.io/instance: its service.name, where operators write the resource's name."""
    called = set()
    for each in objects(stack):
        if each["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
            called.add(each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"])
        elif each["kind"] in {"Prometheus", "Alertmanager"}:
            called.add(each["metadata"]["name"])
    for name, namespace in (
        (addresses.GATEWAY, names.NAMESPACE),
        (addresses.CLUSTER, names.NAMESPACE),
        (addresses.AGENT, names.NODE_NAMESPACE),
    ):
        called.add(workload.pods(name, namespace)["matchLabels"]["app.kubernetes.io/instance"])
    assert stores().services == called | {"kubernetes-events", "cert-manager"}
