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


def _names(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(each["metadata"]["name"] for each in objects)


@pytest.mark.parametrize("choices", VERSIONS)
def test_the_charts_give_crds_and_nothing_else(choices: dict[str, str]) -> None:
    packages = resolve(choices)
    package = packages[OPERATOR]
    prometheus = render("x", packages[crds.PROMETHEUS_CHART], {}, names.NAMESPACE)
    values = crds.opentelemetry_values(package)
    opentelemetry = render(addresses.OPERATOR_RELEASE, repackaged.only(package), values, names.NAMESPACE)
    assert {each["kind"] for each in [*prometheus, *opentelemetry]} == {"CustomResourceDefinition"}
    assert sorted([*_names(prometheus), *_names(opentelemetry)]) == sorted(names.CRDS)


def test_the_repackaged_crds_are_those_of_the_whole_chart() -> None:
    package = _package(OPERATOR)
    whole = render(addresses.OPERATOR_RELEASE, package, crds.opentelemetry_values(package), names.NAMESPACE)
    expected = [each for each in whole if each["kind"] == "CustomResourceDefinition"]
    assert sorted(_opentelemetry(), key=str) == sorted(expected, key=str)


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
    package = _package(crds.PROMETHEUS_CHART)
    rendered = render("x", package, crds.prometheus_values(package), names.NAMESPACE)
    pins = {each["metadata"]["annotations"]["observability-platform/chart-version"] for each in rendered}
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
