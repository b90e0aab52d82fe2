from __future__ import annotations

from components.namespaces import Namespaces
from components.values.context import Context
from settings import load
from tests.recording import record

PREFIX = "pod-security.kubernetes.io"


def _metadata() -> dict[str, dict[str, dict[str, str]]]:
    context = Context(*load.from_file("prod.eu-west"))
    recorded = record(lambda: Namespaces("namespaces", context))
    made = recorded.of_type("kubernetes:core/v1:Namespace")
    return {each.inputs["metadata"]["name"]: each.inputs["metadata"] for each in made}


def test_ordinary_pods_are_restricted_and_only_node_agents_are_privileged() -> None:
    levels = {name: metadata["labels"][f"{PREFIX}/enforce"] for name, metadata in _metadata().items()}
    assert levels == {"observability": "restricted", "observability-node": "privileged"}


def test_the_security_level_is_pinned_warned_of_and_audited() -> None:
    labels = _metadata()["observability"]["labels"]
    assert {key: value for key, value in labels.items() if key.startswith(PREFIX)} == {
        f"{PREFIX}/enforce": "restricted",
        f"{PREFIX}/enforce-version": "v1.34",
        f"{PREFIX}/audit": "restricted",
        f"{PREFIX}/audit-version": "v1.34",
        f"{PREFIX}/warn": "restricted",
        f"{PREFIX}/warn-version": "v1.34",
    }


def test_both_namespaces_are_claimed_for_the_stack() -> None:
    claims = {metadata["annotations"]["observability-platform/stack"] for metadata in _metadata().values()}
    assert claims == {"prod.eu-west"}


def test_children_hang_below_the_component_and_are_named_after_it() -> None:
    context = Context(*load.from_file("dev.us-east"))
    recorded = record(lambda: Namespaces("namespaces", context))
    assert sorted(recorded) == ["namespaces", "namespaces-observability", "namespaces-observability-node"]
    component = recorded["namespaces"]
    assert component.type == "observability-platform:components:Namespaces"
    parents = {each.parent.rsplit("::", 1)[1] for each in recorded.of_type("kubernetes:core/v1:Namespace")}
    assert parents == {"namespaces"}
