"""What the Collection component registers: names, parents, order, and nothing twice."""

from __future__ import annotations

import pytest

from charts.pull import resolve
from components.collection import Collection
from settings.vocabulary import Integration
from tests.contexts import context
from tests.recording import Recorded, record

TYPE = "observability-platform:components:Collection"
COLLECTOR = "kubernetes:opentelemetry.io/v1beta1:OpenTelemetryCollector"


@pytest.fixture(scope="module")
def made() -> Recorded:
    given = context(integrations=[Integration.KAFKA_JMX])
    return record(lambda: Collection("collection", given, resolve({})))


def test_everything_is_a_child_of_the_component(made: Recorded) -> None:
    (component,) = made.of_type(TYPE)
    assert component.name == "collection"
    children = {name for name, each in made.items() if each.parent.endswith(f"{TYPE}::collection")}
    assert children == set(made) - {"collection"}


def test_each_collector_is_a_resource_in_its_namespace(made: Recorded) -> None:
    found = {each.name: each.inputs["metadata"] for each in made.of_type(COLLECTOR)}
    assert {name: (meta["name"], meta["namespace"]) for name, meta in found.items()} == {
        "collection-agent": ("agent", "observability-node"),
        "collection-gateway": ("gateway", "observability"),
        "collection-cluster": ("cluster", "observability"),
    }
    assert found["collection-agent"]["labels"] == {
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/name": "agent",
        "app.kubernetes.io/part-of": "observability-platform",
    }


def test_collectors_wait_for_the_operator_their_rights_and_the_closed_door(made: Recorded) -> None:
    assert made["collection-agent"].depends_on >= {
        "opentelemetry-operator",
        "collection-gateway-ingress",
        "collection-agent-account",
        "collection-agent-role",
        "collection-agent-binding",
    }
    assert made["collection-instrumentation"].depends_on >= {"opentelemetry-operator"}


def test_rights_go_to_the_collectors_own_account(made: Recorded) -> None:
    binding, role = made["collection-agent-binding"].inputs, made["collection-agent-role"].inputs
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "observability-platform-agent-collector"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "agent-collector", "namespace": "observability-node"}
    ]
    assert role["rules"][0] == {
        "apiGroups": [""],
        "resources": ["namespaces", "pods"],
        "verbs": ["get", "list", "watch"],
    }
    assert "collection-gateway-role" not in made


def test_the_network_policy_reaches_the_engine_as_kubernetes_spells_it(made: Recorded) -> None:
    spec = made["collection-gateway-ingress"].inputs["spec"]
    assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "observability.gateway"
    assert spec["policyTypes"] == ["Ingress"]
    assert set(spec["ingress"][0]) == {"from", "ports"}


def test_the_configuration_reaches_the_engine_unchanged(made: Recorded) -> None:
    sent = made["collection-gateway"].inputs["spec"]["config"]
    assert {"errors", "background"} < {each["name"] for each in sent["processors"]["tail_sampling"]["policies"]}
    assert sent["exporters"]["otlp_http/logs-payments"]["headers"] == {"X-Scope-OrgID": "payments"}
