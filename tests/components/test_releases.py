"""Every StatefulSet of a chart leaves its pods and volumes behind when it is replaced, and nothing else does."""

from __future__ import annotations

import pytest

from charts import pins
from charts.pull import resolve
from components.values import releases
from settings.load import ROOT
from tests.contexts import context
from tests.rendering import render

STACKS = ["dev.us-east", "prod.us-east"]
POLICY = "pulumi.com/deletionPropagationPolicy"


@pytest.mark.parametrize("stack", STACKS)
def test_every_stateful_set_and_nothing_else_leaves_its_pods_behind(stack: str) -> None:
    for release in releases.all_of(context(stack)):
        for version in pins.load(ROOT).charts[release.chart].versions:
            package = resolve({release.chart: version})[release.chart]
            rendered = render(release.name, package, release.values, release.namespace)
            left = {
                f"{each['kind']}/{each['metadata']['name']}"
                for each in rendered
                if (each["metadata"].get("annotations") or {}).get(POLICY) == "orphan"
            }
            stateful = {f"StatefulSet/{each['metadata']['name']}" for each in rendered if each["kind"] == "StatefulSet"}
            assert left == stateful, f"{stack} {release.name} {version}"
