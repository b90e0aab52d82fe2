"""The collectors against a real API server: what it takes, what the operator makes of it, whose a pod's signals are."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from charts.pull import resolve
from components.collection import Collection
from components.values import addresses
from components.values.collection import access, instrumentation, workload
from components.values.labels import labels
from settings import names
from settings.units import Duration
from tests.components.collection_chain import NODE, Chain, free_ports, until
from tests.components.collection_cluster import SECONDS, apply, kubectl, read, thing
from tests.contexts import collecting, context
from tests.lab.conftest import LabCluster, lab_cluster
from tests.otlp import attributes
from tests.recording import record
from tests.rendering import render

__all__ = ["lab_cluster"]

CORE, RBAC = "v1", "rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def server(lab_cluster: LabCluster) -> LabCluster:
    """The API server with namespaces and CRDs; no webhook answers there, so none converts."""
    wanted = (names.NAMESPACE, names.NODE_NAMESPACE, "shop", "payments")
    apply(lab_cluster, *(thing(CORE, "Namespace", name) for name in wanted))
    chart = resolve({})["opentelemetry-operator"]
    made = render(addresses.OPERATOR_RELEASE, chart, {"crds": {"create": True}}, names.NAMESPACE)
    crds = [each for each in made if each["kind"] == "CustomResourceDefinition"]
    for crd in crds:
        crd["spec"].pop("conversion", None)
        crd["metadata"].pop("creationTimestamp", None)
    apply(lab_cluster, *crds)
    kubectl(
        lab_cluster,
        "wait",
        # Not `condition=`, which gives up on a definition that has no conditions yet.
        '--for=jsonpath={.status.conditions[?(@.type=="Established")].status}=True',
        "--timeout=120s",
        *(f"crd/{c['metadata']['name']}" for c in crds),
    )
    return lab_cluster


def collectors() -> list[dict[str, Any]]:
    """Return the resources as the component registers them: the operator's labels follow from theirs."""
    made = record(lambda: Collection("collection", context(), resolve({})))
    return [each.inputs for each in made.values() if each.inputs.get("kind") == workload.KIND]


def test_the_api_server_takes_every_object_as_it_is(server: LabCluster) -> None:
    policy = thing(
        "networking.k8s.io/v1", "NetworkPolicy", "gateway", names.NAMESPACE, spec=access.gateway_network_policy()
    )
    auto = thing(
        instrumentation.API_VERSION,
        instrumentation.KIND,
        instrumentation.NAME,
        names.NAMESPACE,
        spec=instrumentation.spec(),
    )
    apply(server, *collectors(), policy, auto)
    assert read(server, names.NAMESPACE, "opentelemetrycollector", "gateway") is not None


@pytest.fixture(scope="module")
def operated(server: LabCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCluster]:
    """The operator at work on the collectors, outside of the cluster."""
    apply(server, *collectors())
    accounts = [
        thing(CORE, "ServiceAccount", access.service_account(name), namespace)
        for name, namespace in access.COLLECTORS.items()
    ]
    apply(server, *accounts)
    metrics, health = free_ports(2)
    log = tmp_path_factory.mktemp("operator") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                str(tools.ensure("opentelemetry-operator")["opentelemetry-operator"]),
                f"--metrics-addr=127.0.0.1:{metrics}",
                f"--health-probe-addr=127.0.0.1:{health}",
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KUBECONFIG": str(server.kubeconfig), "ENABLE_WEBHOOKS": "false"},
        )
    try:
        until(lambda: read(server, names.NAMESPACE, "statefulset", "gateway-collector"), SECONDS, f"gateways ({log})")
        until(lambda: read(server, names.NODE_NAMESPACE, "daemonset", "agent-collector"), SECONDS, f"agents ({log})")
        yield server
    finally:
        process.terminate()
        process.wait(SECONDS)


