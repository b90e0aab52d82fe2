"""Start the real Loki, Tempo and Prometheus from rendered configurations, with only addresses and paths swapped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from botocore.config import Config

import tools
from lab import cloud, prometheus
from lab.instance import Instance
from lab.process import Command, Processes
from lab.telemetry import backends
from lab.telemetry.container import LOOPBACK, swapped_paths
from lab.telemetry.operators import answers

SLOW_START_SECONDS = 90.0
"""Loki's ring waits 15 s before it is ready; twice that and more on a busy machine."""


class Backends:
    """Processes of one run, each below `folder` and on loopback only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        instance = Instance("stores", folder)
        instance.create()
        self._processes = Processes(instance)
        self._cloud, _ = cloud.start(self._processes, "us-east-1", "111111111111")

    def stop(self) -> None:
        """End every process; Tempo's at once, which would take 10 s each to put away what nobody needs."""
        for name, process in self._processes.recorded().items():
            if name.startswith("tempo") and process.alive():
                os.kill(process.pid, signal.SIGKILL)
        self._processes.stop()

    def loki(self, config: dict[str, Any], overrides: Mapping[str, Any]) -> str:
        """Start Loki as one process and return its address."""
        self._bucket(config["common"]["storage"]["object_store"]["s3"]["bucket_name"])
        return _url(self._loki("all", config, overrides, {})["http"])

    def distributed_loki(self, config: dict[str, Any], overrides: Mapping[str, Any]) -> tuple[str, str]:
        """Start Loki's roles as processes of their own, and return the addresses of pushes and of queries."""
        self._bucket(config["common"]["storage"]["object_store"]["s3"]["bucket_name"])
        # Only the writer is surely a member: the index gateway has no ring to join.
        others = {"index": self._loki("index-gateway", config, overrides, {})["grpc"]}
        writer = self._loki("distributor,ingester", config, overrides, others)
        others["members"] = writer["members"]
        frontend = self._loki("query-frontend,query-scheduler", config, overrides, others)
        others["scheduler"] = frontend["grpc"]
        self._loki("querier", config, overrides, others)
        return _url(writer["http"]), _url(frontend["http"])

    def _loki(
        self, target: str, config: dict[str, Any], overrides: Mapping[str, Any], others: Mapping[str, int]
    ) -> Mapping[str, int]:
        name = f"loki-{target.partition(',')[0]}"
        folder = self._folder(name)
        runtime = _write(folder / "runtime.yaml", {"overrides": overrides})
        mounts = {config["common"]["path_prefix"]: folder / "data", config["runtime_config"]["file"]: runtime}

        def argv(ports: Mapping[str, int]) -> list[str]:
            swapped = backends.loki(_local(config, mounts), ports, backends.Store.of(self._cloud))
            if target != "all":
                swapped = backends.loki_role(swapped, ports, others)
            file = _write(folder / "config.yaml", swapped)
            return [str(tools.ensure("loki")["loki"]), f"-config.file={file}", f"-target={target}"]

        return self._start(name, argv, "/ready")

    def tempo(self, config: dict[str, Any], overrides: Mapping[str, Any], metrics: str) -> tuple[str, str]:
        """Start Tempo, writing metrics to a Prometheus; return the addresses of queries and of OTLP over HTTP."""
        self._bucket(config["storage"]["trace"]["s3"]["bucket"])
        found = self._tempo("all", _writing(config, metrics), overrides, {})
        return _url(found["http"]), _url(found["otlp_http"])

    def distributed_tempo(self, config: dict[str, Any], overrides: Mapping[str, Any], metrics: str) -> tuple[str, str]:
        """Start Tempo's roles as processes of their own; return the addresses of queries and of OTLP over HTTP."""
        self._bucket(config["storage"]["trace"]["s3"]["bucket"])
        config = _writing(config, metrics)
        others = {"members": self._tempo("ingester", config, overrides, {})["members"]}
        frontend = self._tempo("query-frontend", config, overrides, others)
        others["frontend"] = frontend["grpc"]
        for role in ("querier", "compactor", "metrics-generator"):
            self._tempo(role, config, overrides, others)
        return _url(frontend["http"]), _url(self._tempo("distributor", config, overrides, others)["otlp_http"])

    def _tempo(
        self, target: str, config: dict[str, Any], overrides: Mapping[str, Any], others: Mapping[str, int]
    ) -> Mapping[str, int]:
        name = "tempo" if target == "all" else f"tempo-{target}"
        folder = self._folder(name)
        file = _write(folder / "overrides.yaml", {"overrides": overrides})
        mounts = {"/var/tempo": folder / "data", config["overrides"]["per_tenant_override_config"]: file}

        def argv(ports: Mapping[str, int]) -> list[str]:
            swapped = backends.tempo(_local(config, mounts), ports, backends.Store.of(self._cloud))
            if target != "all":
                swapped = backends.tempo_role(swapped, ports, others)
            written = _write(folder / "tempo.yaml", swapped)
            return [str(tools.ensure("tempo")["tempo"]), f"-config.file={written}", f"-target={target}"]

        # A frontend is ready when it has a querier, which is started with the frontend's address, and a compactor when
        # its ring has been the same for a minute.
        answering = "/metrics" if target in {"query-frontend", "compactor"} else "/ready"
        return self._start(name, argv, answering, "otlp_grpc", "otlp_http")

    def prometheus(self) -> str:
        """Start an empty Prometheus that takes remote writes and exemplars, and return its address."""
        config = {"storage": {"exemplars": {"max_exemplars": 1000}}}
        made = prometheus.command(self._folder("prometheus"), config, prometheus.REMOTE_WRITE, prometheus.EXEMPLARS)
        return prometheus.start(self._processes, made, SLOW_START_SECONDS)

    def _start(self, name: str, argv: Any, path: str, *ports: str) -> Mapping[str, int]:
        def ready(found: Mapping[str, int]) -> bool:
            return answers(found["http"], path)

        env = {**self._cloud.environment(), **backends.Store.of(self._cloud).environment}
        command = Command(name, argv, ready, (*backends.PORTS, *ports), env)
        return self._processes.start(command, SLOW_START_SECONDS).ports

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _bucket(self, name: str) -> None:
        store = self._cloud.session().client("s3", endpoint_url=self._cloud.url, config=Config(proxies={}))
        store.create_bucket(Bucket=name)


@contextmanager
def running(folder: Path) -> Iterator[Backends]:
    """Yield backends that are ended whatever happens."""
    started = Backends(folder / "backends")
    try:
        yield started
    finally:
        started.stop()


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _local(config: Mapping[str, Any], mounts: Mapping[str, Path]) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(swapped_paths(yaml.safe_dump(dict(config)), mounts))
    return made


def _writing(config: dict[str, Any], metrics: str) -> dict[str, Any]:
    """Return Tempo's configuration with one Prometheus in the place of each; it refuses to write to one twice."""
    generator = config["metrics_generator"]
    write = {**generator["storage"]["remote_write"][0], "url": f"{metrics}/api/v1/write"}
    storage = {**generator["storage"], "remote_write": [write]}
    return {**config, "metrics_generator": {**generator, "storage": storage}}


def _write(file: Path, content: Mapping[str, Any]) -> Path:
    file.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return file
