"""PostgreSQL's statements: which take the time, which got slower, and the plan of one of them."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards import stores, variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import least, stat, target, time_series
from dashboards.queries import SELECTOR
from dashboards.stores import log_lines, log_query
from dashboards.tables import Column, table

UID = "postgres-queries"
FOLDER = Folder.INFRASTRUCTURE
CLUSTERS = f'{SELECTOR}, postgres_cluster=~"$database"'
CHOSEN = f'{CLUSTERS}, queryid=~"$queryid"'
MEAN = f"postgres:query_seconds:mean5m{{{CHOSEN}}}"
CALLS = f"postgres:query_calls:rate5m{{{CHOSEN}}}"
SECONDS = f"postgres:query_seconds:rate5m{{{CHOSEN}}}"
RATIO = f"postgres:query_seconds:baseline_ratio{{{CHOSEN}}}"
SLOW = f"postgres:slow_queries:rate5m{{{CLUSTERS}}}"
PLANNED = f"postgres:auto_explain_plans:rate30m{{{SELECTOR}}}"
QUERY = "{{tenant}} {{datname}} {{queryid}}"
BY = "tenant, region, postgres_cluster, datname, queryid"
NAMESPACE = "tenant, region, cluster, environment, namespace"
PLAN_LINES = 'tenant=~"$tenant", region=~"$region", cluster=~".+"'
PLANS = f"{{{PLAN_LINES}}} |= `plan:` | query_id=~`$queryid` | regexp `duration: (?P<ms>[0-9.]+) ms  plan:`"
"""Lines of auto_explain for the chosen query, with the milliseconds that the execution took."""


def build() -> Dashboard:
    """Return the dashboard; alerts of the two areas of rules about queries link to it."""
    database = variables.query(
        "database", "Database cluster", f"label_values(postgres:slow_queries:rate5m{{{SELECTOR}}}, postgres_cluster)"
    )
    query = variables.query("queryid", "Query id", f"label_values(postgres:query_calls:rate5m{{{CLUSTERS}}}, queryid)")
    made = board(UID, "PostgreSQL queries", "Which statements take the time?", database, query, since="now-6h")
    made = made.with_variable(stores.log_source())
    return (
        _changes(_plans(_time(_affected(_health(made)))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"One statement: {runbook('PostgresQuerySlow')}, {runbook('PostgresQuerySlowerThanUsual')}. "
                f"Many at once: {runbook('PostgresSlowQueryRate')}. No plans: {runbook('PostgresAutoExplainStalled')}.",
                "Text of a statement: `SELECT query FROM pg_stat_statements WHERE queryid = ...`.",
                f"Who waits for it: {to_menu('PostgreSQL connections', 'postgres-connections')}, "
                f"{to_menu('Trace explorer', 'trace-explorer')}.",
            )
        )
    )


def _hits() -> str:
    """Return the share of blocks that were found in shared buffers, by database."""
    by = "tenant, region, postgres_cluster, datname"
    hit, read = (
        f"sum by ({by}) (rate(pg_stat_database_blks_{kind}{{{CLUSTERS}}}[5m]) "
        f"or rate(cnpg_pg_stat_database_blks_{kind}{{{CLUSTERS}}}[5m]))"
        for kind in ("hit", "read")
    )
    return f"{hit} / ({hit} + {read} > 0)"


def _health(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            coloured(
                stat("Slow queries", "Executions per second of the worst database.", "cps", target(f"max({SLOW})", "")),
                "PostgresSlowQueryRate",
            )
        )
        .with_panel(
            coloured(
                stat("Slowest mean", "Of one statement, over 5 minutes.", "s", target(f"max({MEAN})", "")),
                "PostgresQuerySlow",
            )
        )
        .with_panel(
            coloured(
                stat("Worst against usual", "Times its mean of 7 days.", "none", target(f"max({RATIO})", "")),
                "PostgresQuerySlowerThanUsual",
            )
        )
        .with_panel(
            stat(
                "Cache hits",
                "Of the database with fewest; below 0.99 it reads much.",
                "percentunit",
                target(f"min({_hits()})", ""),
            ).thresholds(least(yellow=0.99))
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    labels = {
        "tenant": Column("Tenant"),
        "region": Column("Region"),
        "postgres_cluster": Column("Cluster"),
        "datname": Column("Database"),
        "queryid": Column("Query id"),
    }
    top = f"topk(20, sum by ({BY}) ({SECONDS}))"
    return made.with_row(row("What is affected?")).with_panel(
        table(
            "The statements that take most time",
            "Seconds per second: 1 is a connection that is always busy with it. Means of 5 minutes.",
            labels,
            Column("Time", "none", top, decimals=3),
            Column("Mean", "s", f"max by ({BY}) ({MEAN}) and on ({BY}) {top}", decimals=3),
            Column("Calls", "cps", f"sum by ({BY}) ({CALLS}) and on ({BY}) {top}", decimals=2),
            Column("Against usual", "none", f"max by ({BY}) ({RATIO}) and on ({BY}) {top}", decimals=1),
        )
    )


def _time(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            drawn(
                time_series(
                    "Mean by statement",
                    "The ten slowest, over 5 minutes. Warns for statements called more than once in 100 s.",
                    "s",
                    target(f"topk(10, {MEAN})", QUERY),
                ),
                "PostgresQuerySlow",
            )
        )
        .with_panel(
            _logged(
                "p95 by query id, of logged executions",
                "From auto_explain, which logs only what takes longer than its limit: compare with itself.",
                f"quantile_over_time(0.95, {PLANS} | unwrap ms | __error__=`` [$__auto]) by (tenant, query_id) / 1000",
                "{{tenant}} {{query_id}}",
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Slow calls",
                    "Executions per second of statements that take longer than 1 s on average.",
                    "cps",
                    target(SLOW, "{{tenant}} {{postgres_cluster}} {{datname}}"),
                ),
                "PostgresSlowQueryRate",
            )
        )
        .with_panel(
            time_series(
                "Cache hit ratio",
                "Blocks found in shared buffers. A drop is a table that outgrew them, or a server that just started.",
                "percentunit",
                target(_hits(), "{{tenant}} {{postgres_cluster}} {{datname}}"),
            )
        )
    )


def _changes(made: Dashboard) -> Dashboard:
    usual = f"postgres:query_seconds:baseline7d{{{CHOSEN}}}"
    stalled = (
        f"sum by ({NAMESPACE}) ({SLOW}) > 0 "
        f"and max_over_time(postgres:auto_explain_plans:rate30m{{{SELECTOR}}}[7d]) > 0 unless {PLANNED} > 0"
    )
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            drawn(
                time_series(
                    "Against its own last 7 days",
                    "Hourly mean by the mean of the week. 2 is twice as slow as usual.",
                    "none",
                    target(f"topk(10, {RATIO})", QUERY),
                ),
                "PostgresQuerySlowerThanUsual",
            )
        )
        .with_panel(
            time_series(
                "Hourly mean and usual",
                "Choose a query id. A step is a plan that changed, a slope is data that grows.",
                "s",
                target(f"topk(10, postgres:query_seconds:mean1h{{{CHOSEN}}})", f"{QUERY} now"),
                target(f"topk(10, {usual})", f"{QUERY} usual"),
            )
        )
    ).with_panel(
        time_series(
            "Plans logged",
            "By namespace, per second. Slow queries of which no plan was logged warn after 30 minutes.",
            "cps",
            target(stalled, "{{tenant}} {{namespace}} without plans"),
            target(PLANNED, "{{tenant}} {{namespace}} plans"),
        ).span(24)
    )


def _plans(made: Dashboard) -> Dashboard:
    return made.with_row(row("How is it executed?")).with_panel(
        log_lines(
            "Plans of the chosen query",
            "As auto_explain logged them, the newest first. Look for rows removed by a filter and estimates far off.",
            PLANS,
        )
    )


def _logged(title: str, description: str, expr: str, legend: str) -> TimeSeries:
    return (
        time_series(title, description, "s").datasource(stores.loki()).with_target(log_query(expr, legend).ref_id("A"))
    )
