"""The operator's chart as rendered, and our resources against the schemas of the CRDs that come with it."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import jsonschema
import pytest

from automation.policies import workloads as pod_security
from charts.pull import resolve
from components.values import addresses
from components.values.collection import access, agent, cluster, gateway, instrumentation, operator, pieces, workload
from components.values.context import Context
from settings import names
from settings.region import Cluster
from settings.vocabulary import Integration, Size, Workload
from tests.contexts import SIZED, context
from tests.rendering import one, pods, render, template

PACKAGE = resolve({})["opentelemetry-operator"]
SPECS = {"agent": agent.spec, "gateway": gateway.spec, "cluster": cluster.spec}
RELEASE = addresses.OPERATOR_RELEASE


def objects(given: Context) -> list[dict[str, Any]]:
    return render(RELEASE, PACKAGE, operator.helm_values(given), names.NAMESPACE)


@cache
def schema(crd: str, version: str) -> dict[str, Any]:
    """Return a CRD's schema as the API server applies it: unknown fields are refused where it does not keep them."""
    made = render(RELEASE, PACKAGE, {"crds": {"create": True}}, names.NAMESPACE)
    versions = one(made, "CustomResourceDefinition", crd)["spec"]["versions"]
    (found,) = [each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == version]
    return _closed(found["properties"]["spec"])