def made(operated: LabCluster, namespace: str, kind: str, name: str) -> dict[str, Any]:
    return until(lambda: read(operated, namespace, kind, name), SECONDS, f"{kind} {name}")


def test_the_services_that_configurations_name_are_the_ones_the_operator_makes(operated: LabCluster) -> None:
    headless = made(operated, names.NAMESPACE, "service", addresses.gateway_headless().partition(".")[0])
    assert headless["spec"]["clusterIP"] == "None"
    assert 4317 in {port["port"] for port in headless["spec"]["ports"]}
    balanced = made(operated, names.NAMESPACE, "service", addresses.gateway_endpoint().partition(".")[0])
    assert balanced["spec"]["clusterIP"] != "None"
    local = made(operated, names.NODE_NAMESPACE, "service", addresses.agent_endpoint().partition(".")[0])
    assert local["spec"]["internalTrafficPolicy"] == "Local"
    assert {4317, 4318} <= {port["port"] for port in local["spec"]["ports"]}


def test_the_pods_wear_the_labels_that_policies_and_spreading_select(operated: LabCluster) -> None:
    for name, kind in (("agent", "daemonset"), ("gateway", "statefulset"), ("cluster", "statefulset")):
        namespace = access.COLLECTORS[name]
        worn = made(operated, namespace, kind, f"{name}-collector")["spec"]["template"]["metadata"]["labels"]
        assert workload.pods(name, namespace)["matchLabels"].items() <= worn.items()


