from __future__ import annotations

import boto3
import pytest

import preflight
from preflight import cluster
from settings.problem import SettingsError
from tests.lab.conftest import LabCluster
from tests.preflight.conftest import claim, describe, install_crds


@pytest.fixture
def ready(kubeconfig: LabCluster, aws: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> LabCluster:
    """A cluster and an account in which the region may be brought up, but for what a test takes away."""
    monkeypatch.setattr(cluster, "PREREQUISITES", ())
    claim(kubeconfig, "dev.us-east")
    install_crds(kubeconfig, describe())
    store = aws.client("secretsmanager")
    for name in ("pagerduty-routing-key", "slack-webhook-url", "watchdog-url"):
        store.create_secret(Name=f"alerting/{name}", SecretString="placeholder")
    return kubeconfig


def _refused(*, preview: bool = False) -> list[str]:
    subject = describe()
    with pytest.raises(SettingsError) as error:
        preflight.check(subject.platform, subject.name, subject.packages, preview=preview)
    return str(error.value).splitlines()


def test_a_world_as_described_passes_silently(ready: LabCluster) -> None:
    subject = describe()
    assert preflight.check(subject.platform, subject.name, subject.packages) == []


def test_problems_of_cluster_and_cloud_are_said_together(ready: LabCluster, aws: boto3.session.Session) -> None:
    claim(ready, "prod.eu-west")
    aws.client("secretsmanager").delete_secret(SecretId="alerting/watchdog-url", ForceDeleteWithoutRecovery=True)
    lines = _refused()
    assert [line.split(" ")[:2] for line in lines] == [
        ["preflight:", "regions.us-east.cluster.context"],
        ["preflight:", "regions.us-east.cluster.context"],
        ["preflight:", "alerting.watchdog_url"],
    ]


def test_a_preview_says_that_crds_are_outdated_and_an_update_refuses(ready: LabCluster) -> None:
    install_crds(ready, describe(), prometheus_operator_crds="31.0.0")
    subject = describe()
    (note,) = preflight.check(subject.platform, subject.name, subject.packages, preview=True)
    assert note.what.startswith("is pinned at prometheus-operator-crds-31.0.1, but the CRDs")
    assert _refused() == [f"preflight: {note}"]


def test_a_preview_refuses_what_is_no_matter_of_pins(ready: LabCluster) -> None:
    claim(ready, "prod.eu-west")
    assert len(_refused(preview=True)) == 2


def test_the_crd_stack_needs_the_right_cluster_but_no_account_and_no_crds(
    kubeconfig: LabCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    claim(kubeconfig, "dev.us-east")
    subject = describe()
    preflight.check_cluster(subject.platform, subject.name)
    claim(kubeconfig, "prod.eu-west")
    with pytest.raises(SettingsError, match=r"belongs to stack 'prod\.eu-west'"):
        preflight.check_cluster(subject.platform, subject.name)