def _closed(node: dict[str, Any]) -> dict[str, Any]:
    node = copy.copy(node)
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in node:
        node["properties"] = {key: _closed(inner) for key, inner in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            node["additionalProperties"] = False
    if isinstance(node.get("items"), dict):
        node["items"] = _closed(node["items"])
    return node


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_each_collector_fits_the_schema_of_its_kind(name: str, stack: str, size: Size) -> None:
    jsonschema.validate(
        SPECS[name](context(stack, size=size)), schema("opentelemetrycollectors.opentelemetry.io", "v1beta1")
    )


def test_the_schema_refuses_what_the_api_server_would() -> None:
    wrong = {**gateway.spec(context()), "updateStrategy": {}}
    with pytest.raises(jsonschema.ValidationError, match="updateStrategy"):
        jsonschema.validate(wrong, schema("opentelemetrycollectors.opentelemetry.io", "v1beta1"))


def test_the_instrumentation_fits_its_schema_and_speaks_to_the_agent_of_the_node() -> None:
    spec = instrumentation.spec()
    jsonschema.validate(spec, schema("instrumentations.opentelemetry.io", "v1alpha1"))
    assert {"go", "java", "nodejs", "python"} <= set(spec)
    assert spec["exporter"]["endpoint"] == "http://agent-collector.observability-node.svc.cluster.local:4318"
    assert spec["propagators"] == ["tracecontext", "baggage"]
    assert spec["sampler"] == {"type": "parentbased_always_on"}


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_the_operator_is_restricted_bounded_and_pinned(stack: str, size: Size) -> None:
    specs = pods(objects(context(stack, size=size)))
    assert list(specs) == [f"Deployment/{RELEASE}"]
    assert pod_security.violations(specs) == []
    assert pod_security.unbounded(specs) == []
    assert pod_security.floating(specs) == []


def test_no_crd_and_no_generated_certificate_is_rendered() -> None:
    kinds = [each["kind"] for each in objects(context())]
    assert "CustomResourceDefinition" not in kinds
    assert "Secret" not in kinds
    assert {"Certificate", "Issuer", "ServiceMonitor"} <= set(kinds)


def test_the_webhooks_trust_what_cert_manager_issues_and_pods_start_without_them() -> None:
    found = objects(context())
    certificate = one(found, "Certificate", f"{RELEASE}-serving-cert")
    mutating = one(found, "MutatingWebhookConfiguration", f"{RELEASE}-mutation")
    assert mutating["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == (
        f"{names.NAMESPACE}/{certificate['metadata']['name']}"
    )
    assert certificate["spec"]["dnsNames"][0] == f"{RELEASE}-webhook.{names.NAMESPACE}.svc"
    policies = {hook["name"]: hook["failurePolicy"] for hook in mutating["webhooks"]}
    assert policies["mpod.kb.io"] == "Ignore"
    assert {policy for name, policy in policies.items() if name != "mpod.kb.io"} == {"Fail"}


def test_the_operator_runs_collectors_of_the_pinned_image_and_instruments_go() -> None:
    (container,) = pods(objects(context()))[f"Deployment/{RELEASE}"]["containers"]
    assert f"--collector-image={pieces.IMAGE}" in container["args"]
    assert "--enable-go-instrumentation" in container["args"]
    assert container["image"].rpartition(":")[2] == pieces.VERSION


def test_two_renderings_are_the_same() -> None:
    values = operator.helm_values(context())
    first, second = (template(RELEASE, PACKAGE, values, names.NAMESPACE) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["gateway", "cluster"])
def test_collectors_among_ordinary_pods_are_restricted(name: str) -> None:
    spec = SPECS[name](context())
    container = {"name": name, "securityContext": spec["securityContext"]}
    pod = {"securityContext": spec["podSecurityContext"], "containers": [container]}
    assert pod_security.violations({name: pod}) == []


def test_the_agent_has_root_for_the_log_files_and_nothing_else() -> None:
    spec = agent.spec(context())
    assert spec["podSecurityContext"]["runAsUser"] == 0
    assert spec["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {each["mountPath"]: each.get("readOnly", False) for each in spec["volumeMounts"]}
    assert mounted == {"/var/log/pods": True, pieces.STATE: False}
    assert not {"hostNetwork", "hostPID"} & set(spec)
    assert access.COLLECTORS["agent"] == "observability-node"


def test_the_agent_runs_on_every_node_and_knows_its_name() -> None:
    spec = agent.spec(context())
    assert spec["mode"] == "daemonset"
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert {"name": "K8S_NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}} in spec["env"]


@pytest.mark.parametrize("size", Size)
def test_the_gateway_keeps_its_queues_and_is_never_all_gone(size: Size) -> None:
    given = context(size=size)
    need, spec = given.sizing[Workload.COLLECTOR_GATEWAY], gateway.spec(given)
    assert (spec["mode"], spec["replicas"]) == ("statefulset", need.replicas)
    assert need.replicas >= 2
    assert spec["podDisruptionBudget"] == {"maxUnavailable": 1}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == str(need.volume)
    assert "storageClassName" not in claim["spec"]
    assert "autoscaler" not in spec


def test_a_chosen_storage_class_is_asked_for() -> None:
    chosen = Cluster(name="c", context="c", storage_class="gp3")
    for make in (gateway.spec, cluster.spec):
        (claim,) = make(context(cluster=chosen))["volumeClaimTemplates"]
        assert claim["spec"]["storageClassName"] == "gp3"


def test_a_single_gateway_has_no_budget_that_would_keep_its_node() -> None:
    assert "podDisruptionBudget" not in gateway.spec(context("dev.us-east"))


@pytest.mark.parametrize("name", SPECS)
def test_every_collector_is_pinned_measured_bounded_and_left_alone(name: str) -> None:
    spec = SPECS[name](context())
    assert spec["image"].endswith(f"opentelemetry-collector-contrib:{pieces.VERSION}")
    assert spec["upgradeStrategy"] == "none"
    assert spec["observability"]["metrics"]["enableMetrics"] is True
    assert set(spec["resources"]["requests"]) == {"cpu", "memory"}
    assert spec["resources"]["limits"]["memory"] == spec["resources"]["requests"]["memory"]
    limiter = spec["config"]["processors"]["memory_limiter"]
    memory = context().sizing[Workload(f"collector_{name}")].memory.mebibytes
    assert limiter["limit_mib"] == int(memory * 0.8)
    # From there on it refuses: Go must have collected before.
    soft = limiter["limit_mib"] - limiter["spike_limit_mib"]
    assert {"name": "GOMEMLIMIT", "value": f"{soft}MiB"} in spec["env"]
    assert spec["serviceAccount"] == access.service_account(name)


def test_events_are_read_by_one_pod() -> None:
    spec = cluster.spec(context())
    assert (spec["mode"], spec["replicas"]) == ("statefulset", 1)


def test_rights_are_what_each_collector_reads() -> None:
    given = context(integrations=[Integration.KAFKA_JMX])
    assert [each["resources"] for each in access.rules(given, "agent")] == [["namespaces", "pods"], ["replicasets"]]
    assert access.rules(given, "gateway") == []
    assert [each["resources"] for each in access.rules(given, "cluster")] == [["events", "namespaces"], ["pods"]]
    assert [each["resources"] for each in access.rules(context(integrations=[]), "cluster")] == [
        ["events", "namespaces"]
    ]
    verbs = {verb for name in SPECS for rule in access.rules(given, name) for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}


def test_only_the_platforms_collectors_may_write_to_a_gateway() -> None:
    (writing, reading) = access.gateway_network_policy()["ingress"]
    assert [
        (
            each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            each["podSelector"]["matchLabels"]["app.kubernetes.io/instance"],
        )
        for each in writing["from"]
    ] == [("observability-node", "observability-node.agent"), ("observability", "observability.cluster")]
    assert writing["ports"] == [{"protocol": "TCP", "port": 4317}]
    assert reading["ports"] == [{"protocol": "TCP", "port": pieces.METRICS_PORT}]


def test_the_api_versions_are_the_ones_that_the_crds_serve() -> None:
    assert (workload.API_VERSION, instrumentation.API_VERSION) == (
        "opentelemetry.io/v1beta1",
        "opentelemetry.io/v1alpha1",
    )
    assert schema("instrumentations.opentelemetry.io", "v1alpha1")["properties"]["exporter"]
