"""Which program each workload is, and how its process is started from what was applied."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import tools
from components.values import addresses
from components.values.access import caddy
from components.values.collection import agent
from lab import cluster
from lab.cloud import Cloud
from lab.process import Command
from lab.telemetry import access, backends, collectors, monitoring
from lab.telemetry.addresses import swapped
from lab.telemetry.applied import Applied
from lab.telemetry.container import LOOPBACK, Container, Pod, contained
from lab.telemetry.operators import answers
from settings import names

_CONFIG: Final = "config.yaml"
_TOKEN_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Workload:
    """One process: which container of which workload's pod it is."""

    name: str
    """Of the process."""
    tool: str
    kind: str
    namespace: str
    workload: str
    container: str
    listens: Mapping[str, int]
    """Ports of the pod, by purpose; 0 where the cluster's own port does not matter."""
    ready: tuple[str, str]
    """Purpose of the port and path that tell when it works."""
    ordinal: int = 0

    @property
    def pod(self) -> tuple[str, str, int]:
        """Return what tells its pod from others."""
        return self.namespace, self.workload, self.ordinal


def gateway(ordinal: int) -> Workload:
    """Return a gateway collector."""
    listens = {each: collectors.PORTS[each] for each in ("otlp_grpc", "health", "metrics")}
    return _collector(f"gateway-{ordinal}", "StatefulSet", names.NAMESPACE, addresses.GATEWAY, listens, ordinal)


def agent_of(node: int) -> Workload:
    """Return the agent collector of a node."""
    return _collector(f"agent-{node}", "DaemonSet", names.NODE_NAMESPACE, addresses.AGENT, collectors.PORTS, node)


def cluster_collector() -> Workload:
    """Return the cluster collector."""
    listens = {each: collectors.PORTS[each] for each in ("health", "metrics")}
    return _collector("cluster", "StatefulSet", names.NAMESPACE, addresses.CLUSTER, listens, 0)


def _collector(
    name: str, kind: str, namespace: str, resource: str, listens: Mapping[str, int], ordinal: int
) -> Workload:
    workload = f"{resource}-collector"
    return Workload(name, "otelcol", kind, namespace, workload, "otc-container", listens, ("health", "/"), ordinal)


LOKI: Final = Workload(
    "loki", "loki", "StatefulSet", names.NAMESPACE, addresses.LOGS_RELEASE, "loki",
    {"http": 3100, "grpc": 9095, "members": 7946}, ("http", "/ready"),
)  # fmt: skip
TEMPO: Final = Workload(
    "tempo", "tempo", "StatefulSet", names.NAMESPACE, addresses.TRACES_RELEASE, "tempo",
    {"http": 3200, "grpc": 9095, "members": 7946, "otlp_grpc": 4317, "otlp_http": 4318}, ("http", "/ready"),
)  # fmt: skip
PROMETHEUS: Final = Workload(
    "prometheus", "prometheus", "StatefulSet", names.NAMESPACE, f"prometheus-{addresses.PROMETHEUS}", "prometheus",
    {"http": 9090}, ("http", "/-/ready"),
)  # fmt: skip
ALERTMANAGER: Final = Workload(
    "alertmanager", "alertmanager", "StatefulSet", names.NAMESPACE, f"alertmanager-{addresses.ALERTMANAGER}",
    "alertmanager", {"http": 9093}, ("http", "/-/ready"),
)  # fmt: skip


def access_proxy() -> list[Workload]:
    """Return the containers of the access proxy's pod: its enforcers, then the proxy itself."""
    pod = ("Deployment", names.NAMESPACE, addresses.ACCESS_PROXY)
    enforcers = [
        Workload(name, "prom-label-proxy", *pod, container, {"http": access.port_of(name)}, ("http", "/healthz"))
        for name, (container, _) in access.ENFORCERS.items()
    ]
    listens = {"http": addresses.ACCESS_PORT, "internal": caddy.INTERNAL_PORT}
    return [*enforcers, Workload("access", "caddy", *pod, "caddy", listens, ("internal", "/healthz"))]