def test_the_workloads_keep_their_volumes_and_run_as_their_own_accounts(operated: LabCluster) -> None:
    gateways = made(operated, names.NAMESPACE, "statefulset", "gateway-collector")["spec"]
    agents = made(operated, names.NODE_NAMESPACE, "daemonset", "agent-collector")["spec"]
    assert gateways["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert gateways["volumeClaimTemplates"][0]["metadata"]["name"] == "state"
    assert agents["template"]["spec"]["serviceAccountName"] == "agent-collector"


def test_every_collector_is_probed_and_its_metrics_have_a_port(operated: LabCluster) -> None:
    for namespace, kind, name in (
        (names.NAMESPACE, "statefulset", "gateway-collector"),
        (names.NODE_NAMESPACE, "daemonset", "agent-collector"),
        (names.NAMESPACE, "statefulset", "cluster-collector"),
    ):
        (container,) = made(operated, namespace, kind, name)["spec"]["template"]["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"]["port"] == 13133
        assert container["livenessProbe"]["failureThreshold"] == 6
        assert {"name": "metrics", "containerPort": 8888, "protocol": "TCP"} in container["ports"]
        service = made(operated, namespace, "service", f"{name}-monitoring")
        assert [port["port"] for port in service["spec"]["ports"]] == [8888]


def test_the_gateways_have_a_disruption_budget(operated: LabCluster) -> None:
    budget = made(operated, names.NAMESPACE, "poddisruptionbudget", "gateway-collector")
    assert budget["spec"]["maxUnavailable"] == 1


def rights(server: LabCluster, collector: str, folder: Path) -> Path:
    """Give a collector exactly its rights and return a kubeconfig that has no more."""
    account, namespace = access.service_account(collector), access.COLLECTORS[collector]
    role = f"{names.PROJECT}-{account}"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    rules = access.rules(context(), collector)
    apply(
        server,
        {**thing(CORE, "ServiceAccount", account, namespace)},
        thing(RBAC, "ClusterRole", role, rules=rules),
        thing(RBAC, "ClusterRoleBinding", role, roleRef=reference, subjects=[subject]),
    )
    token = kubectl(server, "create", "token", account, "--namespace", namespace).strip()
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    file = folder / f"{collector}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def pod(server: LabCluster, namespace: str, address: str) -> str:
    """Make a pod that the API server takes to run on our node under an address, and return its uid."""
    spec = {"nodeName": NODE, "containers": [{"name": "main", "image": "registry.example.com/app:1.2.3"}]}
    manifest = thing(CORE, "Pod", "app-0", namespace, spec=spec)
    manifest["metadata"]["labels"] = labels("app")
    apply(server, manifest)
    status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    patch = ("patch", "pod", "app-0", "--namespace", namespace, "--subresource=status", "--type=merge", "--patch")
    kubectl(server, *patch, json.dumps(status))
    found = read(server, namespace, "pod", "app-0")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.fixture(scope="module")
def chain(server: LabCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Agent, cluster collector and gateway, with the rights that ship and a pod of `shop` that sends from here."""
    folder = tmp_path_factory.mktemp("chain")
    soon = collecting("dev.us-east", decision_wait=Duration("1s"), decision_wait_after_root=Duration("1s"))
    configs = {name: rights(server, name, folder) for name in ("agent", "cluster")}
    chain = Chain(context("dev.us-east", platform=soon), folder, kubeconfigs=configs)
    try:
        pod(server, "shop", "127.0.0.1")
        chain.start()
        chain.run("cluster")
        yield chain
    finally:
        chain.stop()


def arrived(chain: Chain, text: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((each for each in chain.stored("logs") if each["body"]["stringValue"] == text), None)

    return until(look, SECONDS, text)


def test_a_pod_is_known_by_its_address_whatever_it_says_of_itself(chain: Chain) -> None:
    claim = {"tenant": "payments", "k8s.namespace.name": "payments", "k8s.pod.name": "other", "k8s.pod.ip": "10.0.0.9"}
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "claimed"}}
    resource = {"attributes": attributes(claim)}
    chain.send("logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}, "payments")
    entry = arrived(chain, "claimed")
    assert entry["tenant"] == "shop"
    assert {
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "app-0",
        "k8s.node.name": NODE,
        "tenant": "shop",
    }.items() <= entry["resource"].items()
    assert "k8s.pod.ip" not in entry["resource"]


def test_a_log_file_is_known_by_the_uid_of_its_folder(chain: Chain, server: LabCluster) -> None:
    uid = pod(server, "payments", "10.1.2.3")
    chain.write_log("payments", ["from a file"], uid)
    entry = arrived(chain, "from a file")
    assert entry["tenant"] == "payments"
    assert {
        "k8s.namespace.name": "payments",
        "k8s.pod.uid": uid,
        "k8s.container.name": "main",
        "service.name": "app",
        "container.image.tag": "1.2.3",
    }.items() <= entry["resource"].items()


def test_a_warning_event_arrives_once_as_its_namespaces_and_a_normal_one_never(
    chain: Chain, server: LabCluster
) -> None:
    def event(name: str, kind: str, text: str) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        about = {"kind": "Pod", "name": "app-0", "namespace": "payments", "apiVersion": "v1"}
        more = {"type": kind, "reason": "BackOff", "message": text, "firstTimestamp": now, "lastTimestamp": now}
        return thing(CORE, "Event", name, "payments", involvedObject=about, source={"component": "test"}, **more)

    apply(server, event("one", "Normal", "pulled"), event("two", "Warning", "back-off"))
    entry = arrived(chain, "back-off")
    assert (entry["tenant"], entry["attributes"]["level"]) == ("payments", "warn")
    assert {
        "k8s.namespace.name": "payments",
        "k8s.event.reason": "BackOff",
        "k8s.object.kind": "Pod",
        "k8s.object.name": "app-0",
    }.items() <= entry["attributes"].items()
    assert entry["resource"]["service.name"] == "kubernetes-events"
    # What would come twice has come by the time that a later one is there.
    apply(server, event("three", "Warning", "later"))
    assert arrived(chain, "later")["tenant"] == "payments"
    bodies = [each["body"]["stringValue"] for each in chain.stored("logs")]
    assert (bodies.count("back-off"), bodies.count("pulled")) == (1, 0)
