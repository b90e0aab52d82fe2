"""A release says whether its chart holds a StatefulSet, and the pods of one outlive its replacement only then."""

from __future__ import annotations

import pytest

from charts import pins
from charts.pull import resolve
from components.values import releases
from settings.load import ROOT
from tests.contexts import context
from tests.rendering import render

STACKS = ["dev.us-east", "prod.us-east"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_release_knows_whether_it_holds_a_stateful_set(stack: str) -> None:
    for release in releases.all_of(context(stack)):
        for version in pins.load(ROOT).charts[release.chart].versions:
            package = resolve({release.chart: version})[release.chart]
            rendered = render(release.name, package, release.values, release.namespace)
            found = {each["metadata"]["name"] for each in rendered if each["kind"] == "StatefulSet"}
            assert bool(found) is release.stateful, f"{stack} {release.name} {version}: {sorted(found) or 'none'}"