@dataclass(frozen=True)
class Site:
    """Where everything of one run is."""

    applied: Applied
    cloud: Cloud
    folder: Path
    context: str
    """Name of the kubeconfig's context."""
    ports: Mapping[str, Mapping[str, int]]
    """Local ports by process and purpose."""
    places: Mapping[str, str]
    """Local host:port of the Services that configurations name."""
    targets: Mapping[str, str]
    """Local host:port of what Prometheus discovers."""

    def at(self, process: str, purpose: str) -> str:
        """Return the local host:port of a process."""
        return f"{LOOPBACK}:{self.ports[process][purpose]}"

    def command(self, workload: Workload, pod: Pod) -> Command:
        """Return how a workload's process is started; writes its files.

        Raises:
            LabError: something that it mounts or refers to is not there.
        """
        folder = self.folder / workload.name
        folder.mkdir(exist_ok=True)
        spec = self.applied.workload(workload.kind, workload.namespace, workload.workload)
        container = contained(self.applied, spec, workload.container, pod, folder / "volumes")
        account = spec["spec"]["template"]["spec"].get("serviceAccountName", "default")
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(self._kubeconfig(workload.namespace, account))
        ports = self.ports[workload.name]
        made = {
            "otelcol": self._collector,
            "loki": self._loki,
            "tempo": self._tempo,
            "prometheus": self._prometheus,
            "alertmanager": self._alertmanager,
            "prom-label-proxy": self._enforcer,
            "caddy": self._access,
        }[workload.tool](workload, container, pod, folder)
        trusted = backends.Store.of(self.cloud).environment
        env = {**self.cloud.environment(), **trusted, **container.env, "KUBECONFIG": str(kubeconfig)}
        binary = str(tools.ensure(workload.tool)[workload.tool])
        purpose, path = workload.ready
        return Command(
            workload.name, lambda _: [binary, *made], lambda _: answers(ports[purpose], path), (), env, dict(ports)
        )

    def _kubeconfig(self, namespace: str, account: str) -> str:
        """Return a kubeconfig with the rights of a service account, as a pod of it has."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        answer = self.applied.api.create(path, {**request, "spec": {"expirationSeconds": _TOKEN_SECONDS}})
        made = yaml.safe_load(cluster.kubeconfig(self.applied.api.url, self.applied.api.pki, self.context))
        made["users"] = [{"name": made["users"][0]["name"], "user": {"token": answer["status"]["token"]}}]
        return yaml.safe_dump(made)

    def _read(self, container: Container, path: str) -> Any:
        text = container.localized(container.read(path).decode())
        return yaml.safe_load(swapped(text, self.places))

    def _collector(self, workload: Workload, container: Container, _: Pod, folder: Path) -> list[str]:
        config = self._read(container, "/conf/collector.yaml")
        config = collectors.asking(collectors.listening(config, self.ports[workload.name]))
        gateways = [self.at(name, "otlp_grpc") for name in self.ports if name.startswith("gateway-")]
        if workload.workload.startswith(addresses.AGENT):
            config = collectors.balancing(config, gateways)
        if agent.GATEWAY in config["exporters"]:
            config = collectors.sending(config, gateways[workload.ordinal % len(gateways)])
        return monitoring.arguments(container.args, {"--config": str(_write(folder, config))})

    def _loki(self, workload: Workload, container: Container, _: Pod, folder: Path) -> list[str]:
        config = self._read(container, "/etc/loki/config/config.yaml")
        config = backends.loki(config, self.ports[workload.name], backends.Store.of(self.cloud))
        swaps = {"-config.file": str(_write(folder, config)), "-target": "all"}
        return monitoring.arguments(container.args, swaps)

    def _tempo(self, workload: Workload, container: Container, _: Pod, folder: Path) -> list[str]:
        config = self._read(container, "/conf/tempo.yaml")
        config = backends.tempo(config, self.ports[workload.name], backends.Store.of(self.cloud))
        return monitoring.arguments(container.args, {"-config.file": str(_write(folder, config))})

    def _prometheus(self, workload: Workload, container: Container, pod: Pod, folder: Path) -> list[str]:
        source = self._reloaded(workload, pod, folder, "/etc/prometheus/config/prometheus.yaml.gz")
        config = monitoring.prometheus(source, folder / "kubeconfig", self.targets)
        swaps = {"--config.file": str(_write(folder, config)), "--web.listen-address": self.at(workload.name, "http")}
        return monitoring.arguments(container.args, swaps)

    def _alertmanager(self, workload: Workload, container: Container, pod: Pod, folder: Path) -> list[str]:
        source = self._reloaded(workload, pod, folder, "/etc/alertmanager/config/alertmanager.yaml.gz")
        config = monitoring.alertmanager(source, self.at("nowhere", "http"))
        swaps = {"--config.file": str(_write(folder, config)), "--web.listen-address": self.at(workload.name, "http")}
        alone = [each for each in container.args if not each.startswith("--cluster.")]
        return monitoring.arguments([*alone, "--cluster.listen-address="], swaps)

    def _enforcer(self, workload: Workload, container: Container, _: Pod, __: Path) -> list[str]:
        given = [swapped(each, self.places) for each in container.args]
        return monitoring.arguments(given, {"-insecure-listen-address": self.at(workload.name, "http")})

    def _access(self, workload: Workload, container: Container, _: Pod, folder: Path) -> list[str]:
        text = swapped(container.localized(container.read(access.CONFIG).decode()), self.places)
        enforcers = {name: self.at(name, "http") for name in access.ENFORCERS}
        config = access.proxy(text, self.ports[workload.name], enforcers)
        # Caddy reads JSON where a file's name says so.
        file = folder / "caddy.json"
        file.write_text(json.dumps(config))
        return ["run", "--config", str(file)]

    def _reloaded(self, workload: Workload, pod: Pod, folder: Path, path: str) -> dict[str, Any]:
        spec = self.applied.workload(workload.kind, workload.namespace, workload.workload)
        reloader = contained(self.applied, spec, "config-reloader", pod, folder / "volumes")
        return monitoring.reloaded(reloader, path, reloader.env)


def log_folder(folder: Path, process: str) -> Path:
    """Return where an agent finds the container logs of its node: the kubelet's folder, swapped."""
    return folder / process / "volumes" / "pod-logs"


