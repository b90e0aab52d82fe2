"""One region's alerting path, end to end: a shop's metrics, the real Prometheus and Alertmanager, a played world.

What is swapped, and nothing else: addresses and files; rates of scraping and evaluation and what alerts wait for, by a
`Pace`; six hours of the shop's own counters and of the recordings of its objective are backfilled by promtool.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

import tools
from components.rules import Rules
from components.values.context import Context
from components.values.prometheus import severity_relabelings
from lab import prometheus
from lab.instance import Instance
from lab.process import Processes
from rules.slo import conventions
from rules.slo.recordings import labels as slo_labels
from tests import alertmanagers
from tests.alertmanagers import Intervals, Recorder
from tests.contexts import context
from tests.recording import record
from tests.rules.played_shop import (
    CALLS,
    FAILING_PER_SECOND,
    HEALTHY_PER_SECOND,
    HISTORY_SECONDS,
    OTHER_SERVICE,
    SERVICE,
    SLO,
    TENANT,
    Shop,
    series,
)
from tests.running import run
from tests.serving import serving

STACK = "dev.us-east"
STEP_SECONDS = 30
"""Between scrapes and evaluations as deployed."""
COUNTED_SECONDS = 300
"""What a count of an objective's requests is of."""


@dataclass(frozen=True)
class Pace:
    """How fast time goes."""

    interval: int
    """Seconds between two scrapes and between two evaluations."""
    shorter: int
    """How many times shorter what alerts wait for (`for`) is."""
    resend: int
    """Seconds after which Prometheus says again that an alert fires; one that it stops saying ends after four times."""
    silent: float
    """Seconds without a ping after which the dead man's switch outside raises the alarm."""
    deadline: float
    """Seconds in which a step of the story must be over, on a busy machine."""
    intervals: Intervals | None = None
    """Alertmanager's waits; None leaves those that are delivered."""


QUICK = Pace(1, 60, 2, 5.0, 120.0, Intervals(wait="1s", interval="1s", ping="1s"))
DEPLOYED = Pace(30, 1, 60, 300.0, 1500.0)
"""As deployed: 30 s, whole `for`s, 30 s and 5 min of group waits. The switch outside waits for five pings."""


