"""Which Secrets the workloads mount, and where in the store each key comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.values import addresses
from components.values.access.identities import access_token, identities
from components.values.context import Context
from settings import names
from settings.alerting import Alerting
from settings.vocabulary import WorkloadIdentity

STORE = "aws-secrets-manager"
"""Name of the SecretStore in the platform's namespace."""
READER = "secret-reader"
"""ServiceAccount that External Secrets acts as where identity is IRSA."""
OPERATOR_NAMESPACE = "external-secrets"
OPERATOR_SERVICE_ACCOUNT = "external-secrets"
"""Where External Secrets runs by its own chart's defaults; with Pod Identity these two are who may read."""
REFRESH = "15m"
"""How long a rotated credential takes to arrive. Each refresh is one API call per key: 0.05 USD per 10,000."""
GRAFANA_ADMIN_PASSWORD = "grafana-admin-password"  # noqa: S105 - the purpose in a secret's name
"""Purpose of the generated secret that holds the password of Grafana's admin account."""
GRAFANA_ADMIN_USER = "admin"


@dataclass(frozen=True)
class Mounted:
    """One Secret in the cluster."""

    sources: Mapping[str, str]
    """Name in the store, by key of the Secret."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Values that are no secret but are expected in the same Secret, by key."""


def generated(context: Context) -> list[str]:
    """Return the purposes of the secrets that are generated into the store: one password, and a token per reader."""
    return [GRAFANA_ADMIN_PASSWORD, *(each.purpose for each in identities(context))]


def mounted(context: Context) -> dict[str, Mounted]:
    """Return the Secrets of the platform's namespace, by name."""
    platform = context.platform
    found = {
        addresses.GRAFANA_ADMIN_SECRET: Mounted(
            sources={"admin-password": names.secret(platform, context.name, GRAFANA_ADMIN_PASSWORD)},
            fixed={"admin-user": GRAFANA_ADMIN_USER},
        ),
        addresses.RECEIVERS_SECRET: Mounted(sources=_receivers(platform.alerting)),
        addresses.ACCESS_TOKENS_SECRET: Mounted(
            sources={each.name: names.secret(platform, context.name, each.purpose) for each in identities(context)}
        ),
    }
    if platform.grafana.oidc is not None:
        oidc = platform.grafana.oidc
        found[addresses.GRAFANA_OIDC_SECRET] = Mounted(sources={"client-secret": oidc.client_secret})
    remote_write = context.region.remote_write
    if remote_write is not None:
        found[addresses.REMOTE_WRITE_SECRET] = Mounted(
            sources={"password": remote_write.password_secret}, fixed={"username": remote_write.username}
        )
    sinks = {name: sink.secret for name, sink in sorted(platform.collection.sinks.items()) if sink.secret is not None}
    if sinks:
        found[addresses.SINKS_SECRET] = Mounted(sources=sinks)
    return found


def _receivers(alerting: Alerting) -> dict[str, str]:
    """Return the name in the store of each file that alert_routing.py lets Alertmanager read."""
    sources = {
        "pagerduty-routing-key": alerting.pagerduty_key,
        "slack-webhook-url": alerting.slack_webhook,
        "watchdog-url": alerting.watchdog_url,
    }
    if alerting.telegram_bot is not None:
        sources["telegram-bot-token"] = alerting.telegram_bot
    if alerting.smtp is not None and alerting.smtp.login is not None:
        sources["smtp-password"] = alerting.smtp.login.password_secret
    for name, webhook in sorted(alerting.webhooks.items()):
        sources[f"webhook-{name}-url"] = webhook.url_secret
        if webhook.bearer_secret is not None:
            sources[f"webhook-{name}-bearer"] = webhook.bearer_secret
    return sources


def store_names(context: Context) -> list[str]:
    """Return the names in the store that the region's workloads read, sorted; `*` stands for every reader's token.

    A role's policy holds 10,240 characters, which the names of 90 tenants' tokens would fill.
    """
    others = (each for target, each in mounted(context).items() if target != addresses.ACCESS_TOKENS_SECRET)
    tokens = names.secret(context.platform, context.name, access_token("*"))
    return sorted({tokens, *(name for each in others for name in each.sources.values())})


def store_spec(context: Context) -> dict[str, Any]:
    """Return the SecretStore's spec: the region's Secrets Manager, read in the role that may read only these.

    With IRSA the operator asks for a token of our own service account. Pod Identity knows no such token: there the
    operator uses its own identity and takes our role from it.
    """
    aws: dict[str, Any] = {"service": "SecretsManager", "region": context.region.aws_region}
    if context.region.cluster.identity is WorkloadIdentity.IRSA:
        aws["auth"] = {"jwt": {"serviceAccountRef": {"name": READER}}}
    else:
        aws["role"] = names.secrets_role_arn(context.platform, context.name)
    return {"provider": {"aws": aws}}


def external_secret_spec(name: str, secret: Mounted) -> dict[str, Any]:
    """Return an ExternalSecret's spec: the keys of one Secret, from the store.

    The Secret outlives its source in the store (`Retain`): a workload that keeps its last credentials is better off
    than one that loses them by somebody's mistake there.
    """
    target: dict[str, Any] = {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    if secret.fixed:
        target["template"] = {"engineVersion": "v2", "mergePolicy": "Merge", "data": dict(secret.fixed)}
    return {
        "refreshInterval": REFRESH,
        "secretStoreRef": {"kind": "SecretStore", "name": STORE},
        "target": target,
        "data": [{"secretKey": key, "remoteRef": {"key": source}} for key, source in sorted(secret.sources.items())],
    }
