"""Thresholds: one default, another for an environment, a tenant or a service, and what Prometheus makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.values.context import Context
from components.values.rule_files import everywhere, rule_files
from components.values.thresholds import AREA
from rules.filling import Threshold, compared, filled, in_words
from settings.thresholds import TenantThresholds, Unit, defaults
from settings.vocabulary import Integration
from tests.contexts import context
from tests.running import run
from tests.settings.documents import at, refusal

ALERT = "ServiceErrorRateHigh"


def with_own() -> Context:
    """Return dev, where the tenant shop has 10 %, and its service cart 20 %."""
    tenants = dict(context("dev.us-east").platform.tenants)
    own = TenantThresholds(alerts={ALERT: 0.1}, services={"cart": {ALERT: 0.2}})
    tenants["shop"] = tenants["shop"].model_copy(update={"thresholds": own})
    return context("dev.us-east", platform={"tenants": tenants})


def rule(given: Context, alert: str = ALERT) -> dict[str, Any]:
    groups = everywhere(given)["service"]["groups"]
    return next(each for group in groups for each in group["rules"] if each.get("alert") == alert)


def test_where_nobody_has_its_own_the_rule_compares_with_a_number() -> None:
    shipped = rule(context("dev.us-east"))
    assert shipped["expr"].splitlines()[0] == "service:errors:ratio_rate5m > 0.05"
    assert "more than 5 % of its requests" in shipped["annotations"]["description"]


def test_an_environments_own_replaces_the_number_and_its_words() -> None:
    shipped = rule(context("dev.us-east", platform={"thresholds": {ALERT: 0.02}}))
    assert shipped["expr"].splitlines()[0] == "service:errors:ratio_rate5m > 0.02"
    assert "more than 2 % of its requests" in shipped["annotations"]["description"]


def test_a_tenants_own_changes_its_rule_alone_and_says_so() -> None:
    plain, own = everywhere(context("dev.us-east")), everywhere(with_own())
    assert rule(with_own(), "ServiceErrorRateCritical") == rule(context("dev.us-east"), "ServiceErrorRateCritical")
    assert {area for area in plain if plain[area] != own[area]} == {"service", AREA}
    assert "more than 5 % (the default; its own may differ)" in rule(with_own())["annotations"]["description"]


def series(tenant: str, service: str, errors: int) -> list[dict[str, str]]:
    labels = f'tenant="{tenant}", region="us-east", cluster="c", environment="dev", service_name="{service}"'
    name = f'traces_span_metrics_calls_total{{{labels}, span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_%s"}}'
    return [
        {"series": name % "ERROR", "values": f"0+{errors}x60"},
        {"series": name % "UNSET", "values": f"0+{1000 - errors}x60"},
    ]


def test_service_before_tenant_before_default_and_labels_are_kept(tmp_path: Path) -> None:
    shipped = everywhere(with_own())
    for area in ("service", AREA):
        (tmp_path / f"{area}.rules.yaml").write_text(yaml.safe_dump(shipped[area]), encoding="utf-8")
    failing = {
        ("shop", "cart"): {150: False, 220: True},
        ("shop", "basket"): {80: False, 120: True},
        ("payments", "cart"): {40: False, 60: True},
    }
    tests = []
    for fires in (False, True):
        counts = {owner: next(n for n, each in cases.items() if each is fires) for owner, cases in failing.items()}
        alerts = [
            {
                "exp_labels": {
                    "tenant": tenant,
                    "region": "us-east",
                    "cluster": "c",
                    "environment": "dev",
                    "service_name": service,
                    "severity": "warn",
                },
                "exp_annotations": shown(tenant, service, counts[tenant, service]),
            }
            for tenant, service in failing
        ]
        tests.append(
            {
                "interval": "30s",
                "input_series": [each for owner, count in counts.items() for each in series(*owner, count)],
                "alert_rule_test": [{"eval_time": "20m", "alertname": ALERT, "exp_alerts": alerts if fires else []}],
            }
        )
    document = {
        "rule_files": ["service.rules.yaml", f"{AREA}.rules.yaml"],
        "evaluation_interval": "30s",
        "group_eval_order": ["settings.thresholds", "service.requests"],
        "tests": tests,
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def shown(tenant: str, service: str, errors: int) -> dict[str, str]:
    """Return the rule's own annotations with the words of one alert in them."""
    value = f"{errors / 10:g}%"
    words = {
        "{{ $labels.service_name }}": service,
        "{{ $labels.tenant }}": tenant,
        "{{ $labels.region }}": "us-east",
        "{{ $value | humanizePercentage }}": value,
    }
    found = {}
    for key, text in rule(with_own())["annotations"].items():
        for place, word in words.items():
            text = text.replace(place, word)
        found[key] = text
    return found


