"""PostgreSQL servers: who holds the connections, how far replicas are behind, and what could be restored."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import meaning, stat, target, time_series
from dashboards.queries import SELECTOR

UID = "postgres-connections"
FOLDER = Folder.INFRASTRUCTURE
CHOSEN = f'{SELECTOR}, postgres_cluster=~"$database"'
USED = f"postgres:connections_used:ratio{{{CHOSEN}}}"
CONNECTIONS = f"postgres:connections:current{{{CHOSEN}}}"
UP = f"postgres:server_up:min{{{CHOSEN}}}"
RECEIVING = f"postgres:wal_receiver_up:min{{{CHOSEN}}}"
LAG = f"postgres:replication_lag:seconds{{{CHOSEN}}}"
DEADLOCKS = f"postgres:deadlocks:increase10m{{{CHOSEN}}}"
BACKUP = f"postgres:last_backup:timestamp_seconds{{{CHOSEN}}}"
BACKUP_AGE = f"time() - ({BACKUP} > 0)"
FAILURES = f"postgres:wal_archive_failures:increase15m{{{CHOSEN}}}"
ARCHIVED = f"postgres:wal_archived:increase15m{{{CHOSEN}}}"
SERVER = "{{tenant}} {{postgres_cluster}} {{pod}}"
CLUSTER = "{{tenant}} {{postgres_cluster}}"


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/postgres.rules.yaml link to it."""
    series = f"postgres:connections_used:ratio{{{SELECTOR}}}"
    database = variables.query("database", "Database cluster", f"label_values({series}, postgres_cluster)")
    made = board(UID, "PostgreSQL connections", "Who holds the connections, and is what is written safe?", database)
    return (
        _changes(_time(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Connections: {runbook('PostgresConnectionsExhausted')}, {runbook('PostgresConnectionsHigh')}. "
                f"Servers: {runbook('PostgresDown')}. Replicas: {runbook('PostgresReplicationLag')}, "
                f"{runbook('PostgresReplicaDisconnected')}. Locks: {runbook('PostgresDeadlocks')}.",
                f"Backups: {runbook('PostgresWalArchiveFailing')}, {runbook('PostgresBackupStale')}, "
                f"{runbook('PostgresBackupMissing')}.",
                f"Connections rise because queries got slow: {to_menu('PostgreSQL queries', 'postgres-queries')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            coloured(
                stat("Connections used", "Of the fullest server.", "percentunit", target(f"max({USED})", "")),
                "PostgresConnectionsHigh",
                "PostgresConnectionsExhausted",
            )
        )
        .with_panel(
            coloured(
                stat("Replication lag", "Of the replica that is most behind.", "s", target(f"max({LAG})", "")),
                "PostgresReplicationLag",
            )
        )
        .with_panel(
            coloured(
                stat(
                    "Oldest backup",
                    "Newest backup of the cluster it is oldest of.",
                    "s",
                    target(f"max({BACKUP_AGE})", ""),
                ),
                "PostgresBackupStale",
            )
        )
        .with_panel(
            coloured(
                stat("Deadlocks", "In the last 10 minutes, of one database.", "short", target(f"max({DEADLOCKS})", "")),
                "PostgresDeadlocks",
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    by_service = f"topk(15, sum by (tenant, region, postgres_cluster, application_name) ({CONNECTIONS}))"
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            drawn(
                time_series(
                    "Connections used",
                    "Share of max_connections by server. Above the red line services are refused.",
                    "percentunit",
                    target(USED, SERVER),
                ),
                "PostgresConnectionsHigh",
                "PostgresConnectionsExhausted",
            )
        )
        .with_panel(
            time_series(
                "Connections by service",
                "By application_name, which a service sets in its connection string; empty where it does not.",
                "short",
                target(by_service, f"{CLUSTER} {{{{application_name}}}}"),
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Replication lag",
                    "How old the newest change is that a replica has replayed; 0 on primaries.",
                    "s",
                    target(LAG, SERVER),
                ),
                "PostgresReplicationLag",
            )
        )
        .with_panel(
            time_series(
                "Servers up",
                "1 where the exporter reaches its server, 0 where it does not, which pages after a minute.",
                "none",
                target(UP, SERVER),
            )
        )
        .with_panel(
            time_series(
                "Standbys that receive",
                "1 where a CloudNativePG standby has a WAL receiver, 0 where it is cut off from its primary.",
                "none",
                target(RECEIVING, SERVER),
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Deadlocks in 10 minutes",
                    "Transactions that PostgreSQL ended because they waited for each other.",
                    "short",
                    target(DEADLOCKS, f"{CLUSTER} {{{{datname}}}}"),
                ),
                "PostgresDeadlocks",
            )
        )
    )


def _time(made: Dashboard) -> Dashboard:
    states = f"sum by (tenant, region, postgres_cluster, state) ({CONNECTIONS})"
    longest = "max by (tenant, region, postgres_cluster, state)"
    transactions = (
        f"{longest} (pg_stat_activity_max_tx_duration{{{CHOSEN}}} or cnpg_backends_max_tx_duration_seconds{{{CHOSEN}}})"
    )
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Connections by state",
                "Much idle: pools are too large. Much idle in transaction: somebody forgot to end.",
                "short",
                target(states, f"{CLUSTER} {{{{state}}}}"),
            )
        )
        .with_panel(
            time_series(
                "Longest transaction",
                "It holds locks, and keeps VACUUM from removing what it could still see.",
                "s",
                target(transactions, f"{CLUSTER} {{{{state}}}}"),
            )
        )
    )


def _changes(made: Dashboard) -> Dashboard:
    size = (
        "sum by (tenant, region, postgres_cluster, datname) (max by (tenant, region, postgres_cluster, datname) "
        f"(cnpg_pg_database_size_bytes{{{CHOSEN}}} or pg_database_size_bytes{{{CHOSEN}}}))"
    )
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            drawn(
                time_series(
                    "Age of the newest backup",
                    "A saw-tooth of a day. Clusters that never had one are not here, but on the panel beside.",
                    "s",
                    target(BACKUP_AGE, CLUSTER),
                ),
                "PostgresBackupStale",
            )
        )
        .with_panel(
            time_series(
                "Clusters without any backup",
                "A line is a cluster that cannot be restored at all; for 6 hours it warns.",
                "none",
                target(f"{BACKUP} == 0", CLUSTER),
            )
        )
        .with_panel(
            meaning(
                time_series(
                    "WAL archiving",
                    "Attempts that failed and segments archived, in 15 minutes. Stuck, none archived, pages.",
                    "short",
                    target(f"{FAILURES} > 0 unless {ARCHIVED} > 0", f"{CLUSTER} stuck"),
                    target(FAILURES, f"{CLUSTER} retried"),
                    target(ARCHIVED, f"{CLUSTER} archived"),
                ),
                {" stuck$": "red", " retried$": "yellow", " archived$": "green"},
            )
        )
        .with_panel(
            time_series("Size", "Of each database, on one server.", "bytes", target(size, f"{CLUSTER} {{{{datname}}}}"))
        )
    )
