"""What the Loki chart renders from our values: shape, safety, identity, reachability."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from automation.policies import workloads as pod_security
from charts.pull import resolve
from components.logs import Logs
from components.values import addresses, logs
from components.values.context import Context
from settings.vocabulary import Size, WorkloadIdentity
from tests.contexts import SIZED, context
from tests.recording import record
from tests.rendering import one, pods, render, scraped, template

PACKAGES = resolve({})


def objects(given: Context) -> list[dict[str, Any]]:
    return render("loki", PACKAGES["loki"], logs.helm_values(given), "observability")


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_every_pod_is_restricted_bounded_and_pinned(stack: str, size: Size) -> None:
    specs = pods(objects(context(stack, size=size)))
    assert pod_security.violations(specs) == []
    assert pod_security.unbounded(specs) == []
    assert pod_security.floating(specs) == []


def test_dev_is_one_process_and_prod_one_workload_per_role() -> None:
    assert sorted(pods(objects(context("dev.us-east")))) == ["Deployment/loki-gateway", "StatefulSet/loki"]
    assert sorted(pods(objects(context("prod.us-east")))) == [
        "Deployment/loki-distributor",
        "Deployment/loki-gateway",
        "Deployment/loki-querier",
        "Deployment/loki-query-frontend",
        "Deployment/loki-query-scheduler",
        "StatefulSet/loki-chunks-cache",
        "StatefulSet/loki-compactor",
        "StatefulSet/loki-index-gateway",
        "StatefulSet/loki-ingester",
        "StatefulSet/loki-results-cache",
    ]


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_replicas_memory_and_volumes_are_those_of_the_size(stack: str, size: Size) -> None:
    given = context(stack, size=size)
    rendered = objects(given)
    name = "loki-ingester" if given.distributed else "loki"
    need = given.sizing[logs.ingester(given)]
    workload = one(rendered, "StatefulSet", name)["spec"]
    claim = workload["volumeClaimTemplates"][0]["spec"]
    assert workload["replicas"] == need.replicas
    assert workload["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": str(need.memory)}
    assert claim["resources"]["requests"] == {"storage": str(need.volume)}


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_no_volume_is_ever_deleted_with_its_pod_or_statefulset(stack: str) -> None:
    volumes = [
        each["spec"]
        for each in objects(context(stack))
        if each["kind"] == "StatefulSet" and each["spec"].get("volumeClaimTemplates")
    ]
    assert len(volumes) == (1 if stack == "dev.us-east" else 3)
    for spec in volumes:
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_volumes_take_the_storage_class_of_the_region() -> None:
    cluster = context().region.cluster.model_copy(update={"storage_class": "gp3"})
    stateful = [each for each in objects(context(cluster=cluster)) if each["kind"] == "StatefulSet"]
    claims = [claim for each in stateful for claim in each["spec"].get("volumeClaimTemplates") or []]
    assert [claim["spec"]["storageClassName"] for claim in claims] == ["gp3", "gp3", "gp3"]


def test_everything_with_replicas_survives_a_node_drain_one_at_a_time() -> None:
    rendered = objects(context())
    replicated = {
        each["metadata"]["name"]
        for each in rendered
        if each["kind"] in {"Deployment", "StatefulSet"} and each["spec"]["replicas"] > 1
    }
    budgets = {each["metadata"]["name"]: each["spec"] for each in rendered if each["kind"] == "PodDisruptionBudget"}
    assert set(budgets) == replicated
    assert {spec["maxUnavailable"] for spec in budgets.values()} == {1}


def test_ingesters_are_spread_strictly_and_queriers_as_well_as_possible() -> None:
    rendered = objects(context())
    for kind, name, otherwise in (
        ("StatefulSet", "loki-ingester", "DoNotSchedule"),
        ("Deployment", "loki-querier", "ScheduleAnyway"),
    ):
        workload = one(rendered, kind, name)["spec"]
        spread = {each["topologyKey"]: each for each in workload["template"]["spec"]["topologySpreadConstraints"]}
        assert spread["kubernetes.io/hostname"]["whenUnsatisfiable"] == otherwise
        assert spread["topology.kubernetes.io/zone"]["whenUnsatisfiable"] == "ScheduleAnyway"
        chosen = spread["kubernetes.io/hostname"]["labelSelector"]["matchLabels"]
        assert chosen.items() <= workload["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_the_gateway_is_where_addresses_say_and_passes_otlp_on_without_a_password(stack: str) -> None:
    rendered = objects(context(stack))
    service = one(rendered, "Service", "loki-gateway")
    assert addresses.loki_url() == f"http://{addresses.host('loki-gateway')}"
    assert service["spec"]["ports"][0]["port"] == 80
    nginx = one(rendered, "ConfigMap", "loki-gateway")["data"]["nginx.conf"]
    writer = "loki-distributor" if stack.startswith("prod") else "loki"
    push = nginx.partition("location = /otlp/v1/logs {")[2].partition("}")[0]
    assert f"http://{writer}.observability.svc.cluster.local:3100" in push
    assert "client_max_body_size  32M" in nginx
    assert "large_client_header_buffers 4 64k;" in nginx.partition("server {")[0]
    # Neither replaced nor asked for: the access proxy owns the org id.
    assert "X-Scope-OrgID" not in nginx
    assert "auth_basic_user_file" not in nginx


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_pods_use_the_account_that_the_bucket_role_trusts(stack: str) -> None:
    identity = context(stack).region.cluster.model_copy(
        update={"identity": WorkloadIdentity.IRSA, "oidc_provider": "oidc.example.com/id/1"}
    )
    given = context(stack, cluster=identity)
    account = one(objects(given), "ServiceAccount", "loki")
    role = f"arn:aws:iam::{given.region.aws_account_id}:role/example-{given.environment}-us-east-logs"
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
    assert account["automountServiceAccountToken"] is False
    others = {"Deployment/loki-gateway", "StatefulSet/loki-chunks-cache", "StatefulSet/loki-results-cache"}
    for name, spec in pods(objects(given)).items():
        assert (spec["serviceAccountName"] == "loki") is (name not in others), name


def test_with_pod_identity_the_account_carries_no_annotation() -> None:
    assert not one(objects(context("prod.us-east")), "ServiceAccount", "loki")["metadata"].get("annotations")


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_loki_is_scraped_every_30_seconds_with_the_timeout_of_the_platform(stack: str) -> None:
    monitor = one(objects(context(stack)), "ServiceMonitor", "loki")["spec"]["endpoints"][0]
    assert (monitor["interval"], monitor["scrapeTimeout"]) == ("30s", "10s")


def test_each_process_is_scraped_once() -> None:
    roles = ("compactor", "distributor", "index-gateway", "ingester", "querier", "query-frontend", "query-scheduler")
    assert scraped(objects(context("dev.us-east"))) == ["loki"]
    assert scraped(objects(context("prod.us-east"))) == [f"loki-{role}" for role in roles]


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_nothing_is_left_out_because_it_is_a_hook_and_nothing_may_read_the_cluster(stack: str) -> None:
    values = logs.helm_values(context(stack))
    everything = render("loki", PACKAGES["loki"], values, "observability", hooks=True)
    assert len(everything) == len(objects(context(stack)))
    assert {each["kind"] for each in everything}.isdisjoint({"ClusterRole", "ClusterRoleBinding", "Secret", "Job"})


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_two_renderings_are_the_same(stack: str) -> None:
    values = logs.helm_values(context(stack))
    first, second = (template("loki", PACKAGES["loki"], values, "observability") for _ in range(2))
    assert list(yaml.safe_load_all(first)) == list(yaml.safe_load_all(second))


def test_the_component_installs_the_pinned_chart_below_itself() -> None:
    recorded = record(lambda: Logs("logs", context("prod.us-east"), PACKAGES))
    assert recorded["logs"].type == "observability-platform:components:Logs"
    release = recorded["loki"]
    assert release.type == "kubernetes:helm.sh/v4:Chart"
    assert release.parent.endswith("::logs")
    assert release.inputs["chart"] == str(PACKAGES["loki"].path)
    assert release.inputs["namespace"] == "observability"
    assert release.inputs["values"]["deploymentMode"] == "Distributed"


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_only_the_platforms_own_pods_reach_it_and_from_the_start(stack: str) -> None:
    given = context(stack)
    recorded = record(lambda: Logs("logs", given, PACKAGES))
    policy = recorded["logs-ingress"]
    assert policy.type == "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    assert policy.inputs["metadata"]["namespace"] == "observability"
    assert policy.inputs["spec"]["policyTypes"] == ["Ingress"]
    platform = {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}
    assert policy.inputs["spec"]["ingress"] == [{"from": [{"namespaceSelector": platform}]}]
    assert "logs-ingress" in recorded["loki"].depends_on
    chosen = policy.inputs["spec"]["podSelector"]["matchLabels"].items()
    workloads = [each for each in objects(given) if each["kind"] in {"Deployment", "StatefulSet"}]
    assert all(chosen <= each["spec"]["template"]["metadata"]["labels"].items() for each in workloads)
