"""The driver's policies as a Pulumi policy pack: pulumi preview --policy-pack policy.

The rules are `automation.policies`; this only hands them the resources. It needs `pulumi-policy` and this repository's
own requirements in `policy/venv`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from automation.policies import RULES
from automation.recorder import Planned

# By name, since the driver and its tests do without that package.
policy: Any = importlib.import_module("pulumi_policy")


def planned(resource: Any) -> Planned:
    """Return a resource of the policy SDK as the rules know it; what retains it is not told, so protection stands."""
    protect = bool(resource.opts.protect)
    return Planned(resource.urn, resource.resource_type, dict(resource.props), protect, protect)


def validation(name: str) -> Callable[[Any, Callable[[str, str], None]], None]:
    """Return the callback of one rule."""

    def validate(args: Any, report: Callable[[str, str], None]) -> None:
        for resource, message in RULES[name]([planned(each) for each in args.resources]):
            report(message, resource.urn)

    return validate


policy.PolicyPack(
    name="observability-platform",
    enforcement_level=policy.EnforcementLevel.MANDATORY,
    policies=[
        policy.StackValidationPolicy(name=name, description=name.replace("-", " "), validate=validation(name))
        for name in RULES
    ],
)
