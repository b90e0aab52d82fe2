"""Thresholds of alerts: the default of each, and what an environment, a tenant or a service has instead.

Defaults are data beside the rules (rules/<area>.thresholds.yaml), read here because an override must name one of them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import Field, StringConstraints

from settings.base import Model, Words
from settings.problem import Problem

if TYPE_CHECKING:
    from settings.platform import Platform

RULES = Path(__file__).resolve().parent.parent / "rules"
SUFFIX = ".thresholds.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

AlertName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{1,31}$"),
    Words("an alert's name, such as ServiceErrorRateHigh"),
]
ServiceName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$"),
    Words("a service's name as its telemetry has it (service.name), 128 characters at most"),
]
Bound = Annotated[float, Field(ge=0)]


class Unit(StrEnum):
    """What a threshold counts; a ratio is a share of 1."""

    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    CELSIUS = "celsius"
    COUNT = "count"
    PER_SECOND = "per_second"


class Scope(StrEnum):
    """Whose own threshold an alert may have: the smallest owner that its series name."""

    SERVICE = "service"
    TENANT = "tenant"
    ENVIRONMENT = "environment"


class Default(Model):
    """The threshold of one alert where nobody has set another."""

    value: Bound
    """The number that the rule compares with."""
    unit: Unit
    """What it counts."""
    scope: Scope
    """Whose own threshold the alert may have. An alert of nodes is the environment's: no tenant owns a node."""
    why: Annotated[str, Field(min_length=10)]
    """Why this number."""


class TenantThresholds(Model):
    """Thresholds of one tenant, which stand before the environment's and the defaults."""

    alerts: dict[AlertName, Bound] = {}
    """Threshold by alert, in the alert's unit, for all services of this tenant. Lower alerts sooner."""
    services: dict[ServiceName, dict[AlertName, Bound]] = {}
    """Thresholds by service and alert, for alerts whose series name a service. They stand before all others."""


@cache
def defaults(folder: Path = RULES) -> Mapping[str, Default]:
    """Return the default of every alert that has a threshold, by alert.

    Raises:
        ValueError: an alert has two defaults.
    """
    found: dict[str, Default] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        document = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - a safe one, in C
        for alert, entry in (document or {}).items():
            if alert in found:
                raise ValueError(f"{path.name}: {alert} has a default elsewhere too; fix: keep one")
            # By JSON, since strict models take a word of a vocabulary from JSON only.
            found[alert] = Default.model_validate_json(json.dumps(entry))
    return found


def problems(platform: Platform) -> Iterator[Problem]:
    """Refuse thresholds of alerts that are not, or whose series do not name the owner that it is set for."""
    yield from _problems("thresholds", platform.thresholds, tuple(Scope))
    for name, tenant in platform.tenants.items():
        path = f"tenants.{name}.thresholds"
        yield from _problems(f"{path}.alerts", tenant.thresholds.alerts, (Scope.SERVICE, Scope.TENANT))
        for service, own in tenant.thresholds.services.items():
            yield from _problems(f"{path}.services.{service}", own, (Scope.SERVICE,))


def _problems(path: str, given: Mapping[str, float], scopes: tuple[Scope, ...]) -> Iterator[Problem]:
    if not given:
        return
    known = sorted(alert for alert, default in defaults().items() if default.scope in scopes)
    for alert, value in given.items():
        default = defaults().get(alert)
        if default is None:
            close = difflib.get_close_matches(alert, known, n=1)
            fix = f"did you mean {close[0]}?" if close else "remove it"
            yield Problem(f"{path}.{alert}", "names an alert that has no threshold", ", ".join(known), fix)
        elif default.scope not in scopes:
            where = "thresholds" if default.scope is Scope.ENVIRONMENT else f"{path.partition('.services')[0]}.alerts"
            yield Problem(
                f"{path}.{alert}",
                f"is set for less than the {default.scope} that this alert is about",
                ", ".join(known),
                f"set {where}.{alert}",
            )
        elif default.unit is Unit.RATIO and value > 1:
            # Percent, if it can be.
            fix = f"write {value / 100:g}" if value <= 100 else f"write a share of 1; the default is {default.value:g}"
            yield Problem(f"{path}.{alert}", f"is {value:g}, more than all", "a ratio from 0 to 1", fix)
