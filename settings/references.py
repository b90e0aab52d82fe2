"""Which secrets the settings name: what somebody must have put into the region's store."""

from __future__ import annotations

from settings.platform import Platform


def given_secrets(platform: Platform, region: str) -> dict[str, str]:
    """Return the name of each given secret by the path of the field that names it.

    Generated secrets are not among them: the program makes those itself.

    Args:
        platform: the environment.
        region: a key of `platform.regions`; the names are looked up in this region's store.
    """
    found = {
        "alerting.pagerduty_key": platform.alerting.pagerduty_key,
        "alerting.slack_webhook": platform.alerting.slack_webhook,
        "alerting.watchdog_url": platform.alerting.watchdog_url,
    }
    alerting = platform.alerting
    if alerting.telegram_bot is not None:
        found["alerting.telegram_bot"] = alerting.telegram_bot
    if alerting.smtp is not None and alerting.smtp.login is not None:
        found["alerting.smtp.login.password_secret"] = alerting.smtp.login.password_secret
    for name, webhook in sorted(alerting.webhooks.items()):
        found[f"alerting.webhooks.{name}.url_secret"] = webhook.url_secret
        if webhook.bearer_secret is not None:
            found[f"alerting.webhooks.{name}.bearer_secret"] = webhook.bearer_secret
    if platform.grafana.oidc is not None:
        found["grafana.oidc.client_secret"] = platform.grafana.oidc.client_secret
    for name, sink in sorted(platform.collection.sinks.items()):
        if sink.secret is not None:
            found[f"collection.sinks.{name}.secret"] = sink.secret
    remote_write = platform.regions[region].remote_write
    if remote_write is not None:
        found[f"regions.{region}.remote_write.password_secret"] = remote_write.password_secret
    return found
