"""What the real prometheus-operator makes of our objects: the configurations that its pods start with."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import tools
from charts.pull import resolve
from components.alert_routing import secret_data
from components.metrics import CHART
from components.values import addresses, metrics, scraping
from components.values.alert_routing import alertmanager_config
from components.values.rule_files import rule_files
from lab import cluster, waiting
from lab.instance import Instance
from lab.problem import LabError
from lab.process import Command, Processes
from settings import names
from tests.contexts import context
from tests.relabeling import relabel
from tests.rendering import render
from tests.running import run

GROUP = "/apis/monitoring.coreos.com"
PLURALS = {
    "Prometheus": "prometheuses",
    "Alertmanager": "alertmanagers",
    "PrometheusRule": "prometheusrules",
    "ServiceMonitor": "servicemonitors",
    "ScrapeConfig": "scrapeconfigs",
    "AlertmanagerConfig": "alertmanagerconfigs",
}
DEADLINE = 60.0
STACK = "dev.us-east"
TENANT_MONITOR = {
    "selector": {"matchLabels": {"app": "cart"}},
    "podTargetLabels": ["tenant", "namespace"],
    "endpoints": [{"port": "web", "relabelings": [{"targetLabel": "team", "replacement": "cart"}]}],
}
INTRUDER = {
    "route": {"receiver": "mine"},
    "receivers": [{"name": "mine", "webhookConfigs": [{"url": "http://elsewhere"}]}],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Api]:
    """Run the operator beside an API server that holds dev.us-east's objects, until it has made its Secrets."""
    instance = Instance.of("dev.operator", tmp_path_factory.mktemp("lab"))
    instance.create()
    processes = Processes(instance)
    try:
        api = cluster.start(instance, processes, tools.ensure(*cluster.NAMES), "operator")
        _apply(api)
        _operate(api, processes)
        wanted = [f"prometheus-{addresses.PROMETHEUS}", f"alertmanager-{addresses.ALERTMANAGER}-generated"]
        assert waiting.until(lambda: all(_secret(api, name) for name in wanted), DEADLINE), "no configuration was made"
        yield api
    finally:
        processes.stop()


def _apply(api: cluster.Api) -> None:
    given = context(STACK)
    for each in render("crds", resolve({})["prometheus-operator-crds"], {}, "default"):
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{each['metadata']['name']}", each)
    for namespace in (names.NAMESPACE, names.NODE_NAMESPACE, "shop"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.apply(f"/api/v1/namespaces/{namespace}", body)
    data = secret_data(alertmanager_config(given))
    _put_secret(api, addresses.ALERTMANAGER_CONFIG_SECRET, data)
    _put_secret(api, addresses.RECEIVERS_SECRET, {"slack-webhook-url": "x"})
    rendered = render(addresses.METRICS_RELEASE, resolve({})[CHART], metrics.helm_values(given), names.NAMESPACE)
    for each in rendered:
        if each["kind"] == "Secret":
            path = f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{each['metadata']['name']}"
            api.apply(path, each)
    objects = [each for each in rendered if each["kind"] in {"Prometheus", "Alertmanager", "ServiceMonitor"}]
    objects += [_resource("PrometheusRule", f"platform-{area}", spec) for area, spec in rule_files(given).items()]
    objects.append(_resource("ScrapeConfig", scraping.ANNOTATED_PODS, scraping.annotated_pods(), version="v1alpha1"))
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


def _put_secret(api: cluster.Api, name: str, data: Mapping[str, str]) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)}
    api.apply(f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{name}", body)


def _secret(api: cluster.Api, name: str) -> dict[str, bytes]:
    try:
        data = api.get(f"/api/v1/namespaces/{names.NAMESPACE}/secrets/{name}").get("data", {})
    except LabError:
        return {}
    found = {key: base64.b64decode(value) for key, value in data.items()}
    return {
        key.removesuffix(".gz"): gzip.decompress(value) if key.endswith(".gz") else value
        for key, value in found.items()
    }


def _operate(api: cluster.Api, processes: Processes) -> None:
    certificate, key = api.pki.admin

    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure("prometheus-operator")["prometheus-operator"]),
            f"-apiserver={api.url}",
            f"-ca-file={api.pki.authority}",
            f"-cert-file={certificate}",
            f"-key-file={key}",
            f"-web.listen-address=127.0.0.1:{ports['web']}",
            "-kubelet-service=kube-system/kubelet",
        ]

    def ready(ports: Mapping[str, int]) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{ports['web']}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    processes.start(Command("prometheus-operator", argv, ready, ("web",)))


def prometheus(api: cluster.Api) -> dict[str, Any]:
    text = _secret(api, f"prometheus-{addresses.PROMETHEUS}")["prometheus.yaml"]
    config: dict[str, Any] = yaml.safe_load(text)
    return config


def job(api: cluster.Api, name: str) -> dict[str, Any]:
    jobs: dict[str, dict[str, Any]] = {each["job_name"]: each for each in prometheus(api)["scrape_configs"]}
    assert name in jobs, sorted(jobs)
    return jobs[name]


