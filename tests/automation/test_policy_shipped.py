"""What the project itself registers and renders breaks no policy, in any region of the environments that ship."""

from __future__ import annotations

import pytest

import tools
from automation import policies
from settings import load
from tests.automation.shipped import STACKS, planned


@pytest.mark.parametrize("stack", STACKS)
def test_no_resource_of_a_shipped_region_breaks_a_policy(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_BIN", str(tools.ensure("helm")["helm"]))
    plan = planned(stack)
    kinds = {each.type.rpartition(":")[2] for each in plan}
    assert len(plan) > 200
    assert {"OpenTelemetryCollector", "Prometheus", "Alertmanager", "BucketPolicy", "ConfigMap", "Namespace"} <= kinds
    protection = load.environment_from_file(stack.partition(".")[0]).deletion_protection
    assert policies.check(plan, protection=protection) == []
