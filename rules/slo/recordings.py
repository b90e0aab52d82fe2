"""What is recorded of each SLO; everything else is the same for all and stands in rules/slo.rules.yaml.

Six cheap rules per SLO and one set of rules over all: Prometheus then evaluates windows, budgets and alerts of a
thousand SLOs in some thirty queries, not in twenty thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rules.slo import conventions as names
from rules.slo.sources import queries
from settings.slo import Slo

INTERVAL = "30s"
"""Evaluation interval, which slo.rules.yaml counts requests by."""

Rule = dict[str, Any]


def rule_groups(tenant: str, slos: Mapping[str, Slo], identity: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one rule group per SLO of a tenant, in the order of their names; its labels stand once, at the group.

    Args:
        tenant: its name.
        slos: its SLOs by name.
        identity: region, cluster and environment, as they stand in labels. Series carry them too; they are written
            here because what is constant (an objective) has no series to take them from.
    """
    return [
        {
            "name": f"slo.{tenant}.{name}",
            "interval": INTERVAL,
            "labels": labels(tenant, name, slo, identity),
            "rules": _rules(tenant, name, slo),
        }
        for name, slo in sorted(slos.items())
    ]


def labels(tenant: str, name: str, slo: Slo, identity: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of every series of one SLO; the owner is not among them, since owners change."""
    return {
        "tenant": tenant,
        **identity,
        names.SERVICE_NAME_LABEL: slo.service,
        names.ID_LABEL: _id(tenant, name),
        names.SERVICE_LABEL: slo.service,
        names.SLO_LABEL: name,
    }


def objective(slo: Slo) -> str:
    """Return the objective as a ratio without binary noise: 99.95 is 0.9995."""
    return f"{Decimal(str(slo.objective)) / 100}"


def _id(tenant: str, name: str) -> str:
    return f"{tenant}-{name}"


def _rules(tenant: str, name: str, slo: Slo) -> list[Rule]:
    owner = f'tenant="{tenant}"'
    sli = queries(slo, owner, f'{names.TOTAL}{{{owner}, {names.ID_LABEL}="{_id(tenant, name)}"}}')
    info = {
        names.OBJECTIVE_LABEL: f"{Decimal(str(slo.objective)).normalize():f}",
        names.MODE_LABEL: names.MODE,
        names.SPEC_LABEL: names.SPEC,
        names.OWNER_LABEL: slo.owner,
    }
    # In this order: errors read the total of the same evaluation.
    return [
        {"record": names.TOTAL, "expr": sli.total},
        {"record": names.ERRORS, "expr": sli.errors},
        {"record": names.OBJECTIVE, "expr": f"vector({objective(slo)})"},
        {"record": names.TIME_PERIOD, "expr": f"vector({slo.window.days})"},
        {"record": names.MINIMUM_FAILURES, "expr": f"vector({slo.minimum_failures})"},
        {"record": names.INFO, "expr": "vector(1)", "labels": info},
    ]