def _without_shards(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules without those that share targets out over shards, of which there is one."""
    return [each for each in rules if not any("__tmp_" in label for label in each.get("source_labels", []))]


def test_prometheus_accepts_its_configuration(made: cluster.Api, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yaml"
    file.write_bytes(_secret(made, f"prometheus-{addresses.PROMETHEUS}")["prometheus.yaml"])
    # Rules and credentials are mounted in the pod, so promtool is not to look for them where it runs.
    done = run(tools.ensure("promtool")["promtool"], "check", "config", "--syntax-only", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_global_is_ours(made: cluster.Api) -> None:
    config = prometheus(made)
    assert config["global"]["external_labels"] == {
        "region": "us-east",
        "cluster": "dev-us-east",
        "environment": "dev",
        "prometheus_replica": "$(POD_NAME)",
    }
    assert (config["global"]["scrape_interval"], config["global"]["scrape_timeout"]) == ("30s", "10s")
    assert "tenant" in config["otlp"]["promote_resource_attributes"]
    assert config["storage"]["tsdb"]["out_of_order_time_window"] == "2h"
    assert config["storage"]["exemplars"]["max_exemplars"] == 100_000


def test_alerts_lose_the_replica_and_get_our_severities(made: cluster.Api) -> None:
    drop, *severities = prometheus(made)["alerting"]["alert_relabel_configs"]
    assert (drop["action"], drop["regex"]) == ("labeldrop", "prometheus_replica")
    mapped = [relabel(severities, {"severity": each}) for each in ("critical", "warning", "none", "page")]
    assert [each and each["severity"] for each in mapped] == ["page", "warn", "info", "page"]


def test_a_tenants_monitor_is_picked_up_and_its_targets_are_its_own(made: cluster.Api) -> None:
    """The operator puts the scrape class after labels that are copied from pods, and before the monitor's own."""
    config = job(made, "serviceMonitor/shop/cart/0")
    forged = {
        "__meta_kubernetes_namespace": "shop",
        "__meta_kubernetes_service_label_app": "cart",
        "__meta_kubernetes_service_labelpresent_app": "true",
        "__meta_kubernetes_endpoint_port_name": "web",
        "__meta_kubernetes_endpointslice_port_name": "web",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_label_tenant": "payments",
        "__meta_kubernetes_pod_label_namespace": "payments",
    }
    done = relabel(_without_shards(config["relabel_configs"]), forged)
    assert done is not None
    assert (done["tenant"], done["namespace"], done["region"], done["team"]) == ("shop", "shop", "us-east", "cart")


def test_samples_are_given_their_tenant_whatever_they_claim(made: cluster.Api) -> None:
    config = job(made, "serviceMonitor/shop/cart/0")
    assert relabel(config["metric_relabel_configs"], {"namespace": "shop", "tenant": "payments"}) == {
        "namespace": "shop",
        "tenant": "shop",
    }
    assert "honor_labels" not in config or config["honor_labels"] is False


def test_kube_state_metrics_speaks_of_tenants_namespaces(made: cluster.Api) -> None:
    config = job(made, "serviceMonitor/observability/kube-state-metrics/0")
    assert config["honor_labels"] is True
    done = relabel(config["metric_relabel_configs"], {"namespace": "payments", "tenant": "platform"})
    assert done == {"namespace": "payments", "tenant": "payments"}


def test_annotated_pods_are_a_job_with_its_own_interval_and_the_platforms_labels(made: cluster.Api) -> None:
    config = job(made, "scrapeConfig/observability/annotated-pods")
    assert config["scrape_interval"] == "15s"
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io_scrape"
    done = relabel(config["relabel_configs"], {"__meta_kubernetes_namespace": "payments", annotation: "true"})
    assert done is not None
    assert (done["tenant"], done["namespace"], done["job"]) == ("payments", "payments", "annotated-pods")
    assert relabel(config["relabel_configs"], {"__meta_kubernetes_namespace": "payments"}) is None


def test_alertmanager_runs_our_tree_and_nobody_elses(made: cluster.Api, tmp_path: Path) -> None:
    generated = _secret(made, f"alertmanager-{addresses.ALERTMANAGER}-generated")
    config = yaml.safe_load(generated["alertmanager.yaml"])
    expected = alertmanager_config(context(STACK))
    assert [each["name"] for each in config["receivers"]] == [each["name"] for each in expected["receivers"]]
    assert "elsewhere" not in generated["alertmanager.yaml"].decode()
    assert "platform.tmpl" in generated
    for key, value in generated.items():
        (tmp_path / key).write_bytes(value.replace(b"/etc/alertmanager/config", str(tmp_path).encode()))
    done = run(tools.ensure("amtool")["amtool"], "check-config", str(tmp_path / "alertmanager.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_become_files_that_prometheus_reads(made: cluster.Api) -> None:
    maps = made.get(f"/api/v1/namespaces/{names.NAMESPACE}/configmaps")["items"]
    files = {key: text for each in maps for key, text in each.get("data", {}).items() if key.endswith(".yaml")}
    for area in rule_files(context(STACK)):
        (text,) = [text for key, text in files.items() if f"platform-{area}" in key]
        groups = {group["name"] for group in yaml.safe_load(text)["groups"]}
        assert groups == {group["name"] for group in rule_files(context(STACK))[area]["groups"]}