def test_thresholds_in_force_and_limits_are_recorded_with_whom_they_are_for() -> None:
    groups = {group["name"]: group["rules"] for group in rule_files(with_own())[AREA]["groups"]}
    identity = {"region": "us-east", "cluster": "dev-us-east", "environment": "dev"}
    own = [each for each in groups["settings.thresholds"] if each["labels"]["alert"] == ALERT]
    assert [(each["expr"], each["labels"]) for each in own] == [
        ("vector(0.05)", {**identity, "alert": ALERT}),
        ("vector(0.1)", {**identity, "alert": ALERT, "tenant": "shop"}),
        ("vector(0.2)", {**identity, "alert": ALERT, "tenant": "shop", "service_name": "cart"}),
    ]
    limit = {**identity, "limit": "active_series", "tenant": "shop"}
    assert {"record": "tenant_limit", "expr": "vector(50000)", "labels": limit} in groups["settings.limits"]
    recorded = {each["labels"]["alert"] for each in groups["settings.thresholds"]}
    assert recorded == set(defaults())


def test_areas_of_exporters_ship_where_one_is_scraped() -> None:
    assert not {"gpu", "kafka", "rabbitmq"} & rule_files(context("dev.us-east")).keys()
    with_gpu = rule_files(context("dev.us-east", integrations=[Integration.GPU]))
    assert {"gpu", "kafka", "rabbitmq"} & with_gpu.keys() == {"gpu"}


REFUSED = [
    (
        {"thresholds": {"ServiceErorRateHigh": 0.1}},
        "names an alert that has no threshold; allowed: ",
        "fix: did you mean ServiceErrorRateHigh?",
    ),
    ({"thresholds": {ALERT: -1}}, f"thresholds.{ALERT} is -1; allowed: a number, at least 0", "within these bounds"),
    ({"thresholds": {ALERT: 5}}, "is 5, more than all; allowed: a ratio from 0 to 1", "fix: write 0.05"),
    (
        {"tenants.shop.thresholds": {"alerts": {"RemoteWriteBehind": 60}}},
        "tenants.shop.thresholds.alerts.RemoteWriteBehind is set for less than the environment",
        "fix: set thresholds.RemoteWriteBehind",
    ),
    (
        {"tenants.shop.thresholds": {"services": {"cart": {"VolumeFull": 0.9}}}},
        "tenants.shop.thresholds.services.cart.VolumeFull is set for less than the tenant",
        "fix: set tenants.shop.thresholds.alerts.VolumeFull",
    ),
]


@pytest.mark.parametrize(("changes", "what", "fix"), REFUSED)
def test_a_threshold_that_cannot_be_is_refused_with_the_fix(changes: dict[str, Any], what: str, fix: str) -> None:
    said = refusal(at(changes))
    assert what in said
    assert fix in said


def test_a_rule_that_writes_its_threshold_otherwise_is_refused() -> None:
    for expression in ("x > 1", "(x > @THRESHOLD@)", "@THRESHOLD@ < x", "x > @THRESHOLD@ and y > @THRESHOLD@"):
        with pytest.raises(ValueError, match=r"^alert A: fix: write <whole expression> > @THRESHOLD@ once"):
            compared("A", expression, Threshold(1, Unit.COUNT))
    alert = {"alert": "A", "expr": "x > @THRESHOLD@", "annotations": {}}
    with pytest.raises(ValueError, match=r"^alert A writes @THRESHOLD@ and has no default"):
        filled({"groups": [{"rules": [alert]}]}, "https://g", {})


def test_a_threshold_is_read_with_its_unit() -> None:
    cases = [
        (0.05, Unit.RATIO, "5 %"),
        (1, Unit.SECONDS, "1 s"),
        (120, Unit.SECONDS, "2 min"),
        (2.5, Unit.SECONDS, "2.5 s"),
    ]
    cases += [(1209600, Unit.SECONDS, "14 d"), (10800, Unit.SECONDS, "3 h"), (8e8, Unit.BYTES, "0.8 GB")]
    cases += [(5e7, Unit.BYTES, "50 MB"), (85, Unit.CELSIUS, "85 °C"), (3, Unit.PER_SECOND, "3 per second")]
    cases += [(10000, Unit.COUNT, "10000")]
    assert [in_words(value, unit) for value, unit, _ in cases] == [words for *_, words in cases]
