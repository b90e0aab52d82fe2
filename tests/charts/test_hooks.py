"""Hooks do not run here: every hook that a pinned chart would drop is named, with why nobody misses it."""

from __future__ import annotations

from typing import Any

import pytest

from charts import pins
from charts.pull import Package, resolve
from components.values import releases
from settings.load import ROOT
from tests.contexts import context
from tests.rendering import render

HARMLESS = {"test", "test-success"}
"""Kinds of hook that only `helm test` runs, and nobody calls that here."""
STACKS = ["dev.us-east", "prod.us-east"]


def _cases() -> list[tuple[str, str, str]]:
    pinned = pins.load(ROOT).charts
    return [
        (stack, release.chart, version)
        for stack in STACKS
        for release in releases.all_of(context(stack))
        for version in pinned[release.chart].versions
    ]


def hooks(stack: str, package: Package) -> list[tuple[dict[str, Any], set[str]]]:
    release = next(each for each in releases.all_of(context(stack)) if each.chart == package.name)
    rendered = render(release.name, package, release.values, release.namespace, hooks=True)
    found = [(each, (each["metadata"].get("annotations") or {}).get("helm.sh/hook")) for each in rendered]
    return [(each, {kind.strip() for kind in kinds.split(",")}) for each, kinds in found if kinds]


@pytest.mark.parametrize(("stack", "chart", "version"), _cases())
def test_no_pinned_chart_drops_a_hook_that_it_needs(stack: str, chart: str, version: str) -> None:
    for each, kinds in hooks(stack, resolve({chart: version})[chart]):
        assert kinds <= HARMLESS, (
            f"{chart} {version} would run {each['kind']} {each['metadata']['name']} as {', '.join(sorted(kinds))}; "
            "switch what needs it off in the values, or do its work by other means"
        )


def test_the_search_finds_hooks_where_there_are_some() -> None:
    package = resolve({})["kube-prometheus-stack"]
    values = {"prometheusOperator": {"admissionWebhooks": {"patch": {"enabled": True}}}}
    rendered = render("metrics", package, values, "observability", hooks=True)
    assert len(rendered) > len(render("metrics", package, values, "observability"))
