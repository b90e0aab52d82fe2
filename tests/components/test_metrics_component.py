"""What the component registers beside the chart, and in which order."""

from __future__ import annotations

from charts.pull import resolve
from components.metrics import Metrics
from settings import names
from tests.contexts import collecting, context
from tests.recording import record

PACKAGES = resolve({})


def test_the_component_registers_the_chart_and_what_stands_beside_it() -> None:
    made = record(lambda: Metrics("m", context(), PACKAGES))
    assert {name: each.type for name, each in made.items()} == {
        "m": "observability-platform:components:Metrics",
        "metrics": "kubernetes:helm.sh/v4:Chart",
        "m-datasources": "kubernetes:core/v1:ConfigMap",
        "m-policy": "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
        "m-policy-binding": "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
        "m-metrics-prometheus-ingress": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "m-metrics-alertmanager-ingress": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "m-annotated-pods": "kubernetes:monitoring.coreos.com/v1:PodMonitor",
    }


def test_annotated_pods_can_be_left_unscraped() -> None:
    given = context(platform=collecting(scrape_annotated_pods=False))
    made = record(lambda: Metrics("m", given, PACKAGES))
    assert "m-annotated-pods" not in made


def test_tenants_pods_cannot_reach_prometheus_or_alertmanager_past_the_access_proxy() -> None:
    made = record(lambda: Metrics("m", context(), PACKAGES))
    for target, ports in (("metrics-prometheus", {9090, 8080}), ("metrics-alertmanager", {9093, 9094, 8080})):
        spec = made[f"m-{target}-ingress"].inputs["spec"]
        (rule,) = spec["ingress"]
        assert spec["policyTypes"] == ["Ingress"]
        assert target in spec["podSelector"]["matchLabels"].values()
        assert rule["from"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": names.NAMESPACE}}}
        ]
        assert {each["port"] for each in rule["ports"]} == ports
        assert f"m-{target}-ingress" in made["metrics"].depends_on
