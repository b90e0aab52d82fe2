"""Alertmanager's whole tree: who hears of what, and what keeps quiet meanwhile."""

from __future__ import annotations

from typing import Any

from components.values.alerting import intervals, receivers
from components.values.context import Context
from settings import names
from settings.alerting import Receiver
from settings.tenant import Tenant
from settings.vocabulary import Severity

CONFIG_KEY = "alertmanager.yaml"
TEMPLATES_KEY = "platform.tmpl"
TEMPLATES = "/etc/alertmanager/config/*.tmpl"
"""Where the operator mounts every key of the configuration's Secret."""
WATCHDOG = "Watchdog"
"""The alert that always fires (rules/platform.rules.yaml)."""
DATABASE_ALERTS = "(Postgres|DB).*"
"""Names of alerts that the DBA team hears of as well; Alertmanager anchors it at both ends."""
GROUP_BY = [names.TENANT_LABEL, names.REGION_LABEL, "alertname"]
OBJECT = [
    "namespace",
    "job",
    "service",
    "pod",
    "container",
    "instance",
    "node",
    "device",
    "mountpoint",
    "persistentvolumeclaim",
    "name",
    "integration",
    "deployment",
    "postgres_cluster",
    "datname",
    "kafka_cluster",
    "topic",
    "consumergroup",
    "rabbitmq_cluster",
    "queue",
    "gpu",
]
"""Labels that tell apart what alerts of one name are about, in our rules and the chart's; lint knows the chart's."""
_RARELY = {"group_wait": "30m", "group_interval": "6h", "repeat_interval": "24h"}
"""How often notes are sent: they are read once a day, not answered."""


def alertmanager_config(context: Context) -> dict[str, Any]:
    """Return the configuration as Alertmanager reads it; it names files with credentials and holds none.

    Order decides. The dead man's switch comes before all else. Then those who hear of alerts beside whoever else does:
    routers of one's own and the DBA team, after which the search goes on. Then notes, which go to the digest and no
    further; then pages, which go on, whatever their region says, since this region's on-call is the only one that
    hears of this region's alerts; then tenants. What no route takes is the platform team's, so that an alert without
    a tenant, or of a tenant that does not run here, is never lost.
    """
    alerting = context.platform.alerting
    tree: dict[str, Any] = {
        "global": {"resolve_timeout": "5m", "slack_api_url_file": receivers.mounted(receivers.SLACK_FILE)},
        "templates": [TEMPLATES],
        "route": {
            "receiver": receivers.PLATFORM,
            "group_by": GROUP_BY,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                _watchdog_route(),
                *_beside_routes(context),
                _digest_route(),
                {
                    "receiver": receivers.on_call(context.name),
                    "matchers": [_is("severity", Severity.PAGE)],
                    "continue": True,
                },
                *(route for name, tenant in context.tenants.items() for route in _tenant_routes(context, name, tenant)),
                # The root's own receiver hears only what no route took, and a page was taken by the pager.
                _route(receivers.PLATFORM, [], alerting.platform_team),
            ],
        },
        "inhibit_rules": inhibitions(),
        "receivers": receivers.receivers(context),
    }
    if alerting.mute_intervals:
        tree["time_intervals"] = intervals.time_intervals(alerting.mute_intervals)
    return tree


def inhibitions() -> list[dict[str, Any]]:
    """Return what a page keeps quiet: the warn of the same service and region, and of the same alert and object.

    Alertmanager takes a label that both sides lack for equal, so the first rule asks for a service on both, and the
    second names whatever an object may be told by: of a label that it left out, any two values would be one object.
    """
    page, warn = _is("severity", Severity.PAGE), _is("severity", Severity.WARN)
    where = [names.TENANT_LABEL, names.REGION_LABEL]
    return [
        {
            "source_matchers": [page, 'service_name=~".+"'],
            "target_matchers": [warn, 'service_name=~".+"'],
            "equal": [*where, "service_name"],
        },
        {
            "source_matchers": [page],
            "target_matchers": [warn],
            "equal": [*where, "alertname", *OBJECT],
        },
    ]


def _watchdog_route() -> dict[str, Any]:
    """Ping every minute: the switch outside raises the alarm when the pings end.

    Of the platform only: a tenant's own alert of that name is an alert like any other.
    """
    return {
        "receiver": receivers.WATCHDOG,
        "matchers": [_is("alertname", WATCHDOG), _is(names.TENANT_LABEL, names.PLATFORM_TENANT)],
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1m",
        # Shorter than the group's interval, so that a minute's rounding never skips a ping.
        "repeat_interval": "50s",
    }


def _beside_routes(context: Context) -> list[dict[str, Any]]:
    """Return the routes of those who hear of alerts beside whoever else does."""
    alerting = context.platform.alerting
    routes = [
        {
            "receiver": receivers.webhook(name),
            "matchers": [_one_of("severity", sorted(set(webhook.severities), key=list(Severity).index))],
            "continue": True,
        }
        for name, webhook in sorted(alerting.webhooks.items())
    ]
    if alerting.dba is not None:
        database = _route(receivers.DBA, [f'alertname=~"{DATABASE_ALERTS}"'], alerting.dba)
        database["continue"] = True
        # Beside the digest, and no oftener.
        notes = {"receiver": receivers.DBA, "matchers": [_is("severity", Severity.INFO)], **_RARELY}
        database["routes"] = [notes, *database.get("routes", [])]
        routes.append(database)
    return routes


def _digest_route() -> dict[str, Any]:
    return {
        "receiver": receivers.DIGEST,
        "matchers": [_is("severity", Severity.INFO)],
        "group_by": [names.TENANT_LABEL, names.REGION_LABEL],
        **_RARELY,
    }


def _tenant_routes(context: Context, name: str, tenant: Tenant) -> list[dict[str, Any]]:
    own = _is(names.TENANT_LABEL, name)
    routes = []
    if context.name in tenant.channels.support:
        here = [own, _is(names.REGION_LABEL, context.name)]
        routes.append({**_route(receivers.support(name), here, tenant.channels), "continue": True})
    routes.append(_route(receivers.tenant(name), [own], tenant.channels))
    return routes


def _route(receiver: str, matchers: list[str], wishes: Receiver) -> dict[str, Any]:
    """Return a route whose warnings, and nothing else, wait during the mute intervals that somebody wishes for."""
    route: dict[str, Any] = {"receiver": receiver}
    if matchers:
        route["matchers"] = matchers
    if wishes.mute:
        warn = _is("severity", Severity.WARN)
        route["routes"] = [
            {"receiver": receiver, "matchers": [warn], "mute_time_intervals": list(wishes.mute)},
        ]
    return route


def _is(label: str, value: str) -> str:
    return f'{label}="{value}"'


def _one_of(label: str, values: list[Severity]) -> str:
    return f'{label}=~"{"|".join(values)}"'
