"""Ask the real amtool where alerts go, with the tree as it is delivered."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tools
from components.alert_routing import secret_data
from components.values import alert_routing
from components.values.alert_routing import TEMPLATES
from components.values.context import Context
from settings.alerting import MuteInterval, Receiver, Webhook, Weekday
from settings.vocabulary import Severity
from tests.contexts import context
from tests.running import run

Labels = Mapping[str, str]


def amtool(*arguments: str) -> str:
    """Run amtool and return what it said.

    Raises:
        AssertionError: it refuses; the message is amtool's.
    """
    done = run(tools.ensure("amtool")["amtool"], *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(given: Context, folder: Path) -> Path:
    """Write the Secret's keys into a folder; only the path of the templates differs from what is delivered."""
    for key, text in secret_data(given).items():
        (folder / key).write_text(text.replace(TEMPLATES, str(folder / "*.tmpl")), encoding="utf-8")
    return folder / alert_routing.CONFIG_KEY


def resolved(file: Path, alerts: Sequence[Labels]) -> list[list[str]]:
    """Return the ordered receivers of each alert: one amtool each, as many at a time as there are cores."""

    def one(labels: Labels) -> list[str]:
        given = [f"{key}={value}" for key, value in labels.items()]
        return amtool("config", "routes", "test", "--config.file", str(file), *given).strip().split(",")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, alerts))


def with_everything(stack: str = "prod.eu-west") -> Context:
    """Return a context that uses every kind of receiver, with warnings that wait at night."""
    given = context(stack)
    alerting, tenants = given.platform.alerting, given.platform.tenants
    payments = tenants["payments"]
    chat = payments.channels.model_copy(update={"telegram": -1001, "mute": ["nights"]})
    changed = alerting.model_copy(
        update={
            "dba": Receiver(slack="#dba-alerts", telegram=-1002, mute=["nights"]),
            "telegram_bot": "alerting/telegram-bot",
            "webhooks": {
                "audit": Webhook(url_secret="audit/url", severities=list(Severity)),
                "incidents": Webhook(url_secret="incidents/url", bearer_secret="incidents/bearer"),
            },
            "mute_intervals": {
                "nights": MuteInterval(start="20:00", end="07:00", time_zone="Europe/Dublin"),
                "weekends": MuteInterval(weekdays=[Weekday.SATURDAY, Weekday.SUNDAY]),
            },
        }
    )
    everyone = {**tenants, "payments": payments.model_copy(update={"channels": chat})}
    return context(stack, platform={"alerting": changed, "tenants": everyone})
