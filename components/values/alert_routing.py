"""Alertmanager's whole tree: who hears of what, and what keeps quiet meanwhile."""

from __future__ import annotations

from typing import Any

from components.values import addresses, alert_templates
from components.values.context import Context
from settings import names
from settings.tenant import Tenant
from settings.vocabulary import Severity

CONFIG_KEY = "alertmanager.yaml"
TEMPLATES_KEY = "platform.tmpl"
TEMPLATES = "/etc/alertmanager/config/*.tmpl"
"""Where the operator mounts every key of the configuration's Secret."""
WATCHDOG = "Watchdog"
"""The alert that always fires (rules/platform.rules.yaml)."""

WATCHDOG_RECEIVER = "watchdog"
PAGER_RECEIVER = "pagerduty"
DIGEST_RECEIVER = "info-digest"
PLATFORM_RECEIVER = "platform-team"

PAGERDUTY_FILE = "pagerduty-routing-key"
SLACK_FILE = "slack-webhook-url"
WATCHDOG_FILE = "watchdog-url"
SMTP_FILE = "smtp-password"
"""Keys of the receivers' Secret."""


def tenant_receiver(tenant: str) -> str:
    """Return the name of a tenant's receiver."""
    return f"tenant-{tenant}"


def support_receiver(tenant: str) -> str:
    """Return the name of the receiver of a tenant's support channel in this region."""
    return f"support-{tenant}"


def alertmanager_config(context: Context) -> dict[str, Any]:
    """Return the configuration as Alertmanager reads it; it names files with credentials and holds none.

    Order decides: the dead man's switch before all else, then info, then pages, which go on, then tenants. What no
    route takes is the platform team's, so that an alert without a tenant, or of a tenant that does not run here, is
    never lost.
    """
    return {
        "global": {"resolve_timeout": "5m", "slack_api_url_file": _file(SLACK_FILE)},
        "templates": [TEMPLATES],
        "route": {
            "receiver": PLATFORM_RECEIVER,
            "group_by": [names.TENANT_LABEL, names.REGION_LABEL, "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                _watchdog_route(),
                _digest_route(),
                {"receiver": PAGER_RECEIVER, "matchers": [_is("severity", Severity.PAGE)], "continue": True},
                *(route for name, tenant in context.tenants.items() for route in _tenant_routes(context, name, tenant)),
                # The root's own receiver hears only what no route took, and a page was taken by the pager.
                {"receiver": PLATFORM_RECEIVER},
            ],
        },
        "inhibit_rules": inhibitions(),
        "receivers": _receivers(context),
    }


def inhibitions() -> list[dict[str, Any]]:
    """Return what a page keeps quiet: the warn of the same service and region, and of the same alert and object.

    Alertmanager takes a label that both sides lack for equal, so the first rule asks for a service on both.
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
            "equal": [*where, "alertname", "namespace", "pod", "instance", "device", "mountpoint"],
        },
    ]


def _watchdog_route() -> dict[str, Any]:
    """Ping every minute: the switch outside raises the alarm when the pings end."""
    return {
        "receiver": WATCHDOG_RECEIVER,
        "matchers": [_is("alertname", WATCHDOG)],
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1m",
        # Shorter than the group's interval, so that a minute's rounding never skips a ping.
        "repeat_interval": "50s",
    }


def _digest_route() -> dict[str, Any]:
    return {
        "receiver": DIGEST_RECEIVER,
        "matchers": [_is("severity", Severity.INFO)],
        "group_by": [names.TENANT_LABEL, names.REGION_LABEL],
        "group_wait": "30m",
        "group_interval": "6h",
        "repeat_interval": "24h",
    }


def _tenant_routes(context: Context, name: str, tenant: Tenant) -> list[dict[str, Any]]:
    own = _is(names.TENANT_LABEL, name)
    routes = []
    if context.name in tenant.channels.support:
        routes.append(
            {
                "receiver": support_receiver(name),
                "matchers": [own, _is(names.REGION_LABEL, context.name)],
                "continue": True,
            }
        )
    routes.append({"receiver": tenant_receiver(name), "matchers": [own]})
    return routes


def _receivers(context: Context) -> list[dict[str, Any]]:
    alerting = context.platform.alerting
    receivers = [
        {
            "name": WATCHDOG_RECEIVER,
            "webhook_configs": [{"url_file": _file(WATCHDOG_FILE), "send_resolved": False}],
        },
        {"name": PAGER_RECEIVER, "pagerduty_configs": [_pagerduty(context)]},
        {"name": DIGEST_RECEIVER, **_digest(context)},
        {"name": PLATFORM_RECEIVER, "slack_configs": [_slack(alerting.platform_team.slack)]},
    ]
    for name, tenant in context.tenants.items():
        receivers.append({"name": tenant_receiver(name), "slack_configs": [_slack(tenant.channels.slack)]})
        support = tenant.channels.support.get(context.name)
        if support is not None:
            receivers.append({"name": support_receiver(name), "slack_configs": [_slack(support)]})
    return receivers


def _pagerduty(context: Context) -> dict[str, Any]:
    return {
        "routing_key_file": _file(PAGERDUTY_FILE),
        "send_resolved": True,
        "severity": "critical",
        "client": "Alertmanager",
        "client_url": names.grafana_url(context.platform, context.name),
        "description": alert_templates.TITLE,
        "details": {
            "summary": "{{ .CommonAnnotations.summary }}",
            "description": "{{ .CommonAnnotations.description }}",
            "runbook": "{{ .CommonAnnotations.runbook_url }}",
            "dashboard": "{{ .CommonAnnotations.dashboard_url }}",
        },
    }


def _slack(channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        "send_resolved": True,
        "color": alert_templates.COLOR,
        "title": alert_templates.TITLE,
        "title_link": "{{ .CommonAnnotations.dashboard_url }}",
        "text": alert_templates.TEXT,
        "fallback": alert_templates.TITLE,
        "actions": [
            {"type": "button", "text": "Runbook", "url": "{{ .CommonAnnotations.runbook_url }}"},
            {"type": "button", "text": "Dashboard", "url": "{{ .CommonAnnotations.dashboard_url }}"},
        ],
    }


def _digest(context: Context) -> dict[str, Any]:
    """Return the digest's receiver: by email where a relay is configured, else the platform team's channel."""
    alerting = context.platform.alerting
    if alerting.smtp is None:
        return {"slack_configs": [_slack(alerting.platform_team.slack)]}
    email: dict[str, Any] = {
        "to": alerting.platform_team.email,
        "from": alerting.smtp.sender,
        "smarthost": alerting.smtp.relay,
        "require_tls": True,
        "send_resolved": False,
        "headers": {"Subject": alert_templates.DIGEST_SUBJECT},
    }
    if alerting.smtp.login is not None:
        email["auth_username"] = alerting.smtp.login.username
        email["auth_password_file"] = _file(SMTP_FILE)
    return {"email_configs": [email]}


def _file(key: str) -> str:
    return f"{addresses.RECEIVERS_MOUNT}/{key}"


def _is(label: str, value: str) -> str:
    return f'{label}="{value}"'
