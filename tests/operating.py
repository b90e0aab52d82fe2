"""Give the real prometheus-operator a region's objects, and read back what it makes of them."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import requests

from automation import waiting
from charts.pull import resolve
from components.alert_routing import secret_data
from components.values import addresses, integrations, metrics, scraping
from components.values.context import Context
from components.values.rule_files import rule_files
from lab import cluster
from lab.problem import LabError
from lab.process import Processes
from lab.telemetry.operators import prometheus_operator
from settings import names
from tests.rendering import render

GROUP = "/apis/monitoring.coreos.com"
PLURALS = {
    "Prometheus": "prometheuses",
    "Alertmanager": "alertmanagers",
    "PrometheusRule": "prometheusrules",
    "ServiceMonitor": "servicemonitors",
    "PodMonitor": "podmonitors",
    "AlertmanagerConfig": "alertmanagerconfigs",
}
DEADLINE = 60.0
TENANT_MONITOR = {
    "selector": {"matchLabels": {"app": "cart"}},
    "podTargetLabels": ["tenant", "namespace"],
    "endpoints": [
        {
            "port": "web",
            "relabelings": [{"targetLabel": "team", "replacement": "cart"}],
            "metricRelabelings": [{"targetLabel": "prometheus_replica", "replacement": ""}],
        }
    ],
}
INTRUDER = {
    "route": {"receiver": "mine"},
    "receivers": [{"name": "mine", "webhookConfigs": [{"url": "http://elsewhere"}]}],
}


def apply(api: cluster.Api, given: Context) -> None:
    """Apply CRDs, namespaces, a region's metrics objects, and what a tenant adds in its own namespace.

    Raises:
        AssertionError: the CRDs are not served in time.
        LabError: the API server refuses an object.
    """
    for each in render("crds", resolve({})["prometheus-operator-crds"], {}, "default"):
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{each['metadata']['name']}", each)
    for namespace in (names.NAMESPACE, names.NODE_NAMESPACE, "shop"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.apply(f"/api/v1/namespaces/{namespace}", body)
    data = secret_data(given)
    _putsecret(api, addresses.ALERTMANAGER_CONFIG_SECRET, data)
    _putsecret(api, addresses.RECEIVERS_SECRET, {"slack-webhook-url": "x"})
    rendered = render(
        addresses.METRICS_RELEASE, resolve({})[metrics.CHART], metrics.helm_values(given), names.NAMESPACE
    )
    for each in rendered:
        if each["kind"] == "Secret":
            path = f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{each['metadata']['name']}"
            api.apply(path, each)
    objects = [each for each in rendered if each["kind"] in {"Prometheus", "Alertmanager", "ServiceMonitor"}]
    objects += [_resource("PrometheusRule", f"platform-{area}", spec) for area, spec in rule_files(given).items()]
    objects.append(_resource("PodMonitor", scraping.ANNOTATED_PODS, scraping.annotated_pods()))
    objects += [_resource(each.kind, each.name, each.spec) for each in integrations.monitors(given)]
    objects.append(_resource("ServiceMonitor", "cart", TENANT_MONITOR, namespace="shop"))
    objects.append(_resource("AlertmanagerConfig", "mine", INTRUDER, namespace="shop", version="v1alpha1"))
    assert waiting.until(lambda: _all_served(api, objects), DEADLINE), "the CRDs are not served"
    for each in objects:
        api.apply(_path(each), each)


def _resource(
    kind: str, name: str, spec: Mapping[str, Any], namespace: str = names.NAMESPACE, version: str = "v1"
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"monitoring.coreos.com/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def _path(each: Mapping[str, Any]) -> str:
    version, metadata = each["apiVersion"].partition("/")[2], each["metadata"]
    return f"{GROUP}/{version}/namespaces/{metadata['namespace']}/{PLURALS[each['kind']]}/{metadata['name']}"


def _all_served(api: cluster.Api, objects: list[dict[str, Any]]) -> bool:
    try:
        for kind, version in {(each["kind"], each["apiVersion"].partition("/")[2]) for each in objects}:
            api.get(f"{GROUP}/{version}/{PLURALS[kind]}")
    except (LabError, requests.JSONDecodeError):
        return False
    return True


def _putsecret(api: cluster.Api, name: str, data: Mapping[str, str]) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)}
    api.apply(f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{name}", body)


def secret(api: cluster.Api, name: str) -> dict[str, bytes]:
    """Return a Secret's keys, uncompressed; nothing when there is no such Secret."""
    try:
        data = api.get(f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{name}").get("data", {})
    except LabError:
        return {}
    found = {key: base64.b64decode(value) for key, value in data.items()}
    return {
        key.removesuffix(".gz"): gzip.decompress(value) if key.endswith(".gz") else value
        for key, value in found.items()
    }


def workloads(api: cluster.Api) -> list[dict[str, Any]]:
    """Return the StatefulSets that the operator made; a list leaves out each item's kind."""
    items = api.get(f"/apis/apps/v1/namespaces/{names.NAMESPACE}/statefulsets")["items"]
    return [{"kind": "StatefulSet", **each} for each in items]


def operate(api: cluster.Api, processes: Processes) -> None:
    """Start the operator, as the API server's administrator."""
    processes.start(prometheus_operator(api))
