"""The driver's policies as a Pulumi policy pack: pulumi preview --policy-pack policy.

The rules are `automation.policies`; this only hands them the resources. It runs in this repository's own environment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pulumi_policy as sdk
from pulumi_policy import proxy
from pulumi_policy.deserialize import serialize_properties

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from automation.paths import UNKNOWN
from automation.policies import PROTECTED, RULES
from automation.recorder import Planned
from settings import load
from settings.problem import SettingsError

_UNKNOWN: Final = {value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")}


def planned(resource: sdk.PolicyResource) -> Planned:
    """Return a resource of the policy SDK as the rules know it; what retains it is not told, so protection stands.

    The SDK wraps what it hands out: its lists equal nothing, and to look at an unknown value ends the whole policy. So
    it is unwrapped, as the SDK itself does, and the rules see to unknown values.
    """
    protect = bool(resource.opts.protect)
    inputs = _plain(serialize_properties(resource.props))
    return Planned(resource.urn, resource.resource_type, inputs, protect, protect)


def _plain(value: Any) -> Any:
    """Return a value with one marker for all that is unknown, where the SDK has one for each type."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN else value


def protection(resources: Sequence[sdk.PolicyResource]) -> bool:
    """Return whether the settings of the resources' stack ask for deletion protection; without settings, they do."""
    stack = resources[0].urn.partition("::")[0].rpartition(":")[2] if resources else ""
    try:
        return load.environment_from_file(stack.partition(".")[0]).deletion_protection
    except SettingsError:
        return True


def validation(name: str) -> Any:
    """Return the callback of one rule."""

    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        if name == PROTECTED and not protection(args.resources):
            return
        for resource, message in RULES[name]([planned(each) for each in args.resources]):
            report(message, resource.urn)

    return validate


sdk.PolicyPack(
    name="observability-platform",
    enforcement_level=sdk.EnforcementLevel.MANDATORY,
    policies=[
        sdk.StackValidationPolicy(name=name, description=name.replace("-", " "), validate=validation(name))
        for name in RULES
    ],
)
