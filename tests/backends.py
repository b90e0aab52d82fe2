"""Start the real Loki, Tempo and Prometheus from rendered configurations, with only addresses and paths swapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml
from botocore.config import Config

import tools
from lab import cloud
from lab.instance import Instance
from lab.process import Command, Processes

LOOPBACK = "127.0.0.1"
HTTP = requests.Session()
HTTP.trust_env = False
SLOW_START_SECONDS = 90.0
"""Loki's ring waits 15 s before it is ready; twice that and more on a busy machine."""


class Backends:
    """Processes of one test module, each below `folder` and on loopback only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        instance = Instance("test", folder)
        instance.create()
        self._processes = Processes(instance)
        self._cloud, _ = cloud.start(self._processes, "us-east-1", "111111111111")

    def stop(self) -> None:
        """End every process, the last started first."""
        self._processes.stop()

    def loki(self, config: dict[str, Any], overrides: Mapping[str, Any]) -> str:
        """Start Loki and return its address."""
        folder = self._folder("loki")
        runtime = _write(folder / "runtime.yaml", {"overrides": overrides})
        store = config["common"]["storage"]["object_store"]["s3"]
        self._bucket(store["bucket_name"])

        def argv(ports: Mapping[str, int]) -> list[str]:
            common = {
                **config["common"],
                "path_prefix": str(folder / "data"),
                # An address of its own takes the common ring off memberlist, so that must be said again.
                "instance_addr": LOOPBACK,
                "ring": {"instance_addr": LOOPBACK, "kvstore": {"store": "memberlist"}},
                "compactor_grpc_address": f"{LOOPBACK}:{ports['grpc']}",
                "storage": {"object_store": {"s3": {**store, **self._endpoint(), "bucket_lookup_type": "path"}}},
            }
            file = _write(
                folder / "config.yaml",
                {
                    **config,
                    "common": common,
                    "memberlist": _members(config["memberlist"], ports["members"]),
                    "runtime_config": {"file": str(runtime)},
                    "server": {**config["server"], **_listen(ports)},
                },
            )
            return [str(tools.ensure("loki")["loki"]), f"-config.file={file}", "-target=all"]

        return self._start("loki", argv, "/ready")["http"]

    def tempo(self, config: dict[str, Any], overrides: Mapping[str, Any], prometheus: str) -> tuple[str, str]:
        """Start Tempo, writing its metrics to a Prometheus; return the addresses of queries and of OTLP over HTTP."""
        folder = self._folder("tempo")
        file = _write(folder / "overrides.yaml", {"overrides": overrides})
        trace, generator = config["storage"]["trace"], config["metrics_generator"]
        self._bucket(trace["s3"]["bucket"])
        writes = [{**each, "url": f"{prometheus}/api/v1/write"} for each in generator["storage"]["remote_write"]]

        def argv(ports: Mapping[str, int]) -> list[str]:
            protocols = {
                "grpc": {"endpoint": f"{LOOPBACK}:{ports['otlp_grpc']}"},
                "http": {"endpoint": f"{LOOPBACK}:{ports['otlp_http']}"},
            }
            swapped = {
                **config,
                "server": {**config["server"], **_listen(ports)},
                "memberlist": _members(config.get("memberlist", {}), ports["members"]),
                "distributor": {**config["distributor"], "receivers": {"otlp": {"protocols": protocols}}},
                "overrides": {**config["overrides"], "per_tenant_override_config": str(file)},
                "storage": {
                    "trace": {
                        **trace,
                        "s3": {**trace["s3"], **self._endpoint(), "forcepathstyle": True},
                        "wal": {"path": str(folder / "wal")},
                    }
                },
                "metrics_generator": {
                    **generator,
                    "storage": {"path": str(folder / "generator"), "remote_write": writes},
                    "traces_storage": {"path": str(folder / "generator-traces")},
                },
            }
            return [str(tools.ensure("tempo")["tempo"]), f"-config.file={_write(folder / 'tempo.yaml', swapped)}"]

        found = self._start("tempo", argv, "/ready", "otlp_grpc", "otlp_http")
        return found["http"], found["otlp_http"]

    def prometheus(self) -> str:
        """Start an empty Prometheus that takes remote writes and exemplars, and return its address."""
        folder = self._folder("prometheus")
        file = _write(folder / "prometheus.yaml", {"storage": {"exemplars": {"max_exemplars": 1000}}})

        def argv(ports: Mapping[str, int]) -> list[str]:
            return [
                str(tools.ensure("prometheus")["prometheus"]),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{ports['http']}",
                "--web.enable-remote-write-receiver",
                "--enable-feature=exemplar-storage",
            ]

        return self._start("prometheus", argv, "/-/ready")["http"]

    def _start(self, name: str, argv: Any, path: str, *ports: str) -> dict[str, str]:
        def ready(found: Mapping[str, int]) -> bool:
            try:
                return HTTP.get(f"http://{LOOPBACK}:{found['http']}{path}", timeout=2).ok
            except requests.RequestException:
                return False

        command = Command(name, argv, ready, ("http", "grpc", "members", *ports), self._cloud.environment())
        child = self._processes.start(command, SLOW_START_SECONDS)
        return {purpose: f"http://{LOOPBACK}:{port}" for purpose, port in child.ports.items()}

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _endpoint(self) -> dict[str, Any]:
        return {"endpoint": self._cloud.url.removeprefix("http://"), "insecure": True}

    def _bucket(self, name: str) -> None:
        store = self._cloud.session().client("s3", endpoint_url=self._cloud.url, config=Config(proxies={}))
        store.create_bucket(Bucket=name)


@contextmanager
def running(folder: Path) -> Iterator[Backends]:
    """Yield backends that are ended whatever happens."""
    backends = Backends(folder / "backends")
    try:
        yield backends
    finally:
        backends.stop()


def _listen(ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "http_listen_address": LOOPBACK,
        "http_listen_port": ports["http"],
        "grpc_listen_address": LOOPBACK,
        "grpc_listen_port": ports["grpc"],
    }


def _members(config: Mapping[str, Any], port: int) -> dict[str, Any]:
    here = {"bind_addr": [LOOPBACK], "bind_port": port, "advertise_addr": LOOPBACK, "advertise_port": port}
    # Without any member Loki would look for Consul; a lone one joins itself.
    return {**config, **here, "join_members": [f"{LOOPBACK}:{port}"]}


def _write(file: Path, content: Mapping[str, Any]) -> Path:
    file.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return file
