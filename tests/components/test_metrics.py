"""What kube-prometheus-stack renders from our values: Prometheus, Alertmanager, Grafana, exporters, operator."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from automation.policies import workloads as pod_security
from charts.pull import resolve
from components.values import addresses, metrics, prometheus
from components.values.context import Context
from rules.files import RUNBOOKS
from settings import names
from settings.region import RemoteWrite
from settings.vocabulary import Size, Workload
from tests.contexts import SIZED, context
from tests.rendering import one, pods, render, template
from tests.running import run

PACKAGES = resolve({})
OLDER = resolve({"kube-prometheus-stack": "87.21.0"})
STACKS = ["dev.us-east", "prod.us-east"]
ANY = {"matchLabels", "matchExpressions"}


def objects(given: Context) -> list[dict[str, Any]]:
    return render(addresses.METRICS_RELEASE, PACKAGES[metrics.CHART], metrics.helm_values(given), names.NAMESPACE)


def prometheus_spec(given: Context) -> dict[str, Any]:
    spec: dict[str, Any] = one(objects(given), "Prometheus", addresses.PROMETHEUS)["spec"]
    return spec


def alertmanager_spec(given: Context) -> dict[str, Any]:
    spec: dict[str, Any] = one(objects(given), "Alertmanager", addresses.ALERTMANAGER)["spec"]
    return spec


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_every_pod_is_restricted_bounded_and_pinned(stack: str, size: Size) -> None:
    rendered = objects(context(stack, size=size))
    specs = pods([each for each in rendered if each["metadata"].get("namespace") == names.NAMESPACE])
    assert sorted(specs) == ["Deployment/grafana", "Deployment/kube-state-metrics", "Deployment/metrics-operator"]
    assert pod_security.violations(specs) == []
    assert pod_security.unbounded(pods(rendered)) == []
    assert pod_security.floating(pods(rendered)) == []


def test_only_the_node_exporter_is_where_the_node_can_be_seen() -> None:
    privileged = [each for each in objects(context()) if each["metadata"].get("namespace") == names.NODE_NAMESPACE]
    assert {each["metadata"]["name"] for each in privileged} == {"node-exporter"}


@pytest.mark.parametrize("stack", STACKS)
def test_every_monitor_and_rule_of_every_namespace_is_picked_up(stack: str) -> None:
    spec = prometheus_spec(context(stack))
    for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule"):
        assert spec[f"{kind}Selector"] == {}, kind
        assert spec[f"{kind}NamespaceSelector"] == {}, kind


@pytest.mark.parametrize("stack", STACKS)
def test_a_monitor_is_scraped_every_thirty_seconds_within_ten_and_gets_its_tenant(stack: str) -> None:
    spec = prometheus_spec(context(stack))
    assert (spec["scrapeInterval"], spec["scrapeTimeout"]) == ("30s", "10s")
    (only,) = spec["scrapeClasses"]
    assert only["default"] is True
    federated, *rules = only["metricRelabelings"]
    assert federated == {"action": "drop", "sourceLabels": [spec["replicaExternalLabelName"]], "regex": ".+"}
    assert {rule["targetLabel"] for rule in rules} == {"tenant"}
    assert "overrideHonorLabels" not in spec


def test_external_labels_name_region_cluster_and_environment() -> None:
    spec = prometheus_spec(context())
    assert spec["externalLabels"] == {"region": "us-east", "cluster": "prod-us-east", "environment": "prod"}
    assert (spec["replicaExternalLabelName"], spec["prometheusExternalLabelName"]) == ("prometheus_replica", "")


@pytest.mark.parametrize("stack", STACKS)
def test_pushed_metrics_keep_their_owner_their_exemplars_and_come_late(stack: str) -> None:
    spec = prometheus_spec(context(stack))
    promoted = set(spec["otlp"]["promoteResourceAttributes"])
    assert {"tenant", "region", "cluster", "environment", "service.name", "k8s.namespace.name"} <= promoted
    assert spec["enableOTLPReceiver"] is True
    assert spec["enableRemoteWriteReceiver"] is True
    assert spec["tsdb"] == {"outOfOrderTimeWindow": "2h"}
    assert (spec["enableFeatures"], spec["exemplars"]) == (
        ["exemplar-storage"],
        {"maxSize": 100_000},
    )
    assert (spec["scrapeNativeHistograms"], spec["scrapeClassicHistograms"]) == (True, True)


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_retention_volume_memory_and_replicas_are_the_settings(stack: str, size: Size) -> None:
    given = context(stack, size=size)
    need, spec = given.sizing[Workload.PROMETHEUS], prometheus_spec(given)
    claim = spec["storage"]["volumeClaimTemplate"]["spec"]
    assert need.volume is not None
    assert spec["retention"] == ("3d" if stack.startswith("dev") else "15d")
    assert int(spec["retentionSize"].removesuffix("MiB")) < need.volume.mebibytes
    assert claim["resources"]["requests"]["storage"] == str(need.volume)
    assert spec["resources"]["limits"] == {"memory": str(need.memory)}
    assert spec["replicas"] == need.replicas
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_a_storage_class_reaches_every_volume_and_is_otherwise_absent() -> None:
    def classes(given: Context) -> set[str | None]:
        claims = [prometheus_spec(given), alertmanager_spec(given)]
        found = {each["storage"]["volumeClaimTemplate"]["spec"].get("storageClassName") for each in claims}
        return found | {one(objects(given), "PersistentVolumeClaim", "grafana")["spec"].get("storageClassName")}

    plain = context()
    cluster = plain.region.cluster.model_copy(update={"storage_class": "gp3"})
    assert classes(plain) == {None}
    assert classes(context(cluster=cluster)) == {"gp3"}


@pytest.mark.parametrize("kind", ["Prometheus", "Alertmanager"])
def test_replicas_never_share_a_node_and_may_not_all_be_evicted(kind: str) -> None:
    name = f"metrics-{kind.lower()}"
    spec = one(objects(context()), kind, name)["spec"]
    budget = one(objects(context()), "PodDisruptionBudget", name)["spec"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" in spec["affinity"]["podAntiAffinity"]
    assert spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": kind.lower(),
        kind.lower(): name,
    }
    assert budget["minAvailable"] == 1
    assert not [each for each in objects(context("dev.us-east")) if each["kind"] == "PodDisruptionBudget"]


def test_remote_write_is_absent_until_a_store_is_configured() -> None:
    store = RemoteWrite(url="https://mimir.example.com/push", username="region", password_secret="mimir/password")
    assert "remoteWrite" not in prometheus_spec(context())
    (only,) = prometheus_spec(context(remote_write=store))["remoteWrite"]
    assert only == {
        "name": "long-term-store",
        "url": "https://mimir.example.com/push",
        "basicAuth": {
            "username": {"name": "remote-write", "key": "username"},
            "password": {"name": "remote-write", "key": "password"},
        },
        "sendExemplars": True,
        "sendNativeHistograms": True,
    }


def test_foreign_severities_become_ours_before_alertmanager_sees_them() -> None:
    spec = prometheus_spec(context())["additionalAlertRelabelConfigs"]
    secret = one(objects(context()), "Secret", spec["name"])
    rules = yaml.safe_load(base64.b64decode(secret["data"][spec["key"]]))
    assert rules == prometheus.severity_relabelings()
    assert {rule["regex"]: rule["replacement"] for rule in rules} == {
        "critical": "page",
        "warning": "warn",
        "none": "info",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_alertmanager_reads_our_tree_and_mounted_credentials_and_nobody_elses_config(stack: str) -> None:
    spec = alertmanager_spec(context(stack))
    assert spec["configSecret"] == addresses.ALERTMANAGER_CONFIG_SECRET
    assert spec["secrets"] == [addresses.RECEIVERS_SECRET]
    assert spec["alertmanagerConfigNamespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "DoesNotExist"}
    ]
    assert not [each for each in objects(context(stack)) if each["metadata"]["name"].startswith("alertmanager-")]


def test_the_services_are_where_everybody_expects_them() -> None:
    services = {each["metadata"]["name"]: each for each in objects(context()) if each["kind"] == "Service"}
    assert services[addresses.PROMETHEUS]["spec"]["ports"][0]["port"] == 9090
    assert services[addresses.ALERTMANAGER]["spec"]["ports"][0]["port"] == 9093
    assert services[addresses.GRAFANA]["spec"]["ports"][0]["port"] == 80
    assert prometheus_spec(context())["serviceAccountName"] == "metrics-prometheus"


def test_what_eks_does_not_show_is_neither_scraped_nor_alerted_on() -> None:
    rendered = objects(context())
    monitors = {each["metadata"]["name"] for each in rendered if each["kind"] == "ServiceMonitor"}
    assert not {name for name in monitors if any(part in name for part in ("etcd", "scheduler", "controller", "proxy"))}
    expressions = "\n".join(str(rule.get("expr")) for rule in _rules(rendered))
    assert 'job="kube-scheduler"' not in expressions
    assert 'job="kube-controller-manager"' not in expressions


def _rules(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    specs = [each["spec"] for each in rendered if each["kind"] == "PrometheusRule"]
    return [rule for spec in specs for group in spec["groups"] for rule in group["rules"]]


def test_the_charts_alerts_keep_the_tenant_and_have_every_annotation() -> None:
    alerts = {rule["alert"]: rule for rule in _rules(objects(context())) if "alert" in rule}
    assert not {path.stem for path in RUNBOOKS.glob("*.md")} & alerts.keys(), "an alert is both ours and the chart's"
    assert len(alerts) > 50
    for name, rule in alerts.items():
        assert {"summary", "description", "runbook_url", "dashboard_url"} <= rule["annotations"].keys(), name
        assert rule["labels"]["severity"] in {"info", *prometheus.FOREIGN_SEVERITIES}, name
    assert "tenant" in alerts["KubeDeploymentReplicasMismatch"]["expr"] + alerts["KubePodNotReady"]["expr"]


def test_the_charts_alerts_lead_to_dashboards_that_are_there() -> None:
    rendered = objects(context())
    maps = [each for each in rendered if "grafana_dashboard" in (each["metadata"].get("labels") or {})]
    uids = {json.loads(text)["uid"] for each in maps for text in each["data"].values()}
    links = {rule["annotations"]["dashboard_url"] for rule in _rules(rendered) if "alert" in rule}
    assert {link.rpartition("/d/")[2] for link in links} <= uids
    assert {link.rpartition("/d/")[0] for link in links} == {"https://grafana.us-east.observability.example.com"}


def test_promtool_accepts_the_charts_rules_with_the_tenant_in_them(tmp_path: Path) -> None:
    files = []
    for each in objects(context()):
        if each["kind"] == "PrometheusRule":
            file = tmp_path / f"{each['metadata']['name']}.yaml"
            file.write_text(yaml.safe_dump(each["spec"]), encoding="utf-8")
            files.append(str(file))
    done = run(tools.ensure("promtool")["promtool"], "check", "rules", *files)
    assert done.returncode == 0, done.stderr


def test_the_webhook_gets_its_certificate_from_cert_manager_and_blocks_nothing_without_it() -> None:
    rendered = objects(context())
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        hook = one(rendered, kind, "metrics-admission")
        assert hook["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "observability/metrics-admission"
        assert {each["failurePolicy"] for each in hook["webhooks"]} == {"Ignore"}
    certificate = one(rendered, "Certificate", "metrics-admission")["spec"]
    volumes = pods(rendered)["Deployment/metrics-operator"]["volumes"]
    assert certificate["secretName"] in {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    assert "metrics-operator.observability.svc" in certificate["dnsNames"]


def test_no_hook_of_the_chart_is_missed() -> None:
    values = metrics.helm_values(context())
    for package in (PACKAGES[metrics.CHART], OLDER[metrics.CHART]):
        everything = render(addresses.METRICS_RELEASE, package, values, names.NAMESPACE, hooks=True)
        installed = render(addresses.METRICS_RELEASE, package, values, names.NAMESPACE)
        assert everything == installed, package.version


def test_no_crd_is_installed_with_the_chart() -> None:
    assert not [each for each in objects(context()) if each["kind"] == "CustomResourceDefinition"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_same_settings_render_the_same_objects(stack: str) -> None:
    values = metrics.helm_values(context(stack))
    first, second = (
        template(addresses.METRICS_RELEASE, PACKAGES[metrics.CHART], values, names.NAMESPACE) for _ in range(2)
    )
    assert first == second


def test_kube_state_metrics_may_not_read_secrets() -> None:
    role = one(objects(context()), "ClusterRole", "kube-state-metrics")
    readable = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert "pods" in readable
    assert not readable & {"secrets", "configmaps"}


def test_a_new_tenant_changes_its_own_rules_and_nothing_else_of_the_chart() -> None:
    platform = context().platform
    tenant = platform.tenants["payments"].model_copy(update={"namespaces": ["billing"]})
    grown = context(platform={"tenants": {**platform.tenants, "billing": tenant}})
    before, after = objects(context()), objects(grown)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new["kind"] for _, new in changed] == ["Prometheus"]
    (old, new) = changed[0]
    for field in ("relabelings", "metricRelabelings"):
        rules = [each["spec"]["scrapeClasses"][0][field] for each in (old, new)]
        added = [rule for rule in rules[1] if rule not in rules[0]]
        assert [rule["replacement"] for rule in added] == ["billing"]
        assert [rule for rule in rules[1] if rule not in added] == rules[0]


def test_dev_and_prod_differ_in_size_and_identity_never_in_behaviour() -> None:
    dev, prod = (prometheus_spec(context(stack)) for stack in STACKS)
    sizes = {"replicas", "resources", "retention", "retentionSize", "storage", "affinity", "topologySpreadConstraints"}
    differing = {field for field in dev.keys() | prod.keys() if dev.get(field) != prod.get(field)}
    assert differing == sizes | {"externalLabels", "scrapeClasses"}
