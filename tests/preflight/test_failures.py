"""An API server that does not answer a question has said nothing about the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from preflight import cluster
from preflight.cluster import Check
from settings import names
from tests.preflight.conftest import describe
from tests.preflight.kubeconfigs import use, write
from tests.preflight.servers import KUBE_SYSTEM, UID, Reply, all_but_identity, api_server

OTHER = "00000000-0000-4000-8000-000000000000"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ASKED: dict[Check, str] = {
    cluster.foreign_claim: f"/api/v1/namespaces/{names.NAMESPACE}",
    cluster.missing_prerequisites: "/apis/cert-manager.io",
    cluster.crds: CRDS,
}
FIXES = {
    401: "a user that may administer the cluster; fix: sign in again, or give the user access to the cluster",
    403: "a user that may administer the cluster; fix: give the context's user the right to get that",
    429: "200, or 404 where there is none; fix: try again; if it stays so, see to the API server",
    503: "200, or 404 where there is none; fix: try again; if it stays so, see to the API server",
}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What checks find at a server that replies as a function says; `SERVER` stands for its address."""

    def find(reply: Reply, checks: Sequence[Check] = cluster.CHECKS, **cluster_settings: Any) -> list[str]:
        with api_server(reply) as server:
            use(monkeypatch, write(tmp_path / "config", {"server": server}, {"token": "x"}))
            subject = describe(cluster={"context": "made", **cluster_settings})
            return [str(each).replace(server, "SERVER") for each in cluster.examine(subject, checks)]

    return find


def _leads_to(status: int, path: str) -> str:
    return (
        f"regions.us-east.cluster.context leads to SERVER, which answers HTTP {status} to GET {path}; "
        f"allowed: {FIXES[status]}"
    )


@pytest.mark.parametrize("status", FIXES)
@pytest.mark.parametrize("check", cluster.CHECKS)
def test_a_failed_request_is_no_fact(found: Any, check: Check, status: int) -> None:
    assert found(all_but_identity(status), (check,)) == [_leads_to(status, ASKED[check])]


def test_an_empty_cluster_is_a_fact(found: Any) -> None:
    first, second, third = found(all_but_identity(404))
    assert first.startswith("regions.us-east.cluster has no cert-manager: API group cert-manager.io is served in no")
    assert second.startswith("regions.us-east.cluster has no External Secrets")
    assert third.startswith("regions.us-east.cluster has no alertmanagerconfigs.monitoring.coreos.com")


@pytest.mark.parametrize(
    "reply", [all_but_identity(503), lambda path: all_but_identity(0)(path) if path == KUBE_SYSTEM else None]
)
def test_of_a_wrong_cluster_that_fails_only_that_it_is_wrong_is_said(found: Any, reply: Reply) -> None:
    (sentence,) = found(reply, uid=OTHER)
    assert sentence.startswith(
        f"regions.us-east.cluster.uid is '{OTHER}', but context 'made' leads to the cluster '{UID}'; allowed:"
    )


def test_a_check_that_cannot_ask_hides_no_other(found: Any) -> None:
    def reply(path: str) -> tuple[int, Any] | None:
        if path == f"/api/v1/namespaces/{names.NAMESPACE}":
            return 200, {"metadata": {"annotations": {names.CLAIM_ANNOTATION: "prod.eu-west"}}}
        return all_but_identity(403 if path == CRDS else 503)(path)

    claimed, *failed = found(reply)
    assert "namespace 'observability' belongs to stack 'prod.eu-west'" in claimed
    assert failed == [
        _leads_to(503, f"/api/v1/namespaces/{names.NODE_NAMESPACE}"),
        _leads_to(503, "/apis/cert-manager.io"),
        _leads_to(403, CRDS),
    ]


def test_a_server_that_is_lost_in_between_is_one_problem(found: Any) -> None:
    assert found(lambda path: all_but_identity(0)(path) if path == KUBE_SYSTEM else None) == [
        "regions.us-east.cluster.context leads to SERVER, which does not answer (ConnectionError); allowed: an API "
        "server that answers within 5 s; fix: check the network, the VPN and that the cluster runs"
    ]


@pytest.mark.parametrize("body", ["<html>Please log in</html>", ["no object"]])
def test_a_login_page_is_no_cluster(found: Any, body: Any) -> None:
    assert found(lambda _: (200, body)) == [
        f"regions.us-east.cluster.context leads to SERVER, which answers HTTP 200 to GET {KUBE_SYSTEM}, but with no "
        "object; allowed: the API server of a cluster; fix: look whether a login page or a proxy answers in its place"
    ]


@pytest.mark.parametrize("answer", [(404, "not found"), (200, {"status": "ok"}), (200, {"metadata": None})])
def test_a_server_without_kube_system_is_no_cluster(found: Any, answer: tuple[int, Any]) -> None:
    assert found(lambda _: answer) == [
        "regions.us-east.cluster.context is 'made', which leads to SERVER, where no namespace kube-system is; "
        "allowed: the API server of a cluster; fix: correct the context's server, or look what answers in its place"
    ]
