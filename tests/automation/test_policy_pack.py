"""The policy pack hands the rules what the policy SDK gives; the SDK itself is stood in for."""

from __future__ import annotations

import runpy
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from automation.policies import RULES
from lab.instance import ROOT


def test_the_pack_has_every_rule_and_reports_by_urn(monkeypatch: pytest.MonkeyPatch) -> None:
    packs: list[dict[str, Any]] = []
    sdk = ModuleType("pulumi_policy")
    vars(sdk).update(
        PolicyPack=lambda **given: packs.append(given),
        StackValidationPolicy=lambda **given: SimpleNamespace(**given),
        EnforcementLevel=SimpleNamespace(MANDATORY="mandatory"),
    )
    monkeypatch.setitem(sys.modules, "pulumi_policy", sdk)
    monkeypatch.syspath_prepend(str(ROOT))
    runpy.run_path(str(ROOT / "policy" / "__main__.py"))
    policies = {each.name: each for each in packs[0]["policies"]}
    assert (list(policies), packs[0]["enforcement_level"]) == (list(RULES), "mandatory")

    bucket = SimpleNamespace(
        urn="urn:bucket",
        resource_type="aws:s3/bucket:Bucket",
        props={"bucket": "x"},
        opts=SimpleNamespace(protect=False),
    )
    told: list[tuple[str, str]] = []
    for each in policies.values():
        each.validate(SimpleNamespace(resources=[bucket]), lambda message, urn: told.append((urn, message)))
    assert [urn for urn, _ in told] == ["urn:bucket", "urn:bucket"]
    assert "no public access block" in told[0][1]
    assert "is not protected" in told[1][1]