@dataclass
class Region:
    """What runs."""

    given: Context
    pace: Pace
    shop: Shop
    recorder: Recorder
    processes: Processes
    folder: Path
    alertmanager: str
    prometheus: str

    def restart_alertmanager(self) -> None:
        """Stop Alertmanager as a rollout does, and start it again on its data."""
        port = int(self.alertmanager.rpartition(":")[2])
        self.processes.stop(alertmanagers.NAME)
        alertmanagers.start(self.processes, self.folder / "tree" / "alertmanager.yaml", port=port)

    def kill_prometheus(self) -> None:
        """End Prometheus for good."""
        self.processes.stop(prometheus.NAME)

    def alarm_raised(self) -> bool:
        """Tell whether the dead man's switch outside has missed its pings for too long."""
        pings = self.recorder.to("/watchdog")
        return bool(pings) and time.time() - pings[-1].at > self.pace.silent

    def states(self, **labels: str) -> list[str]:
        """Return what Alertmanager decided about the alerts with these labels."""
        return [each["status"]["state"] for each in alertmanagers.alerts(self.alertmanager, **labels)]

    def pages(self, service: str, action: str = "trigger", alert: str = "") -> list[alertmanagers.Sent]:
        """Return what the on-call of the region got about a service: `trigger` or `resolve`, of one alert or any."""
        return [
            each
            for each in self.recorder.to("/pagerduty")
            if each.body["event_action"] == action
            and each.body["payload"].get("component") == service
            and alert in each.body["payload"]["class"]
        ]

    def told(self, channel: str) -> list[str]:
        """Return what a Slack channel was told: titles and texts."""
        found = [each.body for each in self.recorder.to("/slack") if each.body["channel"] == channel]
        return [f"{a['title']}\n{a['text']}" for body in found for a in body["attachments"]]

    def recorded(self, selector: str) -> dict[float, float]:
        """Return the samples of one series of the last quarter of an hour by their times: one for each evaluation."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": f"{selector}[15m]"}, timeout=10)
        (found,) = answer.json()["data"]["result"]
        return {float(time): float(value) for time, value in found["values"]}


@contextmanager
def running(folder: Path, pace: Pace) -> Iterator[Region]:
    """Yield a region whose processes are ended whatever happens."""
    given = context(STACK)
    shop, recorder = Shop(given.identity), Recorder()
    instance = Instance.of("dev.paging", folder)
    instance.create()
    processes = Processes(instance)
    with serving(shop.answer) as shop_url, serving(recorder.answer) as sink:
        try:
            tree = alertmanagers.place(given, folder / "tree", sink, pace.intervals)
            alertmanager = alertmanagers.start(processes, tree)
            metrics = _prometheus(processes, given, folder / "prometheus", pace, shop, shop_url, alertmanager)
            yield Region(given, pace, shop, recorder, processes, folder, alertmanager, metrics)
        finally:
            processes.stop()


def _prometheus(
    processes: Processes, given: Context, folder: Path, pace: Pace, shop: Shop, shop_url: str, alertmanager: str
) -> str:
    folder.mkdir()
    made = record(lambda: Rules("rules", given))
    for each in made.of_type("kubernetes:monitoring.coreos.com/v1:PrometheusRule"):
        text = yaml.safe_dump(_hurried(each.inputs["spec"], pace))
        (folder / f"{each.name}.rules.yaml").write_text(text, encoding="utf-8")
    config = {
        "global": {
            "scrape_interval": f"{pace.interval}s",
            "scrape_timeout": f"{pace.interval}s",
            "evaluation_interval": f"{pace.interval}s",
            "external_labels": given.identity,
        },
        "rule_files": [str(folder / "*.rules.yaml")],
        "scrape_configs": [
            {
                "job_name": "shop",
                "honor_labels": True,
                "static_configs": [_target(shop_url)],
                # The played shop names no format.
                "fallback_scrape_protocol": "PrometheusText0.0.4",
            }
        ],
        "alerting": {
            "alert_relabel_configs": severity_relabelings(),
            "alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}],
        },
    }
    _backfill(given, shop, prometheus.data(folder))
    command = prometheus.command(folder, config, f"--rules.alert.resend-delay={pace.resend}s")
    return prometheus.start(processes, command)


def _target(url: str) -> dict[str, Any]:
    """Return a target whose series are those that were backfilled: without the port, which is another each time."""
    return {"targets": [url.removeprefix("http://")], "labels": {"instance": "shop"}}


def _hurried(spec: dict[str, Any], pace: Pace) -> dict[str, Any]:
    """Return a rule file whose groups are evaluated, and whose alerts wait, at a pace."""

    def rule(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "for": f"{_seconds(given['for']) // pace.shorter}s"} if "for" in given else given

    def group(given: dict[str, Any]) -> dict[str, Any]:
        longer = _seconds(given.get("interval", f"{STEP_SECONDS}s")) // STEP_SECONDS
        own = {"interval": f"{longer * pace.interval}s"}
        return {**given, **own, "rules": [rule(each) for each in given["rules"]]}

    return {"groups": [group(each) for each in spec["groups"]]}


def _seconds(span: str) -> int:
    return int(span[:-1]) * {"s": 1, "m": 60, "h": 3600}[span[-1]]


def _backfill(given: Context, shop: Shop, data: Path) -> None:
    """Write six hours in which all was well: counters as they were scraped, and the recordings of the objective."""
    now = int(time.time())
    times = range(now - HISTORY_SECONDS, now, STEP_SECONDS)
    owned = slo_labels(TENANT, SLO, given.tenants[TENANT].slos[SLO], given.identity)
    lines = [f"# TYPE {CALLS.removesuffix('_total')} counter"]
    for service in (SERVICE, OTHER_SERVICE):
        rates = (HEALTHY_PER_SECOND, FAILING_PER_SECOND)
        for served, rate in zip(shop.series(service), rates, strict=True):
            scraped = served.replace("{", '{job="shop",instance="shop",', 1)
            lines += [f"{scraped} {rate * (at - times[0]):.3f} {at}" for at in times]
    total = HEALTHY_PER_SECOND + FAILING_PER_SECOND
    for name, value, apart in (
        (conventions.TOTAL, total, STEP_SECONDS),
        (conventions.ERRORS, FAILING_PER_SECOND, STEP_SECONDS),
        (conventions.TOTAL_COUNTED, COUNTED_SECONDS * total, COUNTED_SECONDS),
        (conventions.ERRORS_COUNTED, COUNTED_SECONDS * FAILING_PER_SECOND, COUNTED_SECONDS),
    ):
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{series(name, owned)} {value} {at}" for at in times[:: apart // STEP_SECONDS]]
    file = data.parent / "history.om"
    file.write_text("\n".join([*lines, "# EOF"]) + "\n", encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "tsdb", "create-blocks-from", "openmetrics", str(file), str(data))
    assert done.returncode == 0, done.stdout + done.stderr


def links(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the links of a PagerDuty event by what they are called."""
    return {each["text"]: each["href"] for each in event["links"]}


def dumped(region: Region) -> str:
    """Return what the world got, for the message of a failed step."""
    return json.dumps([{"to": each.to, "body": each.body} for each in region.recorder.sent if each.to != "/watchdog"])
