"""What the Tempo charts render from our values: shape, safety, identity, reachability."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from automation.policies import workloads as pod_security
from charts.pull import resolve
from components.traces import Traces
from components.values import addresses, traces
from components.values.context import Context
from settings.problem import SettingsError
from settings.region import Kafka
from settings.region import Traces as TracesSettings
from settings.vocabulary import Size, TempoEngine, Workload, WorkloadIdentity
from tests.contexts import SIZED, context
from tests.recording import record
from tests.rendering import one, pods, render, scraped, template

PACKAGES = resolve({})
STACKS = ["dev.us-east", "prod.us-east"]


def objects(given: Context) -> list[dict[str, Any]]:
    return render("tempo", PACKAGES[traces.chart(given)], traces.helm_values(given), "observability")


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_every_pod_is_restricted_bounded_and_pinned(stack: str, size: Size) -> None:
    specs = pods(objects(context(stack, size=size)))
    assert pod_security.violations(specs) == []
    assert pod_security.unbounded(specs) == []
    assert pod_security.floating(specs) == []


def test_dev_is_one_process_and_prod_one_workload_per_role() -> None:
    assert sorted(pods(objects(context("dev.us-east")))) == ["StatefulSet/tempo"]
    assert sorted(pods(objects(context("prod.us-east")))) == [
        "Deployment/tempo-compactor",
        "Deployment/tempo-distributor",
        "Deployment/tempo-querier",
        "Deployment/tempo-query-frontend",
        "StatefulSet/tempo-ingester",
        "StatefulSet/tempo-memcached",
        "StatefulSet/tempo-metrics-generator",
    ]


def test_both_topologies_run_tempo_2_10() -> None:
    images = {
        container["image"]
        for stack in STACKS
        for spec in pods(objects(context(stack))).values()
        for container in spec["containers"]
        if container["name"] != "memcached"
    }
    assert images == {"docker.io/grafana/tempo:2.10.7", "docker.io/grafana/tempo:2.10.8"}


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_replicas_memory_and_volumes_are_those_of_the_size(stack: str, size: Size) -> None:
    given = context(stack, size=size)
    name = "tempo-ingester" if given.distributed else "tempo"
    need = given.sizing[Workload.TEMPO_INGESTER if given.distributed else Workload.TEMPO_SINGLE_BINARY]
    workload = one(objects(given), "StatefulSet", name)["spec"]
    claim = workload["volumeClaimTemplates"][0]["spec"]
    container = workload["template"]["spec"]["containers"][0]
    soft_limits = {each["name"]: each["value"] for each in container["env"]}
    assert workload["replicas"] == need.replicas
    assert container["resources"]["limits"] == {"memory": str(need.memory)}
    assert soft_limits["GOMEMLIMIT"] == f"{need.memory.mebibytes * 85 // 100}MiB"
    assert claim["resources"]["requests"] == {"storage": str(need.volume)}


def test_no_volume_is_ever_deleted_with_its_pod_or_statefulset() -> None:
    kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    rendered = objects(context("prod.us-east"))
    for name in ("tempo-ingester", "tempo-metrics-generator"):
        assert one(rendered, "StatefulSet", name)["spec"]["persistentVolumeClaimRetentionPolicy"] == kept
    # The other chart knows only "delete" or nothing, and nothing is Kubernetes' Retain.
    assert (
        "persistentVolumeClaimRetentionPolicy"
        not in one(objects(context("dev.us-east")), "StatefulSet", "tempo")["spec"]
    )


@pytest.mark.parametrize("stack", STACKS)
def test_volumes_take_the_storage_class_of_the_region(stack: str) -> None:
    cluster = context(stack).region.cluster.model_copy(update={"storage_class": "gp3"})
    stateful = [each for each in objects(context(stack, cluster=cluster)) if each["kind"] == "StatefulSet"]
    claims = [claim for each in stateful for claim in each["spec"].get("volumeClaimTemplates") or []]
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"gp3"}


@pytest.mark.parametrize("stack", STACKS)
def test_unset_the_storage_class_is_the_clusters_default_and_not_none_at_all(stack: str) -> None:
    stateful = [each for each in objects(context(stack)) if each["kind"] == "StatefulSet"]
    claims = [claim for each in stateful for claim in each["spec"].get("volumeClaimTemplates") or []]
    assert claims
    assert [claim["spec"].get("storageClassName") for claim in claims] == [None] * len(claims)


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


@pytest.mark.parametrize("name", ["distributor", "querier", "query-frontend", "compactor"])
def test_stateless_pods_are_spread_but_never_kept_waiting(name: str) -> None:
    workload = one(objects(context()), "Deployment", f"tempo-{name}")["spec"]["template"]
    constraints = workload["spec"]["topologySpreadConstraints"]
    assert [each["whenUnsatisfiable"] for each in constraints] == ["ScheduleAnyway", "ScheduleAnyway"]
    for each in constraints:
        assert each["labelSelector"]["matchLabels"].items() <= workload["metadata"]["labels"].items()
    assert "affinity" not in workload["spec"]


def test_ingesters_hold_recent_spans_and_are_spread_strictly() -> None:
    workload = one(objects(context()), "StatefulSet", "tempo-ingester")["spec"]["template"]
    strict = {each["topologyKey"]: each["whenUnsatisfiable"] for each in workload["spec"]["topologySpreadConstraints"]}
    assert strict["kubernetes.io/hostname"] == "DoNotSchedule"


@pytest.mark.parametrize("stack", STACKS)
def test_spans_and_queries_are_taken_where_addresses_say(stack: str) -> None:
    given = context(stack)
    services = {each["metadata"]["name"]: each for each in objects(given) if each["kind"] == "Service"}

    def ports(address: str) -> set[int]:
        return {port["port"] for port in services[address.split(".")[0]]["spec"]["ports"]}

    assert {4317, 4318} <= ports(addresses.tempo_otlp_endpoint(given))
    assert 3200 in ports(addresses.tempo_url(given).removeprefix("http://"))


def test_senders_see_every_distributor_since_each_grants_only_its_share_of_a_limit() -> None:
    given = context("prod.us-east")
    service = one(objects(given), "Service", addresses.tempo_otlp_endpoint(given).split(".")[0])
    assert service["spec"]["clusterIP"] == "None"
    distributor = one(objects(given), "Deployment", "tempo-distributor")
    assert service["spec"]["selector"].items() <= distributor["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("stack", STACKS)
def test_jaegers_ports_are_closed(stack: str) -> None:
    services = [each for each in objects(context(stack)) if each["kind"] == "Service"]
    open_ports = {port["port"] for each in services for port in each["spec"].get("ports") or []}
    assert not {6831, 6832, 14250, 14268} & open_ports


@pytest.mark.parametrize("stack", STACKS)
def test_pods_use_the_account_that_the_bucket_role_trusts(stack: str) -> None:
    cluster = context(stack).region.cluster.model_copy(
        update={"identity": WorkloadIdentity.IRSA, "oidc_provider": "oidc.example.com/id/1"}
    )
    given = context(stack, cluster=cluster)
    account = one(objects(given), "ServiceAccount", "tempo")
    role = f"arn:aws:iam::{given.region.aws_account_id}:role/example-{given.environment}-us-east-traces"
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
    assert account["automountServiceAccountToken"] is False
    assert {spec["serviceAccountName"] for spec in pods(objects(given)).values()} == {"tempo"}


def test_with_pod_identity_the_account_carries_no_annotation() -> None:
    assert not one(objects(context("prod.us-east")), "ServiceAccount", "tempo")["metadata"].get("annotations")


@pytest.mark.parametrize("stack", STACKS)
def test_tempo_is_scraped_every_30_seconds_with_the_timeout_of_the_platform(stack: str) -> None:
    monitors = [each["spec"] for each in objects(context(stack)) if each["kind"] == "ServiceMonitor"]
    assert {(m["endpoints"][0]["interval"], m["endpoints"][0]["scrapeTimeout"]) for m in monitors} == {("30s", "10s")}


def test_each_process_is_scraped_once() -> None:
    roles = ("compactor", "distributor", "ingester", "metrics-generator", "querier", "query-frontend")
    assert scraped(objects(context("dev.us-east"))) == ["tempo"]
    assert scraped(objects(context("prod.us-east"))) == [f"tempo-{role}" for role in roles]


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_left_out_because_it_is_a_hook_and_no_secret_is_made(stack: str) -> None:
    given = context(stack)
    values = traces.helm_values(given)
    everything = render("tempo", PACKAGES[traces.chart(given)], values, "observability", hooks=True)
    assert len(everything) == len(objects(given))
    assert {each["kind"] for each in everything}.isdisjoint({"ClusterRole", "Role", "Secret", "Job"})


@pytest.mark.parametrize("stack", STACKS)
def test_two_renderings_are_the_same(stack: str) -> None:
    given = context(stack)
    package, values = PACKAGES[traces.chart(given)], traces.helm_values(given)
    first, second = (template("tempo", package, values, "observability") for _ in range(2))
    assert list(yaml.safe_load_all(first)) == list(yaml.safe_load_all(second))


def test_tempo_3_is_refused_with_what_is_missing() -> None:
    kafka = TracesSettings(engine=TempoEngine.TEMPO3_KAFKA, kafka=Kafka(brokers=["kafka.example.com:9092"]))
    with pytest.raises(SettingsError) as refused:
        traces.helm_values(context("prod.us-east", traces=kafka))
    assert str(refused.value) == (
        "traces: regions.us-east.traces.engine is 'tempo3_kafka', whose write path needs tempo-distributed 3.x, and "
        "charts.yaml pins 2.x only; allowed: tempo2; fix: choose engine: tempo2 and remove traces.kafka; "
        "docs/decisions/tempo-stays-on-2.md says what a move to 3.x takes"
    )


@pytest.mark.parametrize(("stack", "package"), [("dev.us-east", "tempo"), ("prod.us-east", "tempo-distributed")])
def test_the_component_installs_the_topologys_chart_below_itself(stack: str, package: str) -> None:
    recorded = record(lambda: Traces("traces", context(stack), PACKAGES))
    assert recorded["traces"].type == "observability-platform:components:Traces"
    release = recorded["tempo"]
    assert release.type == "kubernetes:helm.sh/v4:Chart"
    assert release.parent.endswith("::traces")
    assert release.inputs["chart"] == str(PACKAGES[package].path)
    assert release.inputs["namespace"] == "observability"


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_platforms_own_pods_reach_it_and_from_the_start(stack: str) -> None:
    given = context(stack)
    recorded = record(lambda: Traces("traces", given, PACKAGES))
    policy = recorded["traces-ingress"]
    assert policy.type == "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    assert policy.inputs["metadata"]["namespace"] == "observability"
    assert policy.inputs["spec"]["policyTypes"] == ["Ingress"]
    platform = {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}
    assert policy.inputs["spec"]["ingress"] == [{"from": [{"namespaceSelector": platform}]}]
    assert "traces-ingress" in recorded["tempo"].depends_on
    chosen = policy.inputs["spec"]["podSelector"]["matchLabels"].items()
    workloads = [each for each in objects(given) if each["kind"] in {"Deployment", "StatefulSet"}]
    assert all(chosen <= each["spec"]["template"]["metadata"]["labels"].items() for each in workloads)
