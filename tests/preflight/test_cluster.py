from __future__ import annotations

import pytest

from preflight import cluster
from preflight.cluster import Check, Prerequisite
from preflight.subject import Subject
from settings import names
from tests.lab.conftest import LabCluster
from tests.preflight.conftest import claim, describe, install_crds

UP = "pulumi up --cwd crds --stack dev.us-east --config-file ../Pulumi.dev.yaml"


def _found(check: Check, subject: Subject) -> list[str]:
    return [str(problem) for problem in cluster.examine(subject, (check,))]


def test_the_right_cluster_with_the_right_uid_passes(kubeconfig: LabCluster) -> None:
    uid = kubeconfig.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    claim(kubeconfig, "dev.us-east")
    assert _found(cluster.foreign_claim, describe(cluster={"uid": uid})) == []


def test_another_cluster_behind_the_context_is_refused_and_nothing_else_is_said(kubeconfig: LabCluster) -> None:
    uid = kubeconfig.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    expected = "00000000-0000-4000-8000-000000000000"
    claim(kubeconfig, "prod.eu-west")
    assert _found(cluster.foreign_claim, describe(cluster={"uid": expected})) == [
        f"regions.us-east.cluster.uid is '{expected}', but context 'test' leads to the cluster '{uid}'; "
        "allowed: the UID of the cluster's kube-system namespace; "
        "fix: correct cluster.context; correct cluster.uid only if the cluster was replaced on purpose"
    ]


def test_a_cluster_that_another_stack_has_claimed_is_refused(kubeconfig: LabCluster) -> None:
    claim(kubeconfig, "prod.eu-west")
    first, second = _found(cluster.foreign_claim, describe())
    assert first == (
        "regions.us-east.cluster.context is 'test', where namespace 'observability' belongs to stack 'prod.eu-west'; "
        "allowed: a cluster that no other stack has claimed; "
        "fix: correct cluster.context; if stack 'prod.eu-west' is gone for good: kubectl --context test annotate "
        "--overwrite namespace observability observability-platform/stack=dev.us-east"
    )
    assert "namespace 'observability-node' belongs to stack 'prod.eu-west'" in second


def test_a_namespace_that_nobody_claims_is_refused(kubeconfig: LabCluster) -> None:
    claim(kubeconfig, None)
    assert _found(cluster.foreign_claim, describe())[0] == (
        "regions.us-east.cluster.context is 'test', where namespace 'observability' exists that no stack has claimed; "
        "allowed: a cluster without that namespace, or one whose namespace this stack has made; "
        "fix: move what is in it, then: kubectl --context test delete namespace observability"
    )


def test_a_cluster_without_the_namespaces_is_free(kubeconfig: LabCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "NAMESPACE", "absent")
    monkeypatch.setattr(names, "NODE_NAMESPACE", "absent-node")
    assert _found(cluster.foreign_claim, describe()) == []


def test_missing_operators_are_named_with_the_command_that_installs_them(kubeconfig: LabCluster) -> None:
    assert _found(cluster.missing_prerequisites, describe()) == [
        "regions.us-east.cluster has no cert-manager: API group cert-manager.io is served in no version; "
        "allowed: cert-manager.io/v1; "
        "fix: helm upgrade --install cert-manager cert-manager --repo https://charts.jetstack.io --kube-context test "
        "--namespace cert-manager --create-namespace --set crds.enabled=true",
        "regions.us-east.cluster has no External Secrets: API group external-secrets.io is served in no version; "
        "allowed: external-secrets.io/v1; "
        "fix: helm upgrade --install external-secrets external-secrets --repo https://charts.external-secrets.io "
        "--kube-context test --namespace external-secrets --create-namespace",
    ]


@pytest.mark.parametrize(("version", "expected"), [("v1", []), ("v9", ["API group apps is served as v1 only"])])
def test_an_operator_counts_as_installed_when_the_version_that_we_write_is_served(
    kubeconfig: LabCluster, monkeypatch: pytest.MonkeyPatch, version: str, expected: list[str]
) -> None:
    served = Prerequisite("Apps", "apps", version, "apps", "https://charts.example.com")
    monkeypatch.setattr(cluster, "PREREQUISITES", (served,))
    found = _found(cluster.missing_prerequisites, describe())
    assert len(found) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True))


def test_crds_at_their_pin_pass(kubeconfig: LabCluster) -> None:
    install_crds(kubeconfig, describe())
    assert _found(cluster.crds, describe()) == []


def test_a_cluster_without_the_crd_stack_is_told_how_to_bring_it_up(
    kubeconfig: LabCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "CHART_VERSION_ANNOTATION", "observability-platform/absent")
    assert _found(cluster.crds, describe()) == [
        "regions.us-east.cluster has no alertmanagerconfigs.monitoring.coreos.com, "
        "alertmanagers.monitoring.coreos.com, instrumentations.opentelemetry.io and 11 more of this platform; "
        f"allowed: all CRDs of the CRD stack; fix: {UP}"
    ]


def test_a_crd_that_somebody_else_made_counts_as_missing(kubeconfig: LabCluster) -> None:
    install_crds(kubeconfig, describe(), without="probes.monitoring.coreos.com")
    assert _found(cluster.crds, describe()) == [
        "regions.us-east.cluster has no probes.monitoring.coreos.com of this platform; "
        f"allowed: all CRDs of the CRD stack; fix: {UP}"
    ]


def test_crds_of_another_version_than_the_pin_are_outdated(kubeconfig: LabCluster) -> None:
    install_crds(kubeconfig, describe(), opentelemetry_operator="0.121.0")
    assert _found(cluster.crds, describe()) == [
        "charts.yaml.opentelemetry-operator is pinned at opentelemetry-operator-0.122.0, but the CRDs in context "
        "'test' came from opentelemetry-operator-0.121.0; allowed: opentelemetry-operator-0.122.0; "
        f"fix: {UP}"
    ]
