"""From requests to alerts at the real intervals, and thirty days of budget from ten days of memory; all by promtool."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.values.prometheus import helm_values
from components.values.rule_files import everywhere
from rules.slo import conventions, recordings
from rules.slo.windows import PAIRS, Pair
from settings.platform import Retention
from settings.units import Duration
from settings.vocabulary import Severity, SliSource, SloWindow
from tests.contexts import context
from tests.rules.slo_specs import OWNER, labels, promtool, series, slo, value
from tests.settings.calm import calm

CALLS = f'traces_span_metrics_calls_total{{{OWNER}, service_name="cart", span_kind="SPAN_KIND_SERVER", status_code="'
GOOD, BAD = f'{CALLS}STATUS_CODE_UNSET"}}', f'{CALLS}STATUS_CODE_ERROR"}}'
SHARED = everywhere(context("dev.us-east"))["slo"]
RULES = [rule for group in SHARED["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule["expr"] for rule in RULES if "alert" in rule}
FACTORS = {Severity.PAGE: "SLOBudgetBurningFast", Severity.WARN: "SLOBudgetBurningSlowly"}


def fires(name: str, at: str, alert: str = "SLOBudgetBurningFast") -> dict[str, Any]:
    state = f'ALERTS{{alertname="{alert}", alertstate="firing", sloth_slo="{name}"}}'
    return value(f"count({state})", at, {"{}": 1})


def quiet(name: str, at: str, alert: str = "SLOBudgetBurningFast") -> dict[str, Any]:
    return value(f'ALERTS{{alertname="{alert}", sloth_slo="{name}"}}', at, {})


def test_an_outage_pages_within_three_evaluations_and_ends_half_an_hour_after_it(tmp_path: Path) -> None:
    """100 requests a second, all failing from minute 30 to minute 40.

    At minute 31.5 the hour's share of bad requests is below the 1.44 % that page, at minute 32 above. The slower pair's
    half hour is clean 35 minutes after the end.
    """
    steps = [
        series(GOOD, "0+3000x60 180000+0x20 180000+3000x75"),
        series(BAD, "0+0x60 3000+3000x19 60000+0x76"),
    ]
    hour = f"{conventions.ratio('1h')} > bool 0.0144"
    own = f'{{{labels("up")}, sloth_window="1h"}}'
    passed = [value(hour, "31m30s", {own: 0}), value(hour, "32m", {own: 1})]
    checks = [*passed, quiet("up", "31m30s"), fires("up", "33m30s"), fires("up", "70m"), quiet("up", "76m")]
    promtool(tmp_path, {"up": slo()}, "30s", {"input_series": steps, "promql_expr_test": checks})


def test_five_bad_requests_of_a_quiet_service_page_and_four_do_not(tmp_path: Path) -> None:
    """One request in two minutes, and every tenth minute a bad one, the fifth of them at minute 80."""
    idle = "0+1x59 " + " ".join(f"{60 + each // 4} {60 + each // 4}" for each in range(60))
    bad = "0x59 " + " ".join(str(min(each // 20, 5)) for each in range(120))
    checks = [
        value(f"round(30 * sum_over_time({conventions.ERRORS}[1h]))", "86m", {f"{{{labels('rare')}}}": 5}),
        quiet("rare", "79m"),
        fires("rare", "86m"),
    ]
    tests = [{"input_series": [series(GOOD, idle), series(BAD, bad)], "promql_expr_test": checks}]
    promtool(tmp_path, {"rare": slo(minimum_failures=5)}, "30s", *tests)


def test_without_traffic_or_series_it_is_said_and_nobody_is_woken(tmp_path: Path) -> None:
    stopped = [series(GOOD, "0+3000x20 60000+0x300"), series(BAD, "0+3000x20 60000+0x300")]
    named = 'count by (sloth_slo) (ALERTS{alertname="SLONotMeasured", alertstate="firing"})'
    checks = [
        value(conventions.ratio("5m"), "20m", {}),
        value(named, "1h5m", {'{sloth_slo="elsewhere"}': 1}),
        value(named, "2h30m", {'{sloth_slo="elsewhere"}': 1, '{sloth_slo="up"}': 1}),
        value('ALERTS{severity=~"page|warn", sloth_slo="elsewhere"}', "2h30m", {}),
        quiet("up", "2h30m"),
    ]
    specs = {"up": slo(objective=90), "elsewhere": slo(SliSource.HTTP_SERVER)}
    promtool(tmp_path, specs, "30s", {"input_series": stopped, "promql_expr_test": checks})


def test_what_a_spec_says_is_recorded_of_each(tmp_path: Path) -> None:
    """What equals another's is recorded together with it, and all of it with the labels of its own."""
    specs = {
        "month": slo(objective=99.95, minimum_failures=3),
        "weeks": slo(objective=99.95, window=SloWindow.DAYS_28, owner="team-b"),
    }
    about = f'sloth_objective="99.95", sloth_mode="{conventions.MODE}", sloth_spec="{conventions.SPEC}"'
    owners = {"month": f', {about}, owner="team-shop"', "weeks": f', {about}, owner="team-b"'}
    said: dict[str, dict[str, float]] = {
        conventions.OBJECTIVE: {"month": 0.9995, "weeks": 0.9995},
        conventions.TIME_PERIOD: {"month": 30, "weeks": 28},
        conventions.MINIMUM_FAILURES: {"month": 3, "weeks": 5},
        conventions.INFO: {"month": 1, "weeks": 1},
    }
    checks = [
        value(
            record,
            "5m",
            {
                f"{record}{{{labels(name)}{owners[name] if record == conventions.INFO else ''}}}": number
                for name, number in numbers.items()
            },
        )
        for record, numbers in said.items()
    ]
    promtool(tmp_path, specs, "30s", {"input_series": [], "promql_expr_test": checks})


