from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest

from charts import crds as repackaged
from charts.pull import Package, resolve
from components import crds
from components.crds import Crds, keep
from components.values import addresses
from settings import names
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
    package = repackaged.only(_package(OPERATOR))
    return render(addresses.OPERATOR_RELEASE, package, crds.OPENTELEMETRY_VALUES, names.NAMESPACE)


def _names(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(each["metadata"]["name"] for each in objects)


@pytest.mark.parametrize("choices", VERSIONS)
def test_the_charts_give_crds_and_nothing_else(choices: dict[str, str]) -> None:
    packages = resolve(choices)
    prometheus = render("x", packages[crds.PROMETHEUS_CHART], {}, names.NAMESPACE)
    opentelemetry = render(
        addresses.OPERATOR_RELEASE,
        repackaged.only(packages[OPERATOR]),
        crds.OPENTELEMETRY_VALUES,
        names.NAMESPACE,
    )
    assert {each["kind"] for each in [*prometheus, *opentelemetry]} == {"CustomResourceDefinition"}
    assert sorted([*_names(prometheus), *_names(opentelemetry)]) == sorted(names.CRDS)


def test_the_repackaged_crds_are_those_of_the_whole_chart() -> None:
    whole = render(addresses.OPERATOR_RELEASE, _package(OPERATOR), crds.OPENTELEMETRY_VALUES, names.NAMESPACE)
    expected = [each for each in whole if each["kind"] == "CustomResourceDefinition"]
    assert sorted(_opentelemetry(), key=str) == sorted(expected, key=str)


def test_the_conversion_webhook_is_the_service_and_certificate_of_the_operators_release() -> None:
    whole = render(addresses.OPERATOR_RELEASE, _package(OPERATOR), crds.OPENTELEMETRY_VALUES, names.NAMESPACE)
    collector = one(_opentelemetry(), "CustomResourceDefinition", "opentelemetrycollectors.opentelemetry.io")
    service = collector["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    assert one(whole, "Service", service["name"])["metadata"]["namespace"] == service["namespace"]
    namespace, _, name = collector["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].partition("/")
    assert one(whole, "Certificate", name)["metadata"]["namespace"] == namespace


def test_repackaging_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = repackaged.only(_package(OPERATOR), tmp_path / "a")
    second = repackaged.only(_package(OPERATOR), tmp_path / "b")
    assert first.path.name == second.path.name
    assert first.path.read_bytes() == second.path.read_bytes()


def _transform(token: str, props: dict[str, Any]) -> pulumi.ResourceTransformResult | None:
    package = Package("prometheus-operator-crds", "31.0.1", Path("unused.tgz"))
    args = pulumi.ResourceTransformArgs(
        custom=True, type_=token, name="x", props=props, opts=pulumi.ResourceOptions(depends_on=[])
    )
    return keep(package, args)


def test_a_crd_says_its_pin_and_outlives_a_destroy() -> None:
    before = {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"group": "g"}}
    result = _transform(crds.CRD_TYPE, before)
    assert result is not None
    assert result.props == {
        "metadata": {
            "name": "x",
            "labels": {"a": "b", "observability-platform/chart-version": "prometheus-operator-crds-31.0.1"},
        },
        "spec": {"group": "g"},
    }
    assert (result.opts.protect, result.opts.retain_on_delete) == (True, True)


def test_only_crds_are_kept() -> None:
    assert _transform("kubernetes:helm.sh/v4:Chart", {}) is None


def test_both_charts_hang_below_the_component_with_the_transform() -> None:
    recorded = record(lambda: Crds("crds", resolve({})), project="observability-platform-crds")
    assert sorted(recorded) == ["crds", OPERATOR, "prometheus-operator-crds"]
    charts = recorded.of_type("kubernetes:helm.sh/v4:Chart")
    assert {each.parent.rsplit("::", 1)[1] for each in charts} == {"crds"}
    assert {each.inputs["skipCrds"] for each in charts} == {True}
    # The one that keeps CRDs, and the one that every chart of ours has.
    assert [each.transforms for each in charts] == [2, 2]
