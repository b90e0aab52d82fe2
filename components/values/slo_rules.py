"""The recordings of the SLOs of a region's tenants: one rule file per tenant, so that a diff shows whose changes."""

from __future__ import annotations

from typing import Any

from components.values.context import Context
from rules.slo import recordings


def slo_rule_files(context: Context) -> dict[str, dict[str, Any]]:
    """Return the rule file of each tenant that has SLOs, by `slo-<tenant>`."""
    groups = {
        name: recordings.rule_groups(name, tenant.slos, context.identity) for name, tenant in context.tenants.items()
    }
    return {f"slo-{name}": {"groups": made} for name, made in groups.items() if made}
