"""Prometheus' and Alertmanager's configurations as local processes read them.

Discovery is the real one, against the lab's API server: only where a target's address leads differs. The operator's
config reloader, which unpacks the configuration and expands variables in it, is stood in for by `reloaded`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from lab.telemetry.container import Container, expanded

Config = dict[str, Any]
_PREFIX: Final = re.compile(r"^(--?[\w.-]+)=")
_ABROAD: Final = ("pagerduty_url", "telegram_api_url", "opsgenie_api_url", "victorops_api_url", "webex_api_url")
"""Addresses that Alertmanager knows by itself, and would send to from a lab."""
_FILED: Final = {"slack_api_url_file", "api_url_file", "url_file"}
"""Fields that name a file with an address; a file and an address in one place contradict each other."""
_UNKNOWN: Final = {"payload"}
"""Fields of receivers that the lab's Alertmanager (0.28.1, tools/alertmanager) does not know; the region's does."""


def reloaded(container: Container, source: str, env: Mapping[str, str]) -> Config:
    """Return a mounted, compressed configuration as the config reloader hands it on.

    Args:
        container: the container that reads it.
        source: its path in the container.
        env: variables of the reloader, as `$(NAME)` in the text.
    """
    text = expanded(gzip.decompress(container.read(source)).decode(), env)
    made: Config = yaml.safe_load(container.localized(text))
    return made


def prometheus(config: Mapping[str, Any], kubeconfig: Path, targets: Mapping[str, str]) -> Config:
    """Return Prometheus' configuration, discovering from outside the cluster and scraping on loopback.

    Args:
        config: with paths swapped already.
        kubeconfig: of its service account.
        targets: regular expression of `<pod address>:<port>` to the local host:port; the first that matches holds.
    """
    alerting = config.get("alerting", {})
    return {
        **config,
        "scrape_configs": [_discovering(each, kubeconfig, targets) for each in config["scrape_configs"]],
        "alerting": {
            **alerting,
            "alertmanagers": [
                _discovering(each, kubeconfig, targets, keep_instance=False)
                for each in alerting.get("alertmanagers", [])
            ],
        },
    }


def alertmanager(config: Mapping[str, Any], nowhere: str) -> Config:
    """Return Alertmanager's configuration, from which nothing leaves the machine.

    Args:
        config: with paths swapped already.
        nowhere: host:port on loopback where nobody listens.
    """
    url = f"http://{nowhere}"
    abroad = {**dict.fromkeys(_ABROAD, url), "slack_api_url": url, "smtp_smarthost": nowhere}
    known = {key: value for key, value in config.get("global", {}).items() if key not in _FILED}
    led = {"webhook_configs": {"url": url}, "email_configs": {"smarthost": nowhere}}

    def stranded(receiver: Mapping[str, Any]) -> Config:
        return {
            kind: [
                {**{key: value for key, value in each.items() if key not in _FILED | _UNKNOWN}, **led.get(kind, {})}
                for each in entries
            ]
            if kind != "name"
            else entries
            for kind, entries in receiver.items()
        }

    return {**config, "global": {**known, **abroad}, "receivers": [stranded(each) for each in config["receivers"]]}


def arguments(given: list[str], swaps: Mapping[str, str]) -> list[str]:
    """Return a program's arguments with the values of some flags swapped; one that was not given is added.

    Args:
        given: `--flag=value` or `--flag`, with one dash or two.
        swaps: flag, with its dashes, to its value.
    """
    kept = [each for each in given if (_PREFIX.match(each) or [each, each])[1] not in swaps]
    return [*kept, *(f"{flag}={value}" for flag, value in swaps.items())]


def _discovering(
    job: Mapping[str, Any], kubeconfig: Path, targets: Mapping[str, str], keep_instance: bool = True
) -> Config:
    discoveries = [{**each, "kubeconfig_file": str(kubeconfig)} for each in job.get("kubernetes_sd_configs", [])]
    named = {"source_labels": ["instance", "__address__"], "regex": ";(.+)", "target_label": "instance"}
    led = [
        {
            "source_labels": ["__address__"],
            "regex": pattern,
            "target_label": "__address__",
            "replacement": place,
        }
        for pattern, place in targets.items()
    ]
    # The instance stays what it is in a cluster: the pod's address.
    relabelings = [*job.get("relabel_configs", []), *([named] if keep_instance else []), *led]
    return {**job, "kubernetes_sd_configs": discoveries, "relabel_configs": relabelings}
