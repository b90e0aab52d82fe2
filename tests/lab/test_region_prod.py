"""Production regions whole, on the real engine and API server: no change twice, and one change of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.region import Stand, changes, standing


@pytest.fixture(scope="module")
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(f"prod.{request.param}", tmp_path_factory.mktemp(request.param), destroyed=False) as made:
        yield made


EVERY = pytest.mark.parametrize("stand", ["us-east", "eu-west", "ap-southeast"], indirect=True, scope="module")
ONE = pytest.mark.parametrize("stand", ["eu-west"], indirect=True, scope="module")
"""What an edit changes follows from the program, which is the same for every region: a minute for each is spared."""


@EVERY
def test_a_preview_after_up_shows_no_change_twice_in_a_row(stand: Stand) -> None:
    for _ in range(2):
        result = stand.preview()
        assert (changes(result), result.warnings) == ({}, [])
        assert set(result.counts) == {"same"}


def _shorter_logs(platform: dict[str, Any]) -> None:
    platform["retention"]["logs"] = "29d"


@ONE
def test_a_shorter_log_retention_changes_loki_and_its_bucket_only(stand: Stand) -> None:
    seen = dict(changes(stand.preview(_shorter_logs)))
    assert seen.pop("update aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration store-logs-lifecycle") == (
        "rules[0].expiration.days",
    )
    assert seen.pop("update kubernetes:core/v1:ConfigMap loki:observability/loki") == ('data["config.yaml"]',)
    assert seen.pop("update kubernetes:core/v1:ConfigMap loki:observability/loki-runtime") == (
        'data["runtime-config.yaml"]',
    )
    # What is left are the roles that read the file at their start.
    roles = [
        "Deployment loki:observability/loki-distributor",
        "Deployment loki:observability/loki-querier",
        "Deployment loki:observability/loki-query-frontend",
        "Deployment loki:observability/loki-query-scheduler",
        "StatefulSet loki:observability/loki-compactor",
        "StatefulSet loki:observability/loki-index-gateway",
        "StatefulSet loki:observability/loki-ingester",
    ]
    assert seen == {
        f"update kubernetes:apps/v1:{role}": ("spec.template.metadata.annotations.checksum/config",) for role in roles
    }


def _one_tenant_more(platform: dict[str, Any]) -> None:
    platform["tenants"]["zoo"] = {
        "namespaces": ["zoo"],
        "owners": ["team-zoo"],
        "channels": {"slack": "#zoo"},
        "limits": {"active_series": 10000, "log_mb_per_second": 1, "spans_per_second": 100},
        "slos": {
            "tickets": {
                "service": "tickets",
                "objective": 99,
                "window": "28d",
                "source": "span_metrics",
                "owner": "team-zoo",
            }
        },
    }


@ONE
def test_a_tenant_more_changes_what_knows_tenants_and_restarts_no_store(stand: Stand) -> None:
    seen = dict(changes(stand.preview(_one_tenant_more)))
    gateway = seen.pop("update kubernetes:opentelemetry.io/v1beta1:OpenTelemetryCollector collection-gateway")
    added = {path for path in gateway if "zoo" in path}
    assert added == {
        "spec.config.exporters.otlp_grpc/traces-zoo",
        "spec.config.exporters.otlp_http/logs-zoo",
        "spec.config.service.pipelines.logs/zoo",
        "spec.config.service.pipelines.traces/zoo",
    }
    assert all(path.startswith("spec.config.connectors.routing/") for path in set(gateway) - added)
    prometheus = seen.pop(
        "update kubernetes:monitoring.coreos.com/v1:Prometheus metrics:observability/metrics-prometheus"
    )
    assert all(path.startswith("spec.scrapeClasses[0].") for path in prometheus)
    for collector in ("agent", "cluster"):
        paths = seen.pop(f"update kubernetes:opentelemetry.io/v1beta1:OpenTelemetryCollector collection-{collector}")
        assert all(path.startswith("spec.config.processors.transform/identity.") for path in paths)
    policy = seen.pop("update kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy metrics-policy")
    assert all(path.startswith("spec.matchConstraints.namespaceSelector.matchExpressions[0]") for path in policy)
    (token,) = seen.pop("update kubernetes:external-secrets.io/v1:ExternalSecret secrets-access-tokens")
    assert token.startswith("spec.data[")
    limits = seen.pop("update kubernetes:monitoring.coreos.com/v1:PrometheusRule rules-settings")
    assert all(path.startswith("spec.groups") for path in limits)
    assert seen == {
        "update kubernetes:core/v1:Secret routing-config": ('data["alertmanager.yaml"]',),
        "update kubernetes:core/v1:ConfigMap loki:observability/loki-runtime": ('data["runtime-config.yaml"]',),
        "update kubernetes:core/v1:ConfigMap tempo:observability/tempo-runtime": ('data["overrides.yaml"]',),
        "update kubernetes:core/v1:ConfigMap metrics-datasources": ('data["datasources.yaml"]',),
        "create kubernetes:monitoring.coreos.com/v1:PrometheusRule rules-slo-zoo": (),
        # Its token, and the proxy that has to know it.
        "create random:index/randomPassword:RandomPassword secrets-access-token-zoo": (),
        "create aws:secretsmanager/secret:Secret secrets-access-token-zoo-secret": (),
        "create aws:secretsmanager/secretVersion:SecretVersion secrets-access-token-zoo-version": (),
        "update kubernetes:core/v1:ConfigMap access-config": ('data["caddy.json"]',),
        "update kubernetes:apps/v1:Deployment access-proxy": (
            "spec.template.metadata.annotations.observability-platform/config-digest",
        ),
    }


def _larger_grafana(platform: dict[str, Any]) -> None:
    for region in platform["regions"].values():
        region["overrides"] = {"grafana": {"memory": "2Gi"}}


@ONE
def test_one_number_of_one_workload_changes_that_workload_only(stand: Stand) -> None:
    assert changes(stand.preview(_larger_grafana)) == {
        "update kubernetes:apps/v1:Deployment metrics:observability/grafana": (
            "spec.template.spec.containers[2].resources.limits.memory",
            "spec.template.spec.containers[2].resources.requests.memory",
        )
    }


def _older_loki(platform: dict[str, Any]) -> None:
    for region in platform["regions"].values():
        region["charts"] = {"loki": "18.10.1"}


@ONE
def test_a_chart_version_changes_that_charts_objects_only(stand: Stand) -> None:
    seen = changes(stand.preview(_older_loki))
    assert len(seen) > 30
    assert all(" loki:observability/loki" in name and name.startswith("update ") for name in seen)
    label = 'metadata.labels["helm.sh/chart"]'
    assert {path for paths in seen.values() for path in paths} == {label, f"spec.template.{label}"}
