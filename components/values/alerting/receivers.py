"""The receivers of a region: what is sent to whom, with credentials named as mounted files and never held."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.alerting import links, templates
from components.values.context import Context
from settings import names
from settings.alerting import Receiver, Webhook

WATCHDOG = "watchdog"
DIGEST = "info-digest"
PLATFORM = "platform-team"
DBA = "dba-team"

PAGERDUTY_FILE = "pagerduty-routing-key"
SLACK_FILE = "slack-webhook-url"
WATCHDOG_FILE = "watchdog-url"
TELEGRAM_FILE = "telegram-bot-token"
SMTP_FILE = "smtp-password"
"""Keys of the receivers' Secret; webhooks have one or two each."""


def on_call(region: str) -> str:
    """Return the name of the receiver that wakes a region's on-call."""
    return f"on-call-{region}"


def tenant(name: str) -> str:
    """Return the name of a tenant's receiver."""
    return f"tenant-{name}"


def support(name: str) -> str:
    """Return the name of the receiver of a tenant's support channel in this region."""
    return f"support-{name}"


def webhook(name: str) -> str:
    """Return the name of the receiver of a router of one's own."""
    return f"webhook-{name}"


def url_file(name: str) -> str:
    """Return the key of the receivers' Secret that holds the address of a webhook."""
    return f"webhook-{name}-url"


def bearer_file(name: str) -> str:
    """Return the key of the receivers' Secret that holds the token of a webhook."""
    return f"webhook-{name}-bearer"


def mounted(key: str) -> str:
    """Return where Alertmanager finds a key of the receivers' Secret."""
    return f"{addresses.RECEIVERS_MOUNT}/{key}"


def receivers(context: Context) -> list[dict[str, Any]]:
    """Return every receiver of the region's tree."""
    alerting = context.platform.alerting
    found = [
        {"name": WATCHDOG, "webhook_configs": [{"url_file": mounted(WATCHDOG_FILE), "send_resolved": False}]},
        {"name": on_call(context.name), "pagerduty_configs": [_pagerduty(context)]},
        {"name": DIGEST, **_digest(context)},
        {"name": PLATFORM, **_team(alerting.platform_team)},
    ]
    if alerting.dba is not None:
        found.append({"name": DBA, **_team(alerting.dba)})
    found += [
        {"name": webhook(name), "webhook_configs": [_webhook(name, each)]}
        for name, each in sorted(alerting.webhooks.items())
    ]
    for name, each in context.tenants.items():
        found.append({"name": tenant(name), **_team(each.channels)})
        channel = each.channels.support.get(context.name)
        if channel is not None:
            found.append({"name": support(name), "slack_configs": [_slack(channel)]})
    return found


def _team(receiver: Receiver) -> dict[str, Any]:
    found: dict[str, Any] = {"slack_configs": [_slack(receiver.slack)]}
    if receiver.telegram is not None:
        found["telegram_configs"] = [
            {
                "bot_token_file": mounted(TELEGRAM_FILE),
                "chat_id": receiver.telegram,
                "parse_mode": "HTML",
                "message": templates.TELEGRAM,
                "send_resolved": True,
            }
        ]
    return found


def _pagerduty(context: Context) -> dict[str, Any]:
    return {
        "routing_key_file": mounted(PAGERDUTY_FILE),
        "send_resolved": True,
        "severity": "critical",
        "client": "Alertmanager",
        "client_url": names.grafana_url(context.platform, context.name),
        "description": templates.TITLE,
        "component": "{{ .CommonLabels.service_name }}",
        "group": "{{ .CommonLabels.tenant }}",
        "class": "{{ .CommonLabels.alertname }}",
        "details": {
            "tenant": "{{ .CommonLabels.tenant }}",
            "region": "{{ .CommonLabels.region }}",
            "severity": "{{ .CommonLabels.severity }}",
            "value": "{{ .CommonAnnotations.value }}",
            "summary": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}",
            "description": "{{ range .Alerts }}{{ .Annotations.description }}\n{{ end }}",
        },
        "links": [{"text": title, "href": templates.of_first(name)} for name, title in links.TITLES.items()],
    }


def _slack(channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        "send_resolved": True,
        "color": templates.COLOR,
        "title": templates.TITLE,
        "title_link": templates.of_first(links.DASHBOARD),
        "text": templates.TEXT,
        "fallback": templates.TITLE,
        "actions": [
            {"type": "button", "text": title, "url": templates.of_first(name)} for name, title in links.TITLES.items()
        ],
    }


def _webhook(name: str, given: Webhook) -> dict[str, Any]:
    config: dict[str, Any] = {
        "url_file": mounted(url_file(name)),
        "send_resolved": True,
        "payload": templates.webhook_payload(),
    }
    if given.bearer_secret is not None:
        config["http_config"] = {
            "authorization": {"type": "Bearer", "credentials_file": mounted(bearer_file(name))},
        }
    return config


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
        "headers": {"Subject": templates.DIGEST_SUBJECT},
        "html": templates.DIGEST_HTML,
        "text": templates.DIGEST_TEXT,
    }
    if alerting.smtp.login is not None:
        email["auth_username"] = alerting.smtp.login.username
        email["auth_password_file"] = mounted(SMTP_FILE)
    return {"email_configs": [email]}
