"""What is recorded of each SLO; everything else is the same for all and stands in rules/slo.rules.yaml.

One constant per SLO, two queries for all SLOs of a tenant that are alike, and one set of rules over all: Prometheus
then evaluates windows, budgets and alerts of a thousand SLOs in some thirty queries, not in twenty thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from rules.slo import conventions as names
from rules.slo.sources import alike, either, queries
from settings.slo import Slo

INTERVAL = "30s"
"""Evaluation interval, which slo.rules.yaml counts requests by."""
SPEC_INTERVAL = "2m"
"""How often constants are recorded: each is an evaluation too, and one may be missed before they are gone (5 min)."""

Rule = dict[str, Any]
_INFO_LABELS = (names.OBJECTIVE_LABEL, names.MODE_LABEL, names.SPEC_LABEL, names.OWNER_LABEL)
"""What only the constant carries, since it may change while the rest goes on."""


def rule_groups(tenant: str, slos: Mapping[str, Slo], identity: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rule groups of a tenant: what its SLOs' specs say, and what is measured of them.

    Args:
        tenant: its name.
        slos: its SLOs by name.
        identity: region, cluster and environment, as they stand in labels. Series carry them too; they are written
            here because what is constant (an objective) has no series to take them from.
    """
    if not slos:
        return []
    shared = {"tenant": tenant, **identity}
    return [
        {"name": f"slo.{tenant}.specs", "interval": SPEC_INTERVAL, "labels": shared, "rules": _specified(tenant, slos)},
        {"name": f"slo.{tenant}", "interval": INTERVAL, "labels": shared, "rules": _measured(tenant, slos)},
    ]


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


def _series(metric: str, tenant: str, slos: Iterable[str]) -> str:
    ids = either(names.ID_LABEL, (_id(tenant, name) for name in slos))
    return f"{metric}{{{_owner(tenant)}, {ids}}}"


def _owner(tenant: str) -> str:
    return f'tenant="{tenant}"'


def _measured(tenant: str, slos: Mapping[str, Slo]) -> list[Rule]:
    """Return the requests of SLOs, those together that one query can ask for."""
    rules = []
    for together in _grouped(slos, lambda name, slo: alike(slo) or (name,)):
        specified, measured = (_series(metric, tenant, together) for metric in (names.TIME_PERIOD, names.TOTAL))
        sli = queries([slos[name] for name in together], _owner(tenant), specified, measured)
        # In this order: errors read the total of the same evaluation.
        rules += [{"record": names.TOTAL, "expr": sli.total}, {"record": names.ERRORS, "expr": sli.errors}]
    return rules


def _specified(tenant: str, slos: Mapping[str, Slo]) -> list[Rule]:
    """Return a constant for each SLO with its labels, and its numbers, those together that are equal."""
    rules: list[Rule] = [
        {"record": names.INFO, "expr": "vector(1)", "labels": {**_own_labels(tenant, name, slo), **_info(slo)}}
        for name, slo in sorted(slos.items())
    ]
    numbers: tuple[tuple[str, Callable[[str, Slo], str]], ...] = (
        (names.OBJECTIVE, lambda _, slo: objective(slo)),
        (names.TIME_PERIOD, lambda _, slo: str(slo.window.days)),
        (names.MINIMUM_FAILURES, lambda _, slo: str(slo.minimum_failures)),
    )
    more = ", ".join(_INFO_LABELS)
    for record, number in numbers:
        for together in _grouped(slos, number):
            value = number(together[0], slos[together[0]])
            one = f"max without ({more}) ({_series(names.INFO, tenant, together)})"
            rules.append({"record": record, "expr": f"{value} * {one}"})
    return rules


def _grouped(slos: Mapping[str, Slo], key: Callable[[str, Slo], Hashable]) -> list[list[str]]:
    """Return the names of SLOs, those of a key together, in the order of names."""
    found: dict[Hashable, list[str]] = {}
    for name, slo in sorted(slos.items()):
        found.setdefault(key(name, slo), []).append(name)
    return list(found.values())


def _info(slo: Slo) -> dict[str, str]:
    said = (f"{Decimal(str(slo.objective)).normalize():f}", names.MODE, names.SPEC, slo.owner)
    return dict(zip(_INFO_LABELS, said, strict=True))