@pytest.mark.parametrize(("days", "hand_over"), [(30, 10), (28, 7)])
def test_a_period_is_counted_to_the_end_and_no_further(days: int, hand_over: int, tmp_path: Path) -> None:
    """Day 0 has 2 % bad requests at ten times the traffic, later days none: one day in a period decides."""
    own = labels("up")
    steps = (days + hand_over) * 8
    given = [
        series(f"{conventions.TOTAL}{{{own}}}", f"1000x7 100x{steps}"),
        series(f"{conventions.ERRORS}{{{own}}}", f"20x7 0x{steps}"),
    ]
    ratio = 20 / (1000 + 100 * (days - 1))
    recorded = f"round({conventions.ratio(f'{days}d')}, 0.000001)"
    at = f'{{{own}, sloth_window="{days}d"}}'
    budget = f"round({conventions.PERIOD_BUDGET_REMAINING}, 0.001)"
    checks = [
        value(recorded, "21h", {at: 0.02}),
        value(recorded, f"{days * 24 - 3}h", {at: round(ratio, 6)}),
        value(budget, f"{days * 24 - 3}h", {f"{{{own}}}": round(1 - ratio / 0.05, 3)}),
        value(recorded, f"{days * 24 + 21}h", {at: 0}),
    ]
    # Samples stand for what the tenant's rules record, three hours apart.
    numbers = {conventions.OBJECTIVE: 0.95, conventions.TIME_PERIOD: days, conventions.MINIMUM_FAILURES: 5}
    given += [series(f"{record}{{{own}}}", f"{number}x{steps + 8}") for record, number in numbers.items()]
    given.append(series(f'{conventions.INFO}{{{own}, sloth_objective="95", owner="team-shop"}}', f"1x{steps + 8}"))
    promtool(tmp_path, {}, "3h", {"input_series": given, "promql_expr_test": checks})


def test_no_rule_reads_further_back_than_half_a_month() -> None:
    kept = Retention().metrics
    for rule in RULES:
        spans = re.findall(r"\[(\w+)\](?: offset (\w+))?", rule["expr"])
        assert all(
            Duration(length).seconds + (Duration(offset).seconds if offset else 0) < kept.seconds
            for length, offset in spans
        ), rule


@calm
@given(
    pair=st.sampled_from(PAIRS),
    days=st.sampled_from([window.days for window in SloWindow]),
    objective=st.decimals(min_value=50, max_value="99.999", places=3),
)
def test_at_the_factor_exactly_the_pairs_share_of_the_budget_is_spent(pair: Pair, days: int, objective: object) -> None:
    budget = 1 - Fraction(str(objective)) / 100
    bad_share = pair.factor(days) * budget
    assert bad_share * pair.long_days == pair.budget * budget * days


def test_the_factors_are_the_specified_ones() -> None:
    assert [float(pair.factor(30)) for pair in PAIRS] == [14.4, 6, 3, 1]
    assert [round(float(pair.factor(28)), 2) for pair in PAIRS] == [13.44, 5.6, 2.8, 0.93]


def test_the_alerts_compare_with_these_windows_and_factors() -> None:
    """Each comparison of slo.rules.yaml, as (long or short window, factor over 30 days)."""
    for severity, alert in FACTORS.items():
        found = re.findall(
            r"slo:sli_error:ratio_rate(\w+)\{[^}]*\}\s+/ ignoring \(sloth_window\) slo:error_budget:ratio\{[^}]*\}\s+"
            r"> ([0-9.*/ ]+) \* slo:time_period:days",
            ALERTS[alert],
        )
        factors = [(window, float(_product(numbers) * 30)) for window, numbers in found]
        expected = [
            (window, float(pair.factor(30)))
            for pair in PAIRS
            if pair.severity is severity
            for window in (pair.long, pair.short)
        ]
        assert factors == expected


def _product(numbers: str) -> Fraction:
    value, *rest = re.split(r" ([*/]) ", numbers)
    result = Fraction(value)
    for operator, number in zip(rest[::2], rest[1::2], strict=True):
        result = result * Fraction(number) if operator == "*" else result / Fraction(number)
    return result


def test_requests_are_counted_at_the_interval_at_which_they_are_evaluated() -> None:
    intervals = {group["name"]: group["interval"] for group in SHARED["groups"]}
    assert intervals["slo.alerts"] == intervals["slo.indicators"] == recordings.INTERVAL == "30s"
    assert helm_values(context())["prometheusSpec"]["evaluationInterval"] == recordings.INTERVAL
    assert (intervals["slo.counts"], intervals["slo.quarters"]) == ("5m", "15m")
    counts = {rule["expr"] for rule in RULES if ":increase" in rule.get("record", "")}
    sources = (conventions.ERRORS, conventions.TOTAL)
    assert counts == {f"300 * {each}" for each in sources} | {f"900 * avg_over_time({each}[15m])" for each in sources}


def test_every_series_that_sloths_dashboards_ask_for_is_recorded() -> None:
    own = [rule["record"] for group in recordings.rule_groups("shop", {"up": slo()}, {}) for rule in group["rules"]]
    recorded = {*own, *(rule.get("record") for rule in RULES)}
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d", "28d")
    assert recorded >= {conventions.ratio(window) for window in windows}
    assert recorded >= {
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
        "sloth_slo_info",
    }
