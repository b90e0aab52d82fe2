"""The real operators, run outside the cluster: what a region's custom resources become is theirs to say.

Both watch the lab's API server as its administrator. Their webhooks are off, since nothing would route to them; the
resources are written so that no webhook need default anything.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests

import tools
from automation.waiting import until
from lab import cluster
from lab.cluster import Api
from lab.problem import LabError
from lab.process import Command, Processes

PROMETHEUS_OPERATOR: Final = "prometheus-operator"
OPENTELEMETRY_OPERATOR: Final = "opentelemetry-operator"
_TIMEOUT: Final = 2.0
_SECONDS: Final = 60.0
_COLLECTORS: Final = "/apis/opentelemetry.io/v1beta1/opentelemetrycollectors"
_MONITORING: Final = "/apis/monitoring.coreos.com/v1/prometheuses"


def prometheus_operator(api: Api) -> Command:
    """Return the command that makes StatefulSets, rule files and configurations of the monitoring resources."""
    certificate, key = api.pki.admin

    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure(PROMETHEUS_OPERATOR)[PROMETHEUS_OPERATOR]),
            f"-apiserver={api.url}",
            f"-ca-file={api.pki.authority}",
            f"-cert-file={certificate}",
            f"-key-file={key}",
            f"-web.listen-address=127.0.0.1:{ports['metrics']}",
            "-kubelet-service=kube-system/kubelet",
        ]

    return Command(PROMETHEUS_OPERATOR, argv, lambda ports: answers(ports["metrics"], "/healthz"), ("metrics",))


def opentelemetry_operator(kubeconfig: Path) -> Command:
    """Return the command that makes workloads, ConfigMaps and Services of the collectors' resources."""

    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure(OPENTELEMETRY_OPERATOR)[OPENTELEMETRY_OPERATOR]),
            f"--metrics-addr=127.0.0.1:{ports['metrics']}",
            f"--health-probe-addr=127.0.0.1:{ports['health']}",
        ]

    env = {"KUBECONFIG": str(kubeconfig), "ENABLE_WEBHOOKS": "false"}

    def ready(ports: Mapping[str, int]) -> bool:
        # It says that it is ready a moment before it listens for who asks how far it is.
        return answers(ports["health"], "/readyz") and answers(ports["metrics"], "/metrics")

    return Command(OPENTELEMETRY_OPERATOR, argv, ready, ("metrics", "health"), env)


def answers(port: int, path: str) -> bool:
    """Return whether a loopback server answers well at a path."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{port}{path}", timeout=_TIMEOUT).ok
    except requests.RequestException:
        return False


def endpoints_controller(kubeconfig: Path) -> Command:
    """Return the command that keeps the Endpoints of every Service, by which Prometheus finds its targets.

    Apart from the lab's own controllers, since without running pods there is nothing for it to do.
    """
    name = "endpoints-controller"

    def argv(_: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure(cluster.CONTROLLERS)[cluster.CONTROLLERS]),
            f"--kubeconfig={kubeconfig}",
            f"--controllers={name}",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        ]

    # It answers nobody; what it does is waited for where it is needed.
    return Command(name, argv, lambda _: True)


def operate(api: Api, kubeconfig: Path, processes: Processes) -> None:
    """Run both operators until each has made what the region's resources ask for, then end them.

    A fresh process looks at every resource once. The collectors come first: what watches them is made for them.

    Raises:
        LabError: an operator does not start, refuses a resource or does not come to an end.
    """
    for command, resources, done in (
        (opentelemetry_operator(kubeconfig), _COLLECTORS, _collectors_made),
        (prometheus_operator(api), _MONITORING, _monitoring_made),
    ):
        count = len(api.get(resources)["items"])
        port = processes.start(command).ports["metrics"]
        if not until(functools.partial(done, port, count), _SECONDS):
            log = processes.instance.logs / f"{command.name}.log"
            raise LabError(f"{command.name}: has not made everything after {_SECONDS:.0f} s; see {log}.")
        processes.stop(command.name)
        for each in api.get(resources)["items"]:
            _freed(api, resources, each["metadata"])


def _freed(api: Api, resources: str, metadata: Mapping[str, Any]) -> None:
    """Take an operator's finalizers off an object: nobody would remove them when it is deleted, and it would stay."""
    if metadata.get("finalizers"):
        group, _, plural = resources.rpartition("/")
        path = f"{group}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
        api.merge(path, {"metadata": {"finalizers": None}})


def _collectors_made(port: int, count: int) -> bool:
    return (
        metric(port, 'controller_runtime_reconcile_total{controller="opentelemetrycollector",result="success"}')
        >= count
    )


def _monitoring_made(port: int, count: int) -> bool:
    synced = (
        metric(port, f'prometheus_operator_syncs{{controller="{kind}",status="ok"}}')
        for kind in ("prometheus", "alertmanager")
    )
    return all(each >= count for each in synced)


def metric(port: int, series: str, patience: float = _TIMEOUT) -> float:
    """Return the value of a series that a loopback server exposes, or of all series of a name; 0 without any.

    Args:
        port: of the server.
        series: with its labels, or a name.
        patience: seconds that it may take to answer.
    """
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(f"http://127.0.0.1:{port}/metrics", timeout=patience).text
    found = (line.rpartition(" ")[2] for line in text.splitlines() if line.startswith((f"{series} ", f"{series}{{")))
    return sum(float(value) for value in found)
