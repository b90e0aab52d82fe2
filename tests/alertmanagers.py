"""The real Alertmanager on the tree as it is delivered, and what every receiver would have got.

Swapped are: the addresses of PagerDuty, Slack, Telegram, webhooks and the dead man's switch, which become those of a
recorder; the files that credentials are mounted in; the intervals, where a test asks for quick ones; and a webhook's
`payload`, which the lab's Alertmanager (0.28) does not know yet (see the words of notifications for that).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

import tools
from components.alert_routing import secret_data
from components.values import addresses, alert_routing
from components.values.alert_routing import TEMPLATES
from components.values.alerting import receivers
from components.values.context import Context
from components.values.secrets import mounted
from lab.process import Command, Processes
from lab.telemetry.operators import answers
from tests.serving import Asked

NAME = "alertmanager"
_TELEGRAM = b'{"ok": true, "result": {"message_id": 1, "chat": {"id": 1}}}'
NOWHERE = "http://127.0.0.1:1"
"""An address where nobody answers."""


@dataclass(frozen=True)
class Sent:
    """One notification, as a receiver got it."""

    at: float
    """Seconds since the epoch."""
    to: str
    """Path that it came to: /pagerduty, /slack, /watchdog, /webhook/<name>, /bot<token>/sendMessage."""
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass
class Recorder:
    """Plays every receiver, and keeps what each got."""

    sent: list[Sent] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Keep a notification, and answer as PagerDuty, Telegram and Slack do."""
        self.sent.append(Sent(time.time(), asked.path, json.loads(asked.body), asked.headers))
        if asked.path == "/pagerduty":
            return 202, b"{}"
        return (200, _TELEGRAM) if asked.path.startswith("/bot") else (200, b"ok")

    def to(self, path: str) -> list[Sent]:
        """Return what came to one path, in order."""
        return [each for each in list(self.sent) if each.to == path]


@dataclass(frozen=True)
class Intervals:
    """How long Alertmanager waits, in its own notation; None leaves what is delivered."""

    wait: str
    """Before a new group is sent."""
    interval: str
    """Between two looks at a group."""
    ping: str
    """Between two pings of the dead man's switch."""


def place(given: Context, folder: Path, sink: str = NOWHERE, intervals: Intervals | None = None) -> Path:
    """Write tree, templates and credentials of a context into a folder, and return the tree's file."""
    folder.mkdir(exist_ok=True)
    for key in mounted(given)[addresses.RECEIVERS_SECRET].sources:
        (folder / key).write_text("0" * 32, encoding="utf-8")
    (folder / receivers.SLACK_FILE).write_text(f"{sink}/slack", encoding="utf-8")
    (folder / receivers.WATCHDOG_FILE).write_text(f"{sink}/watchdog", encoding="utf-8")
    for name in given.platform.alerting.webhooks:
        (folder / receivers.url_file(name)).write_text(f"{sink}/webhook/{name}", encoding="utf-8")
    data = secret_data(given)
    tree = yaml.safe_load(data[alert_routing.CONFIG_KEY])
    tree["global"] |= {"pagerduty_url": f"{sink}/pagerduty", "telegram_api_url": sink}
    for receiver in tree["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook.pop("payload", None)
    if intervals is not None:
        _hurry(tree["route"], intervals)
    text = yaml.safe_dump(tree).replace(TEMPLATES, str(folder / "*.tmpl"))
    file = folder / alert_routing.CONFIG_KEY
    file.write_text(text.replace(addresses.RECEIVERS_MOUNT, str(folder)), encoding="utf-8")
    (folder / alert_routing.TEMPLATES_KEY).write_text(data[alert_routing.TEMPLATES_KEY], encoding="utf-8")
    return file


def _hurry(route: dict[str, Any], intervals: Intervals) -> None:
    quick = {"group_wait": intervals.wait, "group_interval": intervals.interval}
    route.update(quick)
    for child in route["routes"]:
        if child["receiver"] == receivers.WATCHDOG:
            child.update(group_interval=intervals.ping, repeat_interval=intervals.ping)
        elif "group_wait" in child:
            child.update(quick)


def start(processes: Processes, file: Path, *, port: int | None = None) -> str:
    """Start Alertmanager, or start it again on the same data, and return its address.

    Args:
        processes: where it is recorded.
        file: the tree.
        port: where it listened before, so that Prometheus finds it again; a free one without it.
    """

    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure("alertmanager")["alertmanager"]),
            f"--config.file={file}",
            f"--storage.path={file.parent / 'data'}",
            f"--web.listen-address=127.0.0.1:{port or ports['web']}",
            "--cluster.listen-address=",
        ]

    child = processes.start(Command(NAME, argv, lambda ports: answers(port or ports["web"], "/-/ready"), ("web",)))
    return f"http://127.0.0.1:{port or child.ports['web']}"


def alerts(url: str, **labels: str) -> list[dict[str, Any]]:
    """Return the alerts that Alertmanager has, with what it decided about each."""
    chosen = [f'{key}="{value}"' for key, value in labels.items()]
    answer = requests.get(f"{url}/api/v2/alerts", params={"filter": chosen}, timeout=10)
    found: list[dict[str, Any]] = answer.json()
    return found
