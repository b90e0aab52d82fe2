"""What the real prometheus-operator makes of our objects: the configurations that its pods start with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from automation import waiting
from automation.policies import workloads as pod_security
from components.values import addresses, integrations
from components.values.alert_routing import alertmanager_config
from components.values.metrics_access import network_policies
from components.values.prometheus import placement
from components.values.rule_files import rule_files
from lab import cluster
from lab.instance import Instance
from lab.process import Processes
from settings import names
from settings.vocabulary import Integration
from tests.contexts import context
from tests.operating import DEADLINE, apply, operate, secret, workloads
from tests.relabeling import relabel
from tests.rendering import pods
from tests.running import run

STACK = "dev.us-east"
EVERYTHING = context(STACK, integrations=list(Integration))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Api]:
    """Run the operator beside an API server that holds dev.us-east's objects, until it has made its Secrets."""
    instance = Instance.of("dev.operator", tmp_path_factory.mktemp("lab"))
    instance.create()
    processes = Processes(instance)
    try:
        api = cluster.start(instance, processes, tools.ensure(*cluster.NAMES), "operator")
        apply(api, EVERYTHING)
        operate(api, processes)
        wanted = [f"prometheus-{addresses.PROMETHEUS}", f"alertmanager-{addresses.ALERTMANAGER}-generated"]
        assert waiting.until(lambda: all(secret(api, name) for name in wanted), DEADLINE), "no configuration was made"
        assert waiting.until(lambda: len(workloads(api)) == len(wanted), DEADLINE), "no StatefulSet was made"
        yield api
    finally:
        processes.stop()


def prometheus(api: cluster.Api) -> dict[str, Any]:
    text = secret(api, f"prometheus-{addresses.PROMETHEUS}")["prometheus.yaml"]
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
    file.write_bytes(secret(made, f"prometheus-{addresses.PROMETHEUS}")["prometheus.yaml"])
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
    config = job(made, "podMonitor/observability/annotated-pods/0")
    assert config["scrape_interval"] == "15s"
    assert "namespaces" not in config["kubernetes_sd_configs"][0]
    pod = {
        "__meta_kubernetes_namespace": "payments",
        "__meta_kubernetes_pod_name": "ledger-0",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_container_name": "ledger",
        "__meta_kubernetes_pod_container_port_name": "web",
    }
    rules = _without_shards(config["relabel_configs"])
    done = relabel(rules, {**pod, "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true"})
    assert done is not None
    assert {key: value for key, value in done.items() if not key.startswith("__")} == {
        "job": "annotated-pods",
        "pod": "ledger-0",
        "namespace": "payments",
        "tenant": "payments",
        "region": "us-east",
        "cluster": "dev-us-east",
        "environment": "dev",
    }
    assert relabel(rules, pod) is None


def test_no_pod_of_a_tenant_sends_prometheus_on_to_another_address(made: cluster.Api) -> None:
    monitors = [f"podMonitor/{names.NAMESPACE}/{each.name}/" for each in integrations.monitors(EVERYTHING)]
    monitors += [f"serviceMonitor/{names.NAMESPACE}/{each.name}/" for each in integrations.monitors(EVERYTHING)]
    monitors.append(f"podMonitor/{names.NAMESPACE}/annotated-pods/")
    jobs = [each for each in prometheus(made)["scrape_configs"] if each["job_name"].startswith(tuple(monitors))]
    assert len(jobs) > len(integrations.monitors(EVERYTHING))
    assert {each["job_name"]: each.get("follow_redirects") for each in jobs} == dict.fromkeys(
        [each["job_name"] for each in jobs], False
    )


def test_no_monitor_keeps_what_prometheus_says_of_itself_by_federate(made: cluster.Api) -> None:
    """Every job's first rule drops it, before any of its own; the tenant's would hide where it comes from."""
    federated = {"__name__": "revenue", "namespace": "shop", "prometheus_replica": "metrics-0"}
    jobs = {each["job_name"]: each["metric_relabel_configs"] for each in prometheus(made)["scrape_configs"]}
    kept = [name for name, (first, *_) in jobs.items() if relabel([first], federated) is not None]
    assert kept == []
    assert jobs["serviceMonitor/shop/cart/0"][-1]["target_label"] == "prometheus_replica"


def test_an_integrations_pods_are_found_in_every_namespace_with_their_tenant(made: cluster.Api) -> None:
    config = job(made, "podMonitor/observability/rabbitmq/1")
    assert (config["metrics_path"], config["params"]) == ("/metrics/detailed", {"family": integrations.QUEUE_FAMILIES})
    assert "namespaces" not in config["kubernetes_sd_configs"][0]
    found = {
        "__meta_kubernetes_namespace": "payments",
        "__meta_kubernetes_pod_container_port_name": "prometheus",
        "__meta_kubernetes_pod_label_app_kubernetes_io_component": "rabbitmq",
        "__meta_kubernetes_pod_labelpresent_app_kubernetes_io_component": "true",
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": "ledger",
        "__meta_kubernetes_pod_phase": "Running",
    }
    done = relabel(_without_shards(config["relabel_configs"]), found)
    assert done is not None
    assert (done["tenant"], done["namespace"], done["rabbitmq_cluster"]) == ("payments", "payments", "ledger")


def test_alertmanager_runs_our_tree_and_nobody_elses(made: cluster.Api, tmp_path: Path) -> None:
    generated = secret(made, f"alertmanager-{addresses.ALERTMANAGER}-generated")
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


def test_the_operators_pods_are_restricted_bounded_and_pinned(made: cluster.Api) -> None:
    specs = pods(workloads(made))
    assert sorted(specs) == [
        f"StatefulSet/alertmanager-{addresses.ALERTMANAGER}",
        f"StatefulSet/prometheus-{addresses.PROMETHEUS}",
    ]
    assert pod_security.violations(specs) == []
    assert pod_security.unbounded(specs) == []
    assert pod_security.floating(specs) == []


def test_network_policies_and_spread_rules_select_the_operators_pods(made: cluster.Api) -> None:
    found = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in workloads(made)}
    for target, kind in ((addresses.PROMETHEUS, "prometheus"), (addresses.ALERTMANAGER, "alertmanager")):
        labels = found[f"{kind}-{target}"].items()
        spread = placement(kind, target, 2)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
        assert network_policies()[target]["podSelector"]["matchLabels"].items() <= labels
        assert spread.items() <= labels


def test_network_policies_let_every_port_of_the_pods_be_reached(made: cluster.Api) -> None:
    for each in workloads(made):
        name = each["metadata"]["name"].partition("-")[2]
        opened = {port["port"] for port in network_policies()[name]["ingress"][0]["ports"]}
        listening = {
            port["containerPort"]
            for container in each["spec"]["template"]["spec"]["containers"]
            for port in container.get("ports", [])
        }
        assert listening <= opened, name


def test_volumes_outlive_their_pods(made: cluster.Api) -> None:
    for each in workloads(made):
        assert each["spec"]["persistentVolumeClaimRetentionPolicy"] == {
            "whenDeleted": "Retain",
            "whenScaled": "Retain",
        }
