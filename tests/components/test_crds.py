from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from charts import crds as repackaged
from charts.pull import Package, resolve
from components import crds
from components.crds import Crds
from components.values import addresses, releases
from components.values.context import Context
from settings import load, names
from tests.recording import record
from tests.rendering import one, render

OPERATOR = "opentelemetry-operator"
VERSIONS = [
    {"prometheus-operator-crds": "31.0.1", OPERATOR: "0.122.0"},
    {"prometheus-operator-crds": "31.0.0", OPERATOR: "0.121.0"},
]


def _package(name: str) -> Package:
    return resolve({})[name]


@cache
def _opentelemetry() -> list[dict[str, Any]]:
    package = _package(OPERATOR)
    values = crds.opentelemetry_values(package)
    return render(addresses.OPERATOR_RELEASE, repackaged.only(package), values, names.NAMESPACE)


def _name(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["name"])


def _names(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(map(_name, objects))


@cache
def _prometheus() -> list[dict[str, Any]]:
    package = _package(crds.PROMETHEUS_CHART)
    return render("x", repackaged.only(package), crds.prometheus_values(package), names.NAMESPACE)


def _undescribed(value: Any, *, of_properties: bool = False) -> Any:
    """Drop the descriptions of a parsed CRD, but no property of that name."""
    if isinstance(value, list):
        return [_undescribed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _undescribed(inner, of_properties=key == "properties" and not of_properties)
        for key, inner in value.items()
        if key != "description" or of_properties or not isinstance(inner, str)
    }


def _schemas(objects: list[dict[str, Any]], kept: bool) -> dict[str, Any]:
    return {
        f"{each['metadata']['name']}/{version['name']}": version["schema"] if kept else _undescribed(version["schema"])
        for each in objects
        for version in each["spec"]["versions"]
    }


def test_the_stack_makes_exactly_the_crds_that_a_region_asks_for() -> None:
    made = [*_prometheus(), *_opentelemetry()]
    assert {each["kind"] for each in made} == {"CustomResourceDefinition"}
    assert _names(made) == sorted(names.CRDS)


@pytest.mark.parametrize("choices", VERSIONS)
def test_repackaged_crds_are_those_of_the_whole_chart_without_descriptions(choices: dict[str, str]) -> None:
    packages = resolve(choices)
    for chart, values, release in (
        (crds.PROMETHEUS_CHART, crds.prometheus_values, crds.PROMETHEUS_CHART),
        (OPERATOR, crds.opentelemetry_values, addresses.OPERATOR_RELEASE),
    ):
        package = packages[chart]
        whole = render(release, package, values(package), names.NAMESPACE)
        whole = [each for each in whole if each["kind"] == "CustomResourceDefinition"]
        made = render(release, repackaged.only(package), values(package), names.NAMESPACE)
        assert _names(made) == _names(whole)
        assert _schemas(made, kept=True) == _schemas(whole, kept=False)
        for ours, theirs in zip(sorted(made, key=_name), sorted(whole, key=_name), strict=True):
            assert ours["metadata"] == theirs["metadata"]
            assert {**ours["spec"], "versions": 0} == {**theirs["spec"], "versions": 0}


def test_a_property_called_description_stays() -> None:
    text = (
        "    properties:\n"
        "      description:\n"
        "        description: |-\n"
        "          What it is.\n"
        "\n"
        "          And more.\n"
        "        type: string\n"
        "      other:\n"
        "        description: short\n"
        "        type: string\n"
    )
    assert repackaged.without_descriptions(text) == (
        "    properties:\n      description:\n        type: string\n      other:\n        type: string\n"
    )


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_the_conversion_webhook_is_the_service_and_certificate_of_the_operators_own_release(stack: str) -> None:
    release = releases.opentelemetry_operator(Context(*load.from_file(stack)))
    installed = render(release.name, _package(release.chart), release.values, release.namespace)
    assert [each for each in installed if each["kind"] == "CustomResourceDefinition"] == []
    collector = one(_opentelemetry(), "CustomResourceDefinition", "opentelemetrycollectors.opentelemetry.io")
    service = collector["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    found = one(installed, "Service", service["name"])
    assert found["metadata"]["namespace"] == service["namespace"]
    assert service["port"] in [port["port"] for port in found["spec"]["ports"]]
    namespace, _, name = collector["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].partition("/")
    assert one(installed, "Certificate", name)["metadata"]["namespace"] == namespace


def test_repackaging_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = repackaged.only(_package(OPERATOR), tmp_path / "a")
    second = repackaged.only(_package(OPERATOR), tmp_path / "b")
    assert first.path.name == second.path.name
    assert first.path.read_bytes() == second.path.read_bytes()


def test_each_crd_says_its_pin() -> None:
    pins = {each["metadata"]["annotations"]["observability-platform/chart-version"] for each in _prometheus()}
    assert pins == {"prometheus-operator-crds-31.0.1"}
    pins = {each["metadata"]["annotations"]["observability-platform/chart-version"] for each in _opentelemetry()}
    assert pins == {"opentelemetry-operator-0.122.0"}


def test_crds_outlive_a_destroy_and_no_transform_reads_them() -> None:
    recorded = record(lambda: Crds("crds", resolve({})), project="observability-platform-crds")
    component = recorded["crds"]
    # The engine passes both on to all that hang below.
    assert (component.protect, component.retain_on_delete) == (True, True)
    assert {each.transforms for each in recorded.values()} == {0}


def test_both_charts_hang_below_the_component() -> None:
    recorded = record(lambda: Crds("crds", resolve({})), project="observability-platform-crds")
    assert sorted(recorded) == ["crds", OPERATOR, "prometheus-operator-crds"]
    charts = recorded.of_type("kubernetes:helm.sh/v4:Chart")
    assert {each.parent.rsplit("::", 1)[1] for each in charts} == {"crds"}
    assert {each.inputs["skipCrds"] for each in charts} == {True}
