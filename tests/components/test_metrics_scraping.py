"""Whose a scraped series is: relabelings evaluated as Prometheus does, the admission policy by a real API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

import tools
from automation import waiting
from charts.pull import resolve
from components.metrics import POLICY
from components.values import scraping
from lab import cluster
from lab.instance import Instance
from lab.problem import LabError
from lab.process import Processes
from tests.components.collection_contexts import without_tenants
from tests.contexts import context
from tests.relabeling import relabel
from tests.rendering import render

META = "__meta_kubernetes_namespace"
KINDS = {
    "ServiceMonitor": ("v1", "servicemonitors"),
    "PodMonitor": ("v1", "podmonitors"),
    "Probe": ("v1", "probes"),
    "ScrapeConfig": ("v1alpha1", "scrapeconfigs"),
    "PrometheusRule": ("v1", "prometheusrules"),
}
REFUSED = {
    "relabelings": "relabelings may not write tenant, region, cluster, environment, namespace, nor use labelmap, "
    "labeldrop or labelkeep: the platform sets these labels from the namespace",
    "honorLabels": "honorLabels must be false: the platform sets the labels that say whose a series is",
    "labels": "targets.staticConfig.labels may not hold tenant, region, cluster, environment, namespace: "
    "the platform sets these labels from the namespace",
    "rules": "labels of rules may not hold tenant, region, cluster, environment, namespace: "
    "an alert belongs to the tenant of its series",
    "scrapeClass": "scrapeClass must be platform or absent",
    "aim": "relabelings and targets.staticConfig.labels may not write __address__ or another label that begins "
    "with __, but for __tmp* and __name__: Prometheus asks what is selected, at path and with params",
    "path": "path may not hold /federate: series of this region are read through the access proxy",
    "via": "proxyUrl and oauth2 must be absent: they send Prometheus to an address that nobody selected",
    "files": "bearerTokenFile and tlsConfig's caFile, certFile and keyFile must be absent, for the files are "
    "Prometheus' own: name a Secret of your namespace in authorization.credentials or tlsConfig",
    "ScrapeConfig": "a ScrapeConfig is not allowed in a tenant's namespace: "
    "write a ServiceMonitor, PodMonitor or Probe",
}


def target(labels: Mapping[str, str]) -> dict[str, str]:
    done = relabel(scraping.scrape_class(context())["relabelings"], labels)
    assert done is not None
    return done


def sample(labels: Mapping[str, str]) -> dict[str, str]:
    done = relabel(scraping.scrape_class(context())["metricRelabelings"], labels)
    assert done is not None
    return done


@pytest.mark.parametrize(
    ("namespace", "tenant"),
    [
        ("storefront", "storefront"),
        ("storefront-edge", "storefront"),
        ("payments-ledger", "payments"),
        ("storefront-edge-2", "platform"),
        ("payment", "platform"),
        ("kube-system", "platform"),
        ("observability", "platform"),
    ],
)
def test_the_tenant_of_a_target_is_its_namespaces(namespace: str, tenant: str) -> None:
    assert target({META: namespace})["tenant"] == tenant
    assert target({META: namespace, "tenant": "logistics"})["tenant"] == tenant
    assert sample({"namespace": namespace, "tenant": "logistics"})["tenant"] == tenant


def test_a_namespace_that_a_monitor_copied_from_a_pod_is_undone() -> None:
    done = target({META: "storefront", "namespace": "payments"})
    assert (done["namespace"], done["tenant"]) == ("storefront", "storefront")


def test_a_probe_without_discovery_belongs_to_its_own_namespace() -> None:
    assert target({"namespace": "payments"})["tenant"] == "payments"


def test_every_target_carries_region_cluster_and_environment() -> None:
    done = target({META: "storefront", "region": "mars", "cluster": "x"})
    assert {key: done[key] for key in ("region", "cluster", "environment")} == {
        "region": "us-east",
        "cluster": "prod-us-east",
        "environment": "prod",
    }


def test_a_tenant_that_does_not_run_here_is_the_platforms() -> None:
    here = relabel(scraping.scrape_class(context("prod.eu-west"))["relabelings"], {META: "recommendations"})
    assert here is not None
    assert here["tenant"] == "platform"


(ANNOTATED,) = scraping.annotated_pods()["podMetricsEndpoints"]
POD = "__meta_kubernetes_pod_"
ANNOTATION = f"{POD}annotation_prometheus_io_"
RUNNING = {META: "storefront", f"{POD}phase": "Running", f"{POD}ip": "10.0.0.7", "__address__": "10.0.0.7:9999"}


def test_annotated_pods_are_scraped_every_fifteen_seconds() -> None:
    assert (ANNOTATED["interval"], ANNOTATED["scrapeTimeout"]) == ("15s", "10s")


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ({}, None),
        ({f"{ANNOTATION}scrape": "false"}, None),
        ({f"{ANNOTATION}scrape": "true"}, "10.0.0.7:9999"),
        ({f"{ANNOTATION}scrape": "true", f"{ANNOTATION}port": "8080"}, "10.0.0.7:8080"),
        ({f"{ANNOTATION}scrape": "true", f"{ANNOTATION}port": "8080", f"{POD}ip": "fd00::7"}, "[fd00::7]:8080"),
        ({f"{ANNOTATION}scrape": "true", f"{POD}phase": "Succeeded"}, None),
    ],
)
def test_only_running_annotated_pods_are_scraped_at_their_port(more: dict[str, str], address: str | None) -> None:
    done = relabel(ANNOTATED["relabelings"], {**RUNNING, **more})
    assert (done or {}).get("__address__") == address


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Api]:
    """Start an API server that holds the operator's CRDs, the policy and two namespaces."""
    instance = Instance.of("dev.metrics", tmp_path_factory.mktemp("lab"))
    instance.create()
    processes = Processes(instance)
    try:
        client = cluster.start(instance, processes, tools.ensure(*cluster.NAMES), "metrics")
        _prepare(client)
        yield client
    finally:
        processes.stop()


