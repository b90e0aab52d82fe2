"""What each alert compares with in one region, and the recordings that say so: thresholds and limits of tenants."""

from __future__ import annotations

from typing import Any

from components.values import tenants
from components.values.context import Context
from rules.filling import RECORD, Threshold
from settings import names
from settings.thresholds import defaults

AREA = "settings"
"""Area of the generated rule file; no file of rules/ has this name."""
LIMIT_RECORD = "tenant_limit"
"""The recording of what a tenant may send; label `limit` is the field's name in the settings."""
LIMITS = ("active_series", "log_streams", "spans_per_second")
INTERVAL = "1m"
"""Constants need no 30 s; a series stays visible for 5 minutes after its last sample."""


def thresholds(context: Context) -> dict[str, Threshold]:
    """Return what every alert with a threshold compares with in this region, by alert."""
    of_tenants = {alert for tenant in context.tenants.values() for alert in tenant.thresholds.alerts}
    of_services = {
        alert
        for tenant in context.tenants.values()
        for service in tenant.thresholds.services.values()
        for alert in service
    }
    return {
        alert: Threshold(
            context.platform.thresholds.get(alert, default.value),
            default.unit,
            alert in of_tenants,
            alert in of_services,
        )
        for alert, default in defaults().items()
    }


def recordings(context: Context) -> dict[str, Any]:
    """Return the rule file that settings alone make: every threshold in force, and every tenant's limits.

    Rules read the thresholds that a tenant or a service has; dashboards draw all of them, and limits beside usage.
    """
    rows: list[tuple[dict[str, str], float]] = [
        ({"alert": alert}, threshold.value) for alert, threshold in sorted(thresholds(context).items())
    ]
    for name, tenant in context.tenants.items():
        owner = {names.TENANT_LABEL: name}
        rows += [({"alert": alert, **owner}, value) for alert, value in sorted(tenant.thresholds.alerts.items())]
        for service, own in sorted(tenant.thresholds.services.items()):
            rows += [
                ({"alert": alert, **owner, "service_name": service}, value) for alert, value in sorted(own.items())
            ]
    limits = [
        ({"limit": limit, names.TENANT_LABEL: name}, float(getattr(own, limit)))
        for name, own in tenants.limits(context).items()
        for limit in LIMITS
    ]
    return {
        "groups": [
            _group(context, "settings.thresholds", RECORD, rows),
            _group(context, "settings.limits", LIMIT_RECORD, limits),
        ]
    }


def _group(context: Context, name: str, record: str, rows: list[tuple[dict[str, str], float]]) -> dict[str, Any]:
    rules = [
        {"record": record, "expr": f"vector({value:.12g})", "labels": {**context.identity, **labels}}
        for labels, value in rows
    ]
    return {"name": name, "interval": INTERVAL, "rules": rules}
