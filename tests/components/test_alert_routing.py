"""Who hears of what, asked of the real amtool with the tree as delivered; receivers in full and in order."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.alert_routing import AlertRouting, secret_data
from components.values import addresses, alert_routing
from components.values.alert_routing import TEMPLATES, alertmanager_config
from components.values.context import Context
from components.values.secrets import mounted
from settings.alerting import Alerting, Smtp, SmtpLogin
from settings.vocabulary import Severity
from tests.contexts import context
from tests.recording import Secret, record
from tests.running import run

STACKS = ["dev.us-east", "prod.us-east", "prod.eu-west", "prod.ap-southeast"]


def amtool(*arguments: str) -> str:
    done = run(tools.ensure("amtool")["amtool"], *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(given: Context, folder: Path) -> Path:
    """Write the Secret's keys into a folder; only the path of the templates differs from what is delivered."""
    for key, text in secret_data(alertmanager_config(given)).items():
        (folder / key).write_text(text.replace(TEMPLATES, str(folder / "*.tmpl")), encoding="utf-8")
    return folder / alert_routing.CONFIG_KEY


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {stack: written(context(stack), tmp_path_factory.mktemp("tree")) for stack in STACKS}


def receivers(file: Path, **labels: str) -> list[str]:
    given = [f"{key}={value}" for key, value in labels.items()]
    return amtool("config", "routes", "test", "--config.file", str(file), *given).strip().split(",")


@pytest.mark.parametrize("stack", STACKS)
def test_alertmanager_accepts_the_tree_and_its_templates(files: dict[str, Path], stack: str) -> None:
    said = amtool("check-config", str(files[stack]))
    assert "SUCCESS" in said
    assert "1 templates" in said
    assert f"{4 + len(context(stack).tenants) + _supports(context(stack))} receivers" in said


def _supports(given: Context) -> int:
    return sum(given.name in tenant.channels.support for tenant in given.tenants.values())


@pytest.mark.parametrize(
    ("labels", "heard_by"),
    [
        ({"alertname": "Watchdog", "severity": "info", "tenant": "platform"}, ["watchdog"]),
        ({"tenant": "payments", "severity": "page"}, ["pagerduty", "tenant-payments"]),
        ({"tenant": "payments", "severity": "warn"}, ["tenant-payments"]),
        ({"tenant": "payments", "severity": "info"}, ["info-digest"]),
        ({"tenant": "payments"}, ["tenant-payments"]),
        ({"tenant": "storefront", "severity": "page"}, ["pagerduty", "support-storefront", "tenant-storefront"]),
        ({"tenant": "storefront", "severity": "warn"}, ["support-storefront", "tenant-storefront"]),
        ({"tenant": "storefront", "severity": "info"}, ["info-digest"]),
        ({"severity": "page"}, ["pagerduty", "platform-team"]),
        ({"severity": "warn"}, ["platform-team"]),
        ({"tenant": "platform", "severity": "page"}, ["pagerduty", "platform-team"]),
        ({"tenant": "platform", "severity": "warn"}, ["platform-team"]),
        ({"tenant": "nobody", "severity": "page"}, ["pagerduty", "platform-team"]),
        ({"tenant": "nobody", "severity": "warn"}, ["platform-team"]),
        # recommendations runs in other regions only.
        ({"tenant": "recommendations", "severity": "warn"}, ["platform-team"]),
        ({}, ["platform-team"]),
    ],
)
def test_each_alert_is_heard_by_exactly_these(
    files: dict[str, Path], labels: dict[str, str], heard_by: list[str]
) -> None:
    given = {"alertname": "X", "region": "eu-west", **labels}
    assert receivers(files["prod.eu-west"], **given) == heard_by


def test_the_support_channel_is_of_one_region_only(files: dict[str, Path]) -> None:
    labels = {"alertname": "X", "tenant": "storefront", "severity": "warn", "region": "us-east"}
    assert receivers(files["prod.us-east"], **labels) == ["tenant-storefront"]


@pytest.mark.parametrize("stack", STACKS)
def test_no_cell_of_tenant_and_severity_is_without_a_receiver_of_its_own(files: dict[str, Path], stack: str) -> None:
    given = context(stack)
    for name, severity in product(given.tenants, Severity):
        heard = receivers(files[stack], alertname="X", tenant=name, region=given.name, severity=severity)
        expected = ["info-digest"] if severity is Severity.INFO else [f"tenant-{name}"]
        if given.name in given.tenants[name].channels.support and severity is not Severity.INFO:
            expected.insert(0, f"support-{name}")
        if severity is Severity.PAGE:
            expected.insert(0, "pagerduty")
        assert heard == expected, (name, severity)


