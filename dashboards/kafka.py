"""Kafka and RabbitMQ: who is behind on which topic, whether brokers are well, and what lies in dead-letter queues."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards import variables
from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import levels, stat, target, time_series
from dashboards.queries import SELECTOR

UID = "kafka"
FOLDER = Folder.INFRASTRUCTURE
TOPICS = f'{SELECTOR}, topic=~"$topic"'
LEGEND = "{{tenant}} {{consumergroup}} {{topic}}"
LAG = f"kafka:consumer_lag:messages{{{TOPICS}}}"
DEAD = f"rabbitmq:dead_letters:messages{{{SELECTOR}}}"
READ = f"sum by (tenant, region, consumergroup, topic) (rate(kafka_consumergroup_current_offset{{{TOPICS}}}[5m]))"
BEHIND = f"sum by (tenant, region, consumergroup, topic) ({LAG})"


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/kafka.rules.yaml and rules/rabbitmq.rules.yaml link to it."""
    topic = variables.query("topic", "Topic", f"label_values(kafka:consumer_lag:messages{{{SELECTOR}}}, topic)")
    made = board(UID, "Kafka and queues", "Which consumers are behind, and what nobody could process.", topic)
    return (
        _time(_affected(_health(made)))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"Orders: {runbook('KafkaOrderConsumerLag')}. Carts: {runbook('KafkaCartConsumerLag')}. "
                f"Product views: {runbook('KafkaProductViewConsumerLag')}. "
                f"Dead letters: {runbook('RabbitmqDeadLetters')}.",
                "Nothing is read: the consumer is stuck, look at its log. Too little is read: scale it out.",
                f"What the consumer waits for: {to_menu('Service overview', 'service-overview')}, "
                f"{to_menu('PostgreSQL queries', 'postgres-queries')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    offline = f"max(kafka_controller_kafkacontroller_offlinepartitionscount{{{SELECTOR}}})"
    under = f"sum(kafka_server_replicamanager_underreplicatedpartitions{{{SELECTOR}}})"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat("Largest lag", "Messages, of the consumer that is most behind.", "short", target(f"max({LAG})", ""))
        )
        .with_panel(
            coloured(
                stat("Dead letters", "In the fullest dead-letter queue.", "short", target(f"max({DEAD})", "")),
                "RabbitmqDeadLetters",
            )
        )
        .with_panel(
            stat("Offline partitions", "Nobody can read or write them.", "short", target(offline, "")).thresholds(
                levels(red=1)
            )
        )
        .with_panel(
            stat(
                "Under-replicated",
                "Partitions that lack a replica: one broker less to lose.",
                "short",
                target(under, ""),
            ).thresholds(levels(yellow=1))
        )
    )


def _lag(title: str, description: str, topics: str, alert: str) -> TimeSeries:
    expr = f'kafka:consumer_lag:messages{{{TOPICS}, topic=~"{topics}"}}'
    return drawn(time_series(title, description, "short", target(expr, LEGEND)), alert)


def _affected(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            _lag(
                "Lag on orders",
                "Messages that a consumer group has not read yet. Orders are paid and not processed.",
                "(.*[._-])?orders?([._-].*)?",
                "KafkaOrderConsumerLag",
            )
        )
        .with_panel(
            _lag(
                "Lag on carts",
                "Messages that a consumer group has not read yet. Carts show what they held before.",
                "(.*[._-])?carts?([._-].*)?",
                "KafkaCartConsumerLag",
            )
        )
        .with_panel(
            _lag(
                "Lag on product views",
                "Messages that a consumer group has not read yet. Recommendations grow stale.",
                "(.*[._-])?product[._-]?views?([._-].*)?",
                "KafkaProductViewConsumerLag",
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Dead letters",
                    "Messages in dead-letter queues of RabbitMQ, which consumers refused or nobody took in time.",
                    "short",
                    target(DEAD, "{{tenant}} {{vhost}} {{queue}}"),
                ),
                "RabbitmqDeadLetters",
            )
        )
    )


def _time(made: Dashboard) -> Dashboard:
    written = f"sum by (tenant, region, topic) (rate(kafka_topic_partition_current_offset{{{TOPICS}}}[5m]))"
    members = f"sum by (tenant, region, consumergroup) (kafka_consumergroup_members{{{SELECTOR}}})"
    # Without a topic they are the sum of all, which would count twice.
    received, sent = (
        f'sum by (tenant, region) (rate(kafka_server_brokertopicmetrics_{name}_total{{{TOPICS}, topic!=""}}[5m]))'
        for name in ("bytesin", "bytesout")
    )
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Time to catch up",
                "Lag divided by messages read per second, if nothing more came. Without an end: nothing is read.",
                "s",
                target(f"{BEHIND} / ({READ} > 0)", LEGEND),
            )
        )
        .with_panel(
            time_series(
                "Read and written",
                "Messages per second. Below what is written, what is read grows the lag.",
                "cps",
                target(READ, "{{tenant}} {{consumergroup}} reads {{topic}}"),
                target(written, "{{tenant}} written to {{topic}}"),
            )
        )
        .with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Members of consumer groups",
                "A drop is a consumer that died or was rolled out; a saw-tooth is a group that rebalances.",
                "short",
                target(members, "{{tenant}} {{consumergroup}}"),
            )
        )
        .with_panel(
            time_series(
                "Bytes through the brokers",
                "Where it rises without messages, messages grew.",
                "Bps",
                target(received, "{{tenant}} in"),
                target(sent, "{{tenant}} out"),
            )
        )
    )
