"""Plaintext credentials: refused by shape or by name, and never shown."""

from __future__ import annotations

import traceback

import pytest

from settings import load
from settings.problem import SettingsError
from tests.settings.documents import at

# Put together here, so that no scanner takes this file for a leak. None of them was ever valid.
HEX = "0123456789abcdef" * 2
SHAPES = {
    "an AWS access key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "an AWS secret key": "aB3/" * 10,
    "a Slack webhook": "https://hooks.slack.com" + "/services/T000/B000/XXXX",
    "a Slack token": "xoxb-" + "123456789012-abcdef",
    "a PagerDuty key": HEX,
    "a Telegram bot token": "12345678:" + "A" * 35,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a GitLab token": "glpat-" + "a1" * 10,
    "a Grafana token": "glsa_" + "a1" * 12,
    "a JSON web token": "eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + ".sig",
    "a URL with a user or a password": "https://user:" + "pass@mimir.example.com/api",
    "a URL with a token": "https://mimir.example.com/api?tenant=a&token=" + "s3cr3t",
}
FIX = (
    "allowed: the name of a secret in the region's secret store; fix: put the value into the store, write its name "
    "here, and rotate it, for the file's history keeps it"
)


def refused(document: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load.parse(document, "Pulumi.dev.yaml")
    return caught.value


def everything_said(error: SettingsError) -> str:
    """Return all that a log could show of an error: its text, its repr, its state and its whole chain."""
    return "".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])


@pytest.mark.parametrize(("shape", "value"), SHAPES.items(), ids=SHAPES)
@pytest.mark.parametrize(
    "path", ["alerting.slack_webhook", "tenants.shop.owners[0]", "regions.us-east.cluster.context", "unknown"]
)
def test_a_credential_is_refused_by_its_shape_and_never_shown(shape: str, value: str, path: str) -> None:
    error = refused(at({path: value}))
    assert str(error) == f"Pulumi.dev.yaml: {path} looks like {shape} (value hidden); {FIX}"
    assert value not in everything_said(error)
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize(
    "key", ["password", "admin_password", "apiKey", "api_key", "access-key", "SLACK_TOKEN", "secret_key", "credentials"]
)
@pytest.mark.parametrize("value", ["hunter2", 8675309])
def test_a_credential_is_refused_by_its_name(key: str, value: object) -> None:
    error = refused(at({f"grafana.{key}": value}))
    assert str(error) == f"Pulumi.dev.yaml: grafana.{key} looks like a credential, by its name (value hidden); {FIX}"
    assert str(value) not in everything_said(error)


def test_a_credential_as_a_key_is_not_shown() -> None:
    error = refused(at({f"tenants.shop.channels.support.{HEX}": "#shop"}))
    assert str(error) == (
        f"Pulumi.dev.yaml: tenants.shop.channels.support.<key> looks like a PagerDuty key (value hidden); {FIX}"
    )
    assert HEX not in everything_said(error)


def test_a_refused_secret_name_is_not_shown() -> None:
    error = refused(at({"alerting.watchdog_url": "correct horse battery staple"}))
    assert "horse" not in everything_said(error)
    assert (error.__cause__, error.__context__) == (None, None)


def test_a_pulumi_secret_is_refused() -> None:
    error = refused(at({"alerting.pagerduty_key": {"secure": "AAABAKbXzu9a"}}))
    assert str(error) == (
        "Pulumi.dev.yaml: alerting.pagerduty_key is a Pulumi secret (secure:); allowed: the name of a secret in the "
        "region's secret store; fix: put the value into the store, and write its name here"
    )
    assert "AAABAKbXzu9a" not in everything_said(error)


@pytest.mark.parametrize(
    "name",
    [
        "alerting/pagerduty-routing-key",
        "grafana/oidc-client-secret",
        "prod/us-east/slack_webhook",
        "arn-like/0a1b2c3d-0000-4000-8000-000000000001",
        "teams@example",
    ],
)
def test_the_name_of_a_secret_is_no_credential(name: str) -> None:
    assert load.parse(at({"alerting.pagerduty_key": name}), "Pulumi.dev.yaml").alerting.pagerduty_key == name