def test_groups_and_waits_are_the_platforms() -> None:
    route = alertmanager_config(context())["route"]
    assert route["group_by"] == ["tenant", "region", "alertname"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("30s", "5m", "4h")


def test_the_dead_mans_switch_is_pinged_every_minute_before_anything_else() -> None:
    first = alertmanager_config(context())["route"]["routes"][0]
    assert first["matchers"] == ['alertname="Watchdog"']
    assert (first["group_wait"], first["group_interval"], first["repeat_interval"]) == ("0s", "1m", "50s")
    assert "continue" not in first


def test_every_receiver_is_used_and_every_used_one_exists() -> None:
    config = alertmanager_config(context("prod.eu-west"))
    defined = [each["name"] for each in config["receivers"]]
    used = {config["route"]["receiver"], *(each["receiver"] for each in config["route"]["routes"])}
    assert sorted(defined) == sorted(used)


def test_every_inhibition_names_what_must_be_equal() -> None:
    for rule in alert_routing.inhibitions():
        assert {"tenant", "region"} < set(rule["equal"])


def credentials(tree: Any) -> set[str]:
    """Return every file that a tree names."""
    if isinstance(tree, dict):
        own = {value for key, value in tree.items() if key.endswith("_file")}
        return own.union(*(credentials(value) for value in tree.values()))
    return set().union(*(credentials(value) for value in tree)) if isinstance(tree, list) else set()


@pytest.mark.parametrize("stack", STACKS)
def test_credentials_are_mounted_files_that_the_store_writes(stack: str) -> None:
    given = context(stack)
    keys = {Path(file).name for file in credentials(alertmanager_config(given))}
    assert {str(Path(file).parent) for file in credentials(alertmanager_config(given))} == {addresses.RECEIVERS_MOUNT}
    assert keys <= set(mounted(given)[addresses.RECEIVERS_SECRET].sources)
    receivers = alertmanager_config(given)["receivers"]
    configs = [config for each in receivers for key, list_ in each.items() if key != "name" for config in list_]
    assert not [config for config in configs if {"url", "api_url", "routing_key", "auth_password"} & config.keys()]


def alerting(smtp: Smtp | None) -> Context:
    given: Alerting = context().platform.alerting
    return context(platform={"alerting": given.model_copy(update={"smtp": smtp})})


def digest(given: Context) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in alertmanager_config(given)["receivers"] if each["name"] == "info-digest"
    )
    return found


def test_the_digest_goes_by_mail_where_there_is_a_relay_and_to_slack_where_there_is_none() -> None:
    relay = Smtp(relay="smtp.example.com:587", sender="alerts@example.com")
    (mail,) = digest(alerting(relay))["email_configs"]
    assert (mail["to"], mail["smarthost"]) == ("platform-digest@example.com", "smtp.example.com:587")
    assert (mail["from"], mail["require_tls"]) == ("alerts@example.com", True)
    assert "auth_username" not in mail
    (slack,) = digest(alerting(None))["slack_configs"]
    assert slack["channel"] == "#platform-alerts"


def test_a_relay_with_a_login_gets_its_password_from_a_file() -> None:
    login = SmtpLogin(username="alerts", password_secret="mail/password")
    (mail,) = digest(alerting(Smtp(relay="smtp.example.com:587", sender="a@example.com", login=login)))["email_configs"]
    assert mail["auth_username"] == "alerts"
    assert mail["auth_password_file"] == f"{addresses.RECEIVERS_MOUNT}/smtp-password"
    with_login = alerting(Smtp(relay="smtp.example.com:587", sender="a@example.com", login=login))
    assert mounted(with_login)[addresses.RECEIVERS_SECRET].sources["smtp-password"] == "mail/password"


def test_a_title_says_how_urgent_what_whose_and_where(tmp_path: Path) -> None:
    written(context(), tmp_path)
    data = tmp_path / "alert.json"
    labels = '{"alertname": "ServiceErrorRateHigh", "severity": "page", "tenant": "shop", "region": "us-east"}'
    data.write_text(
        f'{{"status": "firing", "groupLabels": {labels}, "commonLabels": {labels},'
        f' "alerts": [{{"status": "firing", "labels": {labels}}}]}}',
        encoding="utf-8",
    )
    said = amtool(
        "template",
        "render",
        f"--template.glob={tmp_path / '*.tmpl'}",
        f"--template.data={data}",
        '--template.text={{ template "platform.title" . }}',
    )
    assert said.strip() == "[PAGE x1] ServiceErrorRateHigh (shop, us-east)"


def test_the_component_delivers_one_secret_and_shows_the_tree() -> None:
    made = record(lambda: AlertRouting("routing", context()))
    assert list(made) == ["routing", "routing-config"]
    secret = made["routing-config"]
    data = secret.inputs["stringData"]
    plain = data.value if isinstance(data, Secret) else data
    assert secret.type == "kubernetes:core/v1:Secret"
    assert secret.inputs["metadata"]["name"] == "alertmanager-config"
    assert set(plain) == {"alertmanager.yaml", "platform.tmpl"}
    assert yaml.safe_load(plain["alertmanager.yaml"]) == alertmanager_config(context())
    assert secret.parent.endswith("::routing")
