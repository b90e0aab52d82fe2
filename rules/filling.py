"""Fill a rule file's place holders: addresses and thresholds.

A rule is written once, `service:errors:ratio_rate5m > @THRESHOLD@`. Where nobody has a threshold of its own it becomes
a comparison with a number, which costs nothing and cannot be missing. Where a tenant or a service has its own, the
recorded series `alert_threshold` takes part, and whatever it does not speak of is still compared with the number: an
alert never falls silent because a threshold is not recorded yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from settings.thresholds import Unit

GRAFANA = "@GRAFANA@"
"""Stands in an annotation for the address of the region's Grafana."""
RUNBOOK = "@RUNBOOK@"
"""Stands in an alert for the address of its own runbook."""
THRESHOLD = "@THRESHOLD@"
"""Stands once in an alert's expression for its threshold, and in its annotations for the threshold in words."""
RECORD = "alert_threshold"
"""The recording of thresholds: labels alert, and tenant or tenant and service_name where one has its own."""
RECORDED = 'job="", namespace=""'
"""Matchers of what rules record: what is scraped has its namespace, what is pushed its job. Without them anybody's two
series of a recording's name could meet as one, which fails the rule that reads them for everybody."""
DASHBOARD = "dashboard_url"
"""Annotation of an alert that leads to its dashboard."""
NO_PANELS: Mapping[str, int] = MappingProxyType({})
UID_MAX = 40
"""Grafana's limit on a dashboard's uid."""
_COMPARISON = re.compile(rf"^(?P<left>.*\S)\s*(?P<operator>[<>]=?)\s*{THRESHOLD}(?P<rest>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Threshold:
    """What an alert compares with in one region."""

    value: float
    """Default, or the environment's own."""
    unit: Unit
    tenants: bool = False
    """Whether a tenant of the region has its own."""
    services: bool = False
    """Whether a service of the region has its own."""

    @property
    def words(self) -> str:
        """The threshold as people read it."""
        own = " (the default; its own may differ)" if self.tenants or self.services else ""
        return f"{in_words(self.value, self.unit)}{own}"


def filled(
    document: dict[str, Any], grafana: str, thresholds: Mapping[str, Threshold], panels: Mapping[str, int] = NO_PANELS
) -> dict[str, Any]:
    """Return a rule file as Prometheus reads it.

    Args:
        document: a parsed rule file.
        grafana: address of the region's Grafana, without a slash at the end.
        thresholds: what each alert that writes @THRESHOLD@ compares with.
        panels: id of the panel that an alert's dashboard_url opens; an alert that is not among them leads to a page.

    Raises:
        ValueError: an alert writes @THRESHOLD@ and has no default, or writes it where no comparison is.
    """
    return {
        "groups": [
            {**group, "rules": [_filled(rule, grafana, thresholds, panels) for rule in group["rules"]]}
            for group in document["groups"]
        ]
    }


def _filled(
    rule: dict[str, Any], grafana: str, thresholds: Mapping[str, Threshold], panels: Mapping[str, int]
) -> dict[str, Any]:
    if "alert" not in rule:
        return rule
    alert = rule["alert"]
    words = {GRAFANA: grafana, RUNBOOK: f"{grafana}/d/{runbook_uid(alert)}"}
    expression = rule["expr"]
    if THRESHOLD in str(rule):
        if alert not in thresholds:
            raise ValueError(f"alert {alert} writes {THRESHOLD} and has no default; fix: add it to the thresholds file")
        words[THRESHOLD] = thresholds[alert].words
        expression = compared(alert, expression, thresholds[alert])
    annotations = {}
    for key, value in rule["annotations"].items():
        for place, text in words.items():
            value = value.replace(place, text)
        annotations[key] = value
    if alert in panels:
        annotations[DASHBOARD] = opened(annotations[DASHBOARD], panels[alert])
    return {**rule, "expr": expression, "annotations": annotations}


def filled_tests(document: dict[str, Any], panels: Mapping[str, int]) -> dict[str, Any]:
    """Return a file of rule tests that expects each alert's dashboard_url to open its panel.

    The files say which dashboard; which panel follows from the dashboards and changes with them.
    """
    tests = []
    for test in document["tests"]:
        alerts = []
        for each in test.get("alert_rule_test", []):
            expected = [_opening(alert, panels.get(each["alertname"])) for alert in each["exp_alerts"] or []]
            alerts.append({**each, "exp_alerts": expected})
        tests.append({**test, "alert_rule_test": alerts})
    return {**document, "tests": tests}


def _opening(alert: dict[str, Any], panel: int | None) -> dict[str, Any]:
    words = alert.get("exp_annotations") or {}
    if panel is None or DASHBOARD not in words:
        return alert
    return {**alert, "exp_annotations": {**words, DASHBOARD: opened(words[DASHBOARD], panel)}}


def opened(url: str, panel: int) -> str:
    """Return a dashboard's address that opens one panel of it alone."""
    return f"{url}{'&' if '?' in url else '?'}viewPanel={panel}"


def compared(alert: str, expression: str, threshold: Threshold) -> str:
    """Return an expression with its comparison against the effective threshold: service's, tenant's, or number.

    Raises:
        ValueError: the place holder is not the right side of the one comparison, or its left side is not whole.
    """
    match = _COMPARISON.match(expression)
    if match is None or expression.count(THRESHOLD) != 1 or match["left"].count("(") != match["left"].count(")"):
        raise ValueError(f"alert {alert}: fix: write <whole expression> > {THRESHOLD} once, before any `and`")
    left, operator, rest = match["left"], match["operator"], match["rest"]
    number = f"{threshold.value:.12g}"
    if not threshold.tenants and not threshold.services:
        return f"{left} {operator} {number}{rest}"
    rows, remaining = [], left if re.fullmatch(r"[\w:]+", left) else f"({left})"
    for present, labels, selector in (
        (threshold.services, "tenant, service_name", 'service_name!=""'),
        (threshold.tenants, "tenant", 'tenant!="", service_name=""'),
    ):
        if present:
            own = f'{RECORD}{{alert="{alert}", {selector}, {RECORDED}}}'
            rows.append(f"{remaining} {operator} on ({labels}) group_left () {own}")
            remaining = f"({remaining} unless on ({labels}) {own})"
    rows.append(f"{remaining} {operator} {number}")
    return "(\n  " + "\n  or ".join(rows) + f"\n){rest}"


def in_words(value: float, unit: Unit) -> str:
    """Return a number with its unit as people read it: 5 %, 90 s, 10 min, 0.8 GB."""
    if unit is Unit.RATIO:
        return f"{value * 100:.6g} %"
    if unit is Unit.SECONDS:
        for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if value >= size and value % size == 0:
                return f"{value / size:g} {name}"
        return f"{value:g} s"
    if unit is Unit.BYTES:
        return f"{value / 1e9:g} GB" if value >= 1e8 else f"{value / 1e6:g} MB"
    return {Unit.CELSIUS: f"{value:g} °C", Unit.PER_SECOND: f"{value:g} per second"}.get(unit, f"{value:.12g}")


def runbook_uid(alert: str) -> str:
    """Return the uid of the dashboard that shows an alert's runbook.

    Runbooks are delivered with the dashboards, so that the page of an alert is there wherever the alert is.

    Raises:
        ValueError: the uid is longer than Grafana takes.
    """
    uid = f"runbook-{alert.lower()}"
    if len(uid) > UID_MAX:
        longest = UID_MAX - len("runbook-")
        raise ValueError(f"alert {alert} has {len(alert)} characters; allowed: {longest}; fix: shorten its name")
    return uid
