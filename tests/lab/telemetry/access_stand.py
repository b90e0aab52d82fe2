"""Two tenants' signals in the real stores, and the access proxy as rendered in front of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import tools
from components.values import addresses
from components.values.access import identities, workload
from components.values.context import Context
from lab import prometheus
from lab.stores import SLOW_START_SECONDS
from tests import alertmanagers
from tests.backends import LOOPBACK, Backends
from tests.contexts import context
from tests.lab.telemetry import access_signals as signals
from tests.rendering import loki_files, tempo_files

STACK = "dev.us-east"
Json = dict[str, Any]


@dataclass(frozen=True)
class Stand:
    """What is up."""

    host: str
    """host:port of the access proxy."""
    tokens: Mapping[str, str]
    """Token by identity."""
    silences: Mapping[str, str]
    """Id of each tenant's silence."""
    loki: str
    tempo: str
    otlp: str
    """Where Tempo takes spans."""
    prometheus: str
    alertmanager: str


class Stack(Backends):
    """The stores of tests/backends.py, with rules, alerts and the access proxy beside them."""

    def prometheus_with_rules(self, rules: Json, alertmanager: str) -> str:
        """Start a Prometheus that takes OTLP, evaluates rules each second and alerts."""
        folder = self._folder("prometheus-rules")
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        document = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yaml")],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}],
            },
            "storage": {"exemplars": {"max_exemplars": 1000}},
        }
        flags = (prometheus.OTLP, prometheus.REMOTE_WRITE, prometheus.EXEMPLARS)
        return prometheus.start(self._processes, prometheus.command(folder, document, *flags), SLOW_START_SECONDS)

    def alertmanager(self) -> str:
        """Start an Alertmanager that tells nobody."""
        folder = self._folder("alertmanager")
        file = folder / "alertmanager.yaml"
        file.write_text(yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
        return alertmanagers.start(self._processes, file)

    def access(self, given: Context, places: Mapping[str, str], tokens: Mapping[str, str]) -> str:
        """Start the containers of the access proxy's pod, and return the proxy's host:port.

        Args:
            given: whose region it is.
            places: local address by rendered host:port.
            tokens: token by identity.
        """
        folder = self._folder("access")
        for name, token in tokens.items():
            (folder / name).write_text(token)
        swaps = dict(places)
        for container in workload.deployment_spec(given)["template"]["spec"]["containers"][1:]:
            arguments = container["args"]
            listen = next(each for each in arguments if each.startswith("-insecure-listen-address=")).partition("=")[2]
            swaps[listen] = self._enforcer(container["name"], arguments, listen, places)

        def argv(ports: Mapping[str, int]) -> list[str]:
            text = _swapped(workload.config_map_data(given)[workload.CONFIG_FILE], swaps)
            config = json.loads(text.replace(identities.MOUNT, str(folder)))
            http = config["apps"]["http"]
            # Nobody has to be told that this one goes.
            http["shutdown_delay"], http["grace_period"] = "0s", "1s"
            http["servers"]["access"]["listen"] = [f"{LOOPBACK}:{ports['access']}"]
            http["servers"]["internal"]["listen"] = [f"{LOOPBACK}:{ports['http']}"]
            file = folder / "caddy.json"
            file.write_text(json.dumps(config))
            return [str(tools.ensure("caddy")["caddy"]), "run", "--config", str(file)]

        return f"{LOOPBACK}:{self._start('caddy', argv, '/healthz', 'access')['access']}"

    def _enforcer(self, name: str, arguments: list[str], listen: str, places: Mapping[str, str]) -> str:
        def argv(ports: Mapping[str, int]) -> list[str]:
            swaps = {**places, listen: f"{LOOPBACK}:{ports['http']}"}
            program = str(tools.ensure("prom-label-proxy")["prom-label-proxy"])
            return [program, *(_swapped(each, swaps) for each in arguments)]

        return f"{LOOPBACK}:{self._start(name, argv, '/healthz')['http']}"


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Start everything, put both tenants' signals in, wait until they can be read, and end it at last."""
    given = context(STACK)
    backends = Stack(folder)
    try:
        yield _started(backends, given)
    finally:
        backends.stop()


def _started(backends: Stack, given: Context) -> Stand:
    alertmanager = backends.alertmanager()
    with ThreadPoolExecutor() as pool:
        loki = pool.submit(backends.loki, *loki_files(given))
        metrics = backends.prometheus_with_rules(signals.rules(), alertmanager)
        tempo = pool.submit(backends.tempo, *tempo_files(given), metrics)
        queries, otlp = tempo.result()
        places = {
            _authority(addresses.loki_url()): loki.result(),
            _authority(addresses.tempo_url(given)): queries,
            _authority(addresses.prometheus_url()): metrics,
            _authority(addresses.alertmanager_url()): alertmanager,
        }
    tokens = {each.name: secrets.token_hex(16) for each in identities.identities(given)}
    host = backends.access(given, {key: url.removeprefix("http://") for key, url in places.items()}, tokens)
    for tenant in signals.TENANTS:
        signals.send(tenant, loki.result(), otlp, metrics)
    silences = {tenant: signals.silence(alertmanager, tenant) for tenant in signals.TENANTS}
    made = Stand(host, tokens, silences, loki.result(), queries, otlp, metrics, alertmanager)
    signals.wait(made.loki, made.tempo, made.prometheus, made.alertmanager)
    return made


def _authority(url: str) -> str:
    rest = url.removeprefix("http://")
    return rest if ":" in rest else f"{rest}:80"


def _swapped(text: str, places: Mapping[str, str]) -> str:
    for rendered, local in places.items():
        text = text.replace(rendered, local)
    return text
