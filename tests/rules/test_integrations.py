"""What an integration's monitors find, and whose it is: relabelings evaluated as Prometheus does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.integrations import Integrations
from components.values import integrations, scraping
from components.values.collection import cluster
from components.values.context import Context
from components.values.rule_files import INTEGRATIONS, everywhere, rule_files
from settings.vocabulary import Integration
from tests.contexts import collecting, context
from tests.recording import record
from tests.relabeling import relabel

META = "__meta_kubernetes_"
EVERY = context(integrations=list(Integration))
"""A region that has every integration, with the tenants of the shipped settings."""
TENANTS = "payments-ledger"
PODS: dict[str, tuple[str, dict[str, str]]] = {
    "an instance of a CloudNativePG cluster": (
        "cloudnative-pg",
        {
            "port": "metrics",
            "label_cnpg_io_cluster": "ledger",
            "label_cnpg_io_instanceRole": "primary",
            "expected_postgres_cluster": "ledger",
            "expected_role": "primary",
        },
    ),
    "a postgres_exporter of its chart": (
        "postgres-exporter",
        {
            "port": "http",
            "label_app_kubernetes_io_name": "prometheus-postgres-exporter",
            "label_app_kubernetes_io_instance": "orders-db",
            "expected_postgres_cluster": "orders-db",
        },
    ),
    "a postgres_exporter of the chart as it was": (
        "postgres-exporter",
        {
            "port": "http",
            "label_app": "prometheus-postgres-exporter",
            "label_release": "orders-db",
            "expected_postgres_cluster": "orders-db",
        },
    ),
    "a RabbitMQ node": (
        "rabbitmq",
        {
            "port": "prometheus",
            "label_app_kubernetes_io_component": "rabbitmq",
            "label_app_kubernetes_io_name": "broker",
            "expected_rabbitmq_cluster": "broker",
        },
    ),
    "a sidecar": ("istio-proxies", {"port": "http-envoy-prom", "container_name": "istio-proxy"}),
    "DCGM's exporter of the GPU operator": (
        "gpu-dcgm",
        {
            "namespace": "gpu-operator",
            "port": "metrics",
            "label_app": "nvidia-dcgm-exporter",
            "node_name": "gpu-1",
            "expected_node": "gpu-1",
        },
    ),
    "DCGM's exporter of its own chart": (
        "gpu-dcgm",
        {
            "namespace": "gpu-operator",
            "port": "metrics",
            "label_app_kubernetes_io_name": "dcgm-exporter",
            "node_name": "gpu-1",
            "expected_node": "gpu-1",
        },
    ),
    "nvidia-smi's exporter": (
        "gpu-nvidia-smi",
        {
            "port": "http",
            "label_app_kubernetes_io_name": "nvidia-gpu-exporter",
            "node_name": "gpu-1",
            "expected_node": "gpu-1",
        },
    ),
}
"""A pod by what it is: the monitor that must find it; its port, its labels and what its targets must be called."""


def found(monitor: integrations.Monitor, described: dict[str, str], given: Context) -> list[dict[str, str]]:
    """Return the labels of the targets that a monitor makes of a pod, in `payments-ledger` if it does not say where."""
    labels = {f"{META}namespace": described.get("namespace", TENANTS)}
    port = described.get("port", "")
    labels[f"{META}pod_container_port_name"] = port
    for key, value in described.items():
        if key not in {"port", "namespace"} and not key.startswith("expected_"):
            labels[f"{META}pod_{key}"] = value
    if not _selected(monitor.spec["selector"], labels):
        return []
    targets = []
    for endpoint in monitor.spec["podMetricsEndpoints"]:
        if endpoint.get("port", port) != port:
            continue
        rules = [*scraping.scrape_class(given)["relabelings"], *endpoint.get("relabelings", [])]
        done = relabel(rules, labels)
        targets += [done] if done is not None else []
    return targets


def _selected(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    def label(key: str) -> str | None:
        return labels.get(f"{META}pod_label_" + re.sub("[^a-zA-Z0-9]", "_", key))

    for key, value in selector.get("matchLabels", {}).items():
        if label(key) != value:
            return False
    present = {"Exists": True, "DoesNotExist": False}
    return all(
        (label(each["key"]) is not None) is present[each["operator"]] for each in selector.get("matchExpressions", [])
    )


def pod_monitors(given: Context = EVERY) -> list[integrations.Monitor]:
    return [each for each in integrations.monitors(given) if each.kind == integrations.POD_MONITOR]


@pytest.mark.parametrize("what", sorted(PODS))
def test_an_exporter_is_found_once_with_its_tenant_and_its_name(what: str) -> None:
    wanted, described = PODS[what]
    targets = {each.name: found(each, described, EVERY) for each in pod_monitors()}
    assert [name for name, seen in targets.items() if seen] == [wanted]
    for target in targets[wanted]:
        namespace = described.get("namespace", TENANTS)
        tenant = "payments" if namespace == TENANTS else "platform"
        assert (target["tenant"], target["namespace"]) == (tenant, namespace)
        for key, value in described.items():
            if key.startswith("expected_"):
                assert target[key.removeprefix("expected_")] == value


def test_a_tenants_pod_is_not_taken_for_an_exporter_that_speaks_of_every_namespace() -> None:
    """Its samples' own namespace would be honoured, and with it another's tenant."""
    speaking = {
        each.name: endpoint
        for each in integrations.monitors(EVERY)
        for endpoint in each.spec.get("podMetricsEndpoints", []) + each.spec.get("endpoints", [])
        if endpoint.get("honorLabels")
    }
    assert speaking.keys() == {"gpu-dcgm", "opencost"}
    for endpoint in speaking.values():
        first = endpoint["relabelings"][:1]
        for tenant in EVERY.tenants.values():
            for namespace in tenant.namespaces:
                assert relabel(first, {f"{META}namespace": namespace}) is None
        assert relabel(first, {f"{META}namespace": "payments-ledger-2"}) is not None
    for what in PODS:
        wanted, described = PODS[what]
        if wanted == "gpu-dcgm":
            assert [
                each.name for each in pod_monitors() if found(each, {**described, "namespace": TENANTS}, EVERY)
            ] == []


def test_without_tenants_every_such_exporter_is_found() -> None:
    nobody = {name: each.model_copy(update={"regions": ["eu-west"]}) for name, each in EVERY.platform.tenants.items()}
    given = context(integrations=list(Integration), platform={"tenants": nobody})
    _, described = PODS["DCGM's exporter of its own chart"]
    assert given.tenants == {}
    assert [each.name for each in pod_monitors(given) if found(each, described, given)] == ["gpu-dcgm"]
    rules = [rule for each in integrations.monitors(given) for rule in each.spec.get("endpoints", [{}])[0].values()]
    assert "" not in [one.get("regex") for rule in rules if isinstance(rule, list) for one in rule]


@pytest.mark.parametrize("what", sorted(PODS))
def test_a_pod_that_says_no_or_is_scraped_already_is_left_alone(what: str) -> None:
    wanted, described = PODS[what]
    (monitor,) = (each for each in pod_monitors() if each.name == wanted)
    for answer in ("false", "true"):
        annotated = {**described, "annotation_prometheus_io_scrape": answer}
        assert found(monitor, annotated, EVERY) == [], answer


def test_annotated_pods_are_found_where_nothing_else_scrapes_them() -> None:
    given = context(integrations=list(Integration), platform=collecting(scrape_annotated_pods=False))
    wanted, described = PODS["a sidecar"]
    (monitor,) = (each for each in pod_monitors(given) if each.name == wanted)
    assert len(found(monitor, {**described, "annotation_prometheus_io_scrape": "true"}, given)) == 1
    assert found(monitor, {**described, "annotation_prometheus_io_scrape": "false"}, given) == []


@pytest.mark.parametrize(
    "described",
    [
        {"port": "http", "label_app_kubernetes_io_name": "cart"},
        {"port": "metrics", "label_app": "cart"},
        {"port": "grpc", "label_app_kubernetes_io_name": "prometheus-postgres-exporter"},
        {"port": "http-envoy-prom", "container_name": "cart"},
    ],
)
def test_other_pods_are_nobodys(described: dict[str, str]) -> None:
    assert [each.name for each in pod_monitors() if found(each, described, EVERY)] == []


def test_a_region_scrapes_what_it_has_and_nothing_else() -> None:
    assert integrations.monitors(context(integrations=[])) == []
    assert [each.name for each in integrations.monitors(context(integrations=[Integration.GPU]))] == [
        "gpu-dcgm",
        "gpu-nvidia-smi",
    ]
    assert set(integrations.MAKERS) == set(Integration) - {Integration.KAFKA_JMX}


@pytest.mark.parametrize("area", sorted(INTEGRATIONS))
def test_rules_ship_where_one_of_their_exporters_is_scraped_and_nowhere_else(area: str) -> None:
    assert area in everywhere(EVERY)
    assert area not in rule_files(
        context(integrations=[each for each in Integration if each not in INTEGRATIONS[area]])
    )
    for each in INTEGRATIONS[area]:
        assert area in rule_files(context(integrations=[each]))


def test_a_gpu_belongs_to_the_tenant_whose_pod_holds_it_and_else_to_the_platform() -> None:
    (monitor,) = (each for each in pod_monitors() if each.name == "gpu-dcgm")
    assert monitor.spec["podMetricsEndpoints"][0]["honorLabels"] is True
    rules = scraping.scrape_class(EVERY)["metricRelabelings"]
    held = relabel(rules, {"namespace": "storefront", "pod": "ranker-0", "tenant": "platform"})
    idle = relabel(rules, {"namespace": "gpu-operator", "tenant": "platform"})
    assert held is not None
    assert held["tenant"] == "storefront"
    assert idle is not None
    assert idle["tenant"] == "platform"


@pytest.mark.parametrize(
    ("metric", "kept"),
    [
        ("istio_requests_total", True),
        ("istio_request_duration_milliseconds_bucket", True),
        ("envoy_cluster_upstream_rq_pending_overflow", True),
        ("envoy_cluster_upstream_rq_time_bucket", False),
        ("envoy_listener_http_downstream_rq", False),
    ],
)
def test_a_sidecar_gives_what_is_used_and_no_more(metric: str, kept: bool) -> None:
    (monitor,) = (each for each in pod_monitors() if each.name == "istio-proxies")
    rules = monitor.spec["podMetricsEndpoints"][0]["metricRelabelings"]
    assert (relabel(rules, {"__name__": metric}) is not None) is kept


@pytest.mark.parametrize(
    ("metric", "kept"),
    [("node_total_hourly_cost", True), ("container_memory_allocation_bytes", True), ("kube_pod_labels", False)],
)
def test_opencost_does_not_repeat_kube_state_metrics(metric: str, kept: bool) -> None:
    (monitor,) = (each for each in integrations.monitors(EVERY) if each.name == "opencost")
    rules = monitor.spec["endpoints"][0]["metricRelabelings"]
    assert (relabel(rules, {"__name__": metric}) is not None) is kept


@pytest.mark.parametrize(
    ("described", "kept"),
    [
        ({"container_port_name": "tcp-prometheus", "label_strimzi_io_cluster": "events"}, True),
        ({"container_port_name": "kafka-jmx"}, True),
        ({"container_port_name": "exporter-port", "label_app": "prometheus-kafka-exporter"}, True),
        ({"container_port_name": "exporter-port", "label_app": "redis-exporter"}, False),
        ({"container_port_name": "http"}, False),
    ],
)
def test_kafkas_brokers_and_its_lag_exporter_are_scraped_by_the_cluster_collector(
    described: dict[str, str], kept: bool
) -> None:
    config = cluster.config(EVERY)["receivers"]["prometheus/kafka"]["config"]["scrape_configs"][0]
    labels = {f"{META}pod_{key}": value for key, value in described.items()}
    done = relabel(config["relabel_configs"], {**labels, f"{META}pod_phase": "Running", f"{META}namespace": "kafka"})
    assert (done is not None) is kept
    if done is not None:
        assert done["namespace"] == "kafka"
        assert done.get("kafka_cluster") == described.get("label_strimzi_io_cluster")


def test_each_monitor_is_an_object_of_the_platforms_namespace() -> None:
    made = record(lambda: Integrations("integrations", EVERY))
    objects = [each for each in made.values() if each.type.startswith("kubernetes:")]
    assert sorted(each.inputs["metadata"]["name"] for each in objects) == [
        each.name for each in integrations.monitors(EVERY)
    ]
    for each in objects:
        assert each.inputs["metadata"]["namespace"] == "observability"
        assert each.parent.endswith("::integrations")
