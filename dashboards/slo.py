"""SLOs and their error budgets: which objective is missed, how fast its budget goes, and what is left of it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.links import of_row, of_services, runbook, to_menu
from dashboards.panels import least, levels, meaning, stat, target, time_series, with_limits
from dashboards.queries import SELECTOR, worst
from dashboards.tables import Column, table
from rules.slo import conventions as names
from rules.slo.windows import PAIRS

UID = "slo"
FOLDER = Folder.SERVICES
CHOSEN = f'{names.SLO_LABEL}=~"$slo"'
SLO = f"{SELECTOR}, {CHOSEN}"
BY = "tenant, region, service_name, sloth_slo"
FAST, _, _, SLOW = PAIRS
LEGEND = "{{tenant}} {{sloth_slo}}"


def _by(series: str, function: str = "max") -> str:
    return f"{function} by ({BY}) ({series}{{{SLO}}})"


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/slo.rules.yaml link to it."""
    slo = variables.query("slo", "SLO", f"label_values({names.INFO}{{{SELECTOR}}}, {names.SLO_LABEL})")
    made = board(
        UID, "SLOs and error budgets", "Which objectives hold, and what is left to spend.", slo, since="now-7d"
    )
    return (
        _budgets(_burning(_indicators(_overview(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Pages: {runbook('SLOBudgetBurningFast')}. Warnings: {runbook('SLOBudgetBurningSlowly')}.",
                f"Nothing measured: {runbook('SLONotMeasured')}.",
                "Budget spent: ship nothing but what makes the service reliable until it is positive again.",
                f"The service itself: {to_menu('Service overview', 'service-overview')}.",
            )
        )
    )


def _overview(made: Dashboard) -> Dashboard:
    missed = f"count(max by ({BY}) ({names.PERIOD_BUDGET_REMAINING}{{{SLO}}}) < 0) or vector(0)"
    burning = f'count(ALERTS{{{SLO}, alertstate="firing", alertname=~"SLOBudgetBurning.*"}}) or vector(0)'
    unmeasured = f'count(ALERTS{{{SLO}, alertname="SLONotMeasured"}}) or vector(0)'
    lowest = f"min({names.PERIOD_BUDGET_REMAINING}{{{SLO}}})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat("Objectives missed", "SLOs whose error budget is spent.", "short", target(missed, "")).thresholds(
                levels(1, 2)
            )
        )
        .with_panel(
            stat("Burning", "Burn-rate alerts that fire, pages and warnings.", "short", target(burning, "")).thresholds(
                levels(1, 2)
            )
        )
        .with_panel(
            stat("Least budget left", "Of the period's error budget.", "percentunit", target(lowest, "")).thresholds(
                least(yellow=0.25, red=0)
            )
        )
        .with_panel(
            stat(
                "Not measured", "SLOs without a request to measure them by.", "short", target(unmeasured, "")
            ).thresholds(levels(yellow=1))
        )
    )


def _indicators(made: Dashboard) -> Dashboard:
    labels = {
        "tenant": Column("Tenant"),
        "region": Column("Region"),
        "service_name": Column("Service", links=[of_row("Service overview", "service-overview", service="Service")]),
        "sloth_slo": Column("SLO"),
    }
    budget = [(None, "red"), (0.0, "yellow"), (0.25, "green")]
    burn = [(None, "green"), (1.0, "yellow"), (float(FAST.factor(30)), "red")]
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "All objectives",
            "Budget left of the period, and how many times faster than allowed it goes now: at 1 it lasts exactly.",
            labels,
            Column("Burning now", "none", _by(names.CURRENT_BURN_RATE), burn, decimals=2),
            Column("Budget left", "percentunit", _by(names.PERIOD_BUDGET_REMAINING), budget, decimals=1),
            Column("Objective", "percentunit", _by(names.OBJECTIVE), decimals=3),
            Column("Period", "d", _by(names.TIME_PERIOD)),
            Column("Requests", "reqps", _by(names.TOTAL), decimals=2),
        )
    )


def _burning(made: Dashboard) -> Dashboard:
    """One panel per pair of windows, each with the factor from which it alerts."""
    made = made.with_row(row("How fast does the budget go?"))
    for pair in PAIRS:
        factor = float(pair.factor(30))
        lines = [
            target(worst(f"{_by(names.ratio(window))} / {_by(names.ERROR_BUDGET)}"), f"{LEGEND} {window}")
            for window in (pair.long, pair.short)
        ]
        made = made.with_panel(
            of_services(
                with_limits(
                    time_series(
                        f"Burn rate, {pair.long} and {pair.short}",
                        f"A {pair.severity} fires when both are above {factor:g}, {float(pair.factor(28)):.4g} where "
                        f"the period is 28 days: {float(pair.budget):.0%} of the budget goes within {pair.long}.",
                        "none",
                        *lines,
                    ),
                    1,
                    max(factor, 1.01),
                )
            )
        )
    return made


def _budgets(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            of_services(
                time_series(
                    "Error budget left",
                    "Of the period's budget; below 0 the objective is missed. Over what Prometheus has seen so far.",
                    "percentunit",
                    target(_by(names.PERIOD_BUDGET_REMAINING), LEGEND),
                    least=None,
                )
            )
        )
        .with_panel(
            of_services(
                meaning(
                    time_series(
                        "Bad requests per second",
                        "What spends the budget, beside all requests.",
                        "reqps",
                        target(_by(names.ERRORS), f"{LEGEND} bad"),
                        target(_by(names.TOTAL), f"{LEGEND} all"),
                    ),
                    {" bad$": "red", " all$": "green"},
                )
            )
        )
        .with_panel(
            of_services(
                time_series(
                    "Without requests",
                    "Objectives that no request of the last hour was measured by.",
                    "short",
                    target(compared("SLONotMeasured", CHOSEN), LEGEND),
                ).span(24)
            )
        )
    )