def _write(folder: Path, config: Mapping[str, Any]) -> Path:
    file = folder / _CONFIG
    file.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
    return file


def services(workloads: Sequence[Workload]) -> dict[str, tuple[str, str]]:
    """Return the Services that configurations name: `<service>.<namespace>:<port>` to process and purpose."""
    of = {
        f"{addresses.LOGS_RELEASE}-gateway.{names.NAMESPACE}:80": ("loki", "http"),
        f"{addresses.LOGS_RELEASE}.{names.NAMESPACE}:3100": ("loki", "http"),
        f"{addresses.PROMETHEUS}.{names.NAMESPACE}:9090": ("prometheus", "http"),
        f"{PROMETHEUS.workload}-0.prometheus-operated.{names.NAMESPACE}:9090": ("prometheus", "http"),
        f"{addresses.ALERTMANAGER}.{names.NAMESPACE}:9093": ("alertmanager", "http"),
    }
    for service in ("", "-query-frontend", "-distributor-discovery"):
        for port, purpose in ((3200, "http"), (addresses.OTLP_GRPC, "otlp_grpc")):
            of[f"{addresses.TRACES_RELEASE}{service}.{names.NAMESPACE}:{port}"] = ("tempo", purpose)
    running = {each.name for each in workloads}
    return {place: (process, purpose) for place, (process, purpose) in of.items() if process in running}