def _prepare(client: cluster.Api) -> None:
    crds = render("crds", resolve({})["prometheus-operator-crds"], {}, "default")
    wanted = {f"{plural}.monitoring.coreos.com" for _, plural in KINDS.values()}
    for each in crds:
        name = each["metadata"]["name"]
        if name in wanted:
            client.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", each)
    assert waiting.until(lambda: all(_served(client, kind) for kind in KINDS), 30), "the CRDs are not served"
    for namespace in ("storefront", "istio-system"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        client.apply(f"/api/v1/namespaces/{namespace}", body)
    group = "admissionregistration.k8s.io/v1"
    for kind, spec in (
        ("ValidatingAdmissionPolicy", scraping.admission_policy(context())),
        ("ValidatingAdmissionPolicyBinding", {"policyName": POLICY, "validationActions": ["Deny"]}),
    ):
        plural = "validatingadmissionpolicies" if kind == "ValidatingAdmissionPolicy" else f"{kind.lower()}s"
        body = {"apiVersion": group, "kind": kind, "metadata": {"name": POLICY}, "spec": spec}
        client.apply(f"/apis/{group}/{plural}/{POLICY}", body)
    # The API server takes up a policy some moments after it is stored.
    refuses: tuple[str, dict[str, Any], str] = ("ScrapeConfig", {"staticConfigs": []}, "storefront")
    assert waiting.until(lambda: "not allowed" in answer(client, *refuses), 30), "the policy is not in force"


def _served(client: cluster.Api, kind: str) -> bool:
    """Return whether a kind is known yet; before that the API server answers with a page that is no JSON."""
    version, plural = KINDS[kind]
    try:
        client.get(f"/apis/monitoring.coreos.com/{version}/{plural}")
    except (LabError, requests.JSONDecodeError):
        return False
    return True


def answer(client: cluster.Api, kind: str, spec: Mapping[str, Any], namespace: str) -> str:
    """Return the refusal, or nothing when the object is accepted."""
    version, plural = KINDS[kind]
    body = {
        "apiVersion": f"monitoring.coreos.com/{version}",
        "kind": kind,
        "metadata": {"name": "probe", "namespace": namespace},
        "spec": spec,
    }
    path = f"/apis/monitoring.coreos.com/{version}/namespaces/{namespace}/{plural}/probe"
    try:
        client.apply(path, body)
    except LabError as error:
        return str(error)
    return ""


def service(**endpoint: Any) -> dict[str, Any]:
    return {"selector": {}, "endpoints": [{"port": "web", **endpoint}]}


def pod(**endpoint: Any) -> dict[str, Any]:
    return {"selector": {}, "podMetricsEndpoints": [{"port": "web", **endpoint}]}


def probe(**static: Any) -> dict[str, Any]:
    return {"prober": {"url": "blackbox:9115"}, "targets": {"staticConfig": {"static": ["https://x"], **static}}}


def rule(labels: dict[str, str], /, **group: Any) -> dict[str, Any]:
    return {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up == 0", "labels": labels}], **group}]}


def write(label: str, **more: Any) -> list[dict[str, Any]]:
    return [{"targetLabel": label, "replacement": "payments", **more}]


SECRET = {"name": "own", "key": "token"}
OAUTH = {"clientId": {"secret": SECRET}, "clientSecret": SECRET, "tokenUrl": "http://metrics-prometheus:9090/-/quit"}


@pytest.mark.parametrize(
    ("kind", "spec", "why"),
    [
        ("ServiceMonitor", service(relabelings=write("tenant")), "relabelings"),
        ("ServiceMonitor", service(metricRelabelings=write("namespace")), "relabelings"),
        ("ServiceMonitor", service(relabelings=write("${1}ant")), "relabelings"),
        ("ServiceMonitor", service(relabelings=[{"action": "LabelMap", "regex": "x_(.+)"}]), "relabelings"),
        ("ServiceMonitor", service(metricRelabelings=[{"action": "labeldrop", "regex": "tenant"}]), "relabelings"),
        ("ServiceMonitor", service(honorLabels=True), "honorLabels"),
        ("ServiceMonitor", {**service(), "scrapeClass": "mine"}, "scrapeClass"),
        ("PodMonitor", pod(relabelings=write("region")), "relabelings"),
        ("PodMonitor", pod(honorLabels=True), "honorLabels"),
        ("Probe", probe(relabelingConfigs=write("tenant")), "relabelings"),
        ("Probe", {**probe(), "metricRelabelings": write("cluster")}, "relabelings"),
        ("Probe", probe(labels={"namespace": "payments"}), "labels"),
        ("ScrapeConfig", {"staticConfigs": [{"targets": ["x:1"]}]}, "ScrapeConfig"),
        ("PrometheusRule", rule({"tenant": "payments"}), "rules"),
        ("PrometheusRule", rule({"severity": "page"}, labels={"region": "mars"}), "rules"),
        ("ServiceMonitor", service(relabelings=write("__address__")), "aim"),
        ("ServiceMonitor", service(relabelings=write("__scheme__", action="lowercase", sourceLabels=["x"])), "aim"),
        ("PodMonitor", pod(relabelings=write("__metrics_path__")), "aim"),
        ("Probe", probe(relabelingConfigs=write("__address__")), "aim"),
        ("Probe", probe(labels={"__metrics_path__": "/x"}), "aim"),
        ("ServiceMonitor", service(path="/federate", params={"match[]": ["{tenant='payments'}"]}), "path"),
        ("PodMonitor", pod(path="//Federate/"), "path"),
        ("Probe", {**probe(), "prober": {"url": "metrics-prometheus:9090", "path": "/federate"}}, "path"),
        ("ServiceMonitor", service(proxyUrl="http://metrics-prometheus:9090"), "via"),
        ("PodMonitor", pod(proxyUrl="http://metrics-prometheus:9090"), "via"),
        ("Probe", {**probe(), "prober": {"url": "x", "proxyUrl": "http://metrics-prometheus:9090"}}, "via"),
        ("ServiceMonitor", service(oauth2=OAUTH), "via"),
        ("PodMonitor", pod(oauth2=OAUTH), "via"),
        ("Probe", {**probe(), "oauth2": OAUTH}, "via"),
        ("ServiceMonitor", service(bearerTokenFile="/var/run/secrets/token"), "files"),
        ("ServiceMonitor", service(tlsConfig={"caFile": "/var/run/secrets/ca.crt"}), "files"),
        ("ServiceMonitor", service(tlsConfig={"certFile": "/etc/x", "keyFile": "/etc/y"}), "files"),
    ],
)
def test_a_tenant_cannot_claim_another_by_its_own_monitors(
    api: cluster.Api, kind: str, spec: dict[str, Any], why: str
) -> None:
    assert REFUSED[why] in answer(api, kind, spec, "storefront")


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ServiceMonitor", service()),
        ("ServiceMonitor", service(relabelings=write("team"), metricRelabelings=[{"action": "drop", "regex": "x"}])),
        ("ServiceMonitor", service(metricRelabelings=write("__name__"), path="/metrics-federate", bearerTokenFile="")),
        ("ServiceMonitor", service(relabelings=write("__tmp_shard"), authorization={"credentials": SECRET})),
        ("ServiceMonitor", service(tlsConfig={"ca": {"secret": SECRET}, "insecureSkipVerify": False})),
        ("PodMonitor", pod(tlsConfig={"insecureSkipVerify": True}, followRedirects=True, honorLabels=False)),
        ("Probe", probe(labels={"site": "home"})),
        ("PrometheusRule", rule({"severity": "page", "team": "cart"})),
    ],
)
def test_what_claims_nothing_is_accepted(api: cluster.Api, kind: str, spec: dict[str, Any]) -> None:
    assert answer(api, kind, spec, "storefront") == ""


def test_the_platforms_own_namespaces_may_relabel(api: cluster.Api) -> None:
    assert answer(api, "ServiceMonitor", service(honorLabels=True, relabelings=write("tenant")), "istio-system") == ""


def test_the_policy_of_a_region_without_tenants_is_accepted_and_covers_no_namespace(api: cluster.Api) -> None:
    spec = scraping.admission_policy(without_tenants())
    body = {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "of-nobody"}, "spec": spec}
    group = "admissionregistration.k8s.io/v1"
    api.apply(f"/apis/{group}/validatingadmissionpolicies/of-nobody", {"apiVersion": group, **body})
    labelled = api.get("/api/v1/namespaces")["items"]
    [expression] = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert expression["operator"] == "DoesNotExist"
    assert all(expression["key"] in each["metadata"]["labels"] for each in labelled)


def test_the_policy_covers_every_tenants_namespaces_and_no_other() -> None:
    given = context()
    selector = scraping.admission_policy(given)["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]
    assert selector["values"] == sorted(each for tenant in given.tenants.values() for each in tenant.namespaces)
