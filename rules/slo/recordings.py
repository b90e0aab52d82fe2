"""What is recorded of each SLO; everything else is the same for all and stands in rules/slo.rules.yaml.

Two queries and four constants per SLO, and one set of rules over all: Prometheus then evaluates windows, budgets and
alerts of a thousand SLOs in some thirty queries, not in twenty thousand.
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
SPEC_INTERVAL = "2m"
"""How often constants are recorded: each is an evaluation too, and one may be missed before they are gone (5 min)."""

Rule = dict[str, Any]


def rule_groups(tenant: str, slos: Mapping[str, Slo], identity: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one rule group per SLO of a tenant for what is measured, and one for what all their specs say.

    Args:
        tenant: its name.
        slos: its SLOs by name.
        identity: region, cluster and environment, as they stand in labels. Series carry them too; they are written
            here because what is constant (an objective) has no series to take them from.
    """
    if not slos:
        return []
    measured = [
        {
            "name": f"slo.{tenant}.{name}",
            "interval": INTERVAL,
            "labels": labels(tenant, name, slo, identity),
            "rules": _measured(tenant, name, slo),
        }
        for name, slo in sorted(slos.items())
    ]
    shared = {"tenant": tenant, **identity}
    specs = [rule for name, slo in sorted(slos.items()) for rule in _specified(slo, _own_labels(tenant, name, slo))]
    return [*measured, {"name": f"slo.{tenant}", "interval": SPEC_INTERVAL, "labels": shared, "rules": specs}]


def labels(tenant: str, name: str, slo: Slo, identity: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of every series of one SLO; the owner is not among them, since owners change."""
    return {"tenant": tenant, **identity, **_own_labels(tenant, name, slo)}


def objective(slo: Slo) -> str:
    """Return the objective as a ratio without binary noise: 99.95 is 0.9995."""
    return f"{Decimal(str(slo.objective)) / 100}"


def _id(tenant: str, name: str) -> str:
    return f"{tenant}-{name}"


def _own_labels(tenant: str, name: str, slo: Slo) -> dict[str, str]:
    return {
        names.SERVICE_NAME_LABEL: slo.service,
        names.ID_LABEL: _id(tenant, name),
        names.SERVICE_LABEL: slo.service,
        names.SLO_LABEL: name,
    }


def _measured(tenant: str, name: str, slo: Slo) -> list[Rule]:
    owner = f'tenant="{tenant}"'
    sli = queries(slo, owner, f'{names.TOTAL}{{{owner}, {names.ID_LABEL}="{_id(tenant, name)}"}}')
    # In this order: errors read the total of the same evaluation.
    return [{"record": names.TOTAL, "expr": sli.total}, {"record": names.ERRORS, "expr": sli.errors}]


def _specified(slo: Slo, own: Mapping[str, str]) -> list[Rule]:
    info = {
        names.OBJECTIVE_LABEL: f"{Decimal(str(slo.objective)).normalize():f}",
        names.MODE_LABEL: names.MODE,
        names.SPEC_LABEL: names.SPEC,
        names.OWNER_LABEL: slo.owner,
    }
    return [
        {"record": record, "expr": f"vector({number})", "labels": {**own, **more}}
        for record, number, more in (
            (names.OBJECTIVE, objective(slo), {}),
            (names.TIME_PERIOD, slo.window.days, {}),
            (names.MINIMUM_FAILURES, slo.minimum_failures, {}),
            (names.INFO, 1, info),
        )
    ]
