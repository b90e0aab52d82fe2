"""Stand in for scheduler and kubelet in what others ask of them: where a pod runs and under which address.

Pods of workloads were made by their controllers and wait to be scheduled. Those whose processes run here are bound to
a node and get an address of a range that leads nowhere; Prometheus discovers them by it (`monitoring.prometheus` leads
it to the process). Pods of applications are made here, with a loopback address of their own: what sends from that
address is that pod to the agents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from automation.waiting import until
from lab.cluster import Api
from lab.problem import LabError

POD_NETWORK: Final = "10.244.0"
"""First three bytes of the addresses of workloads' pods."""
_SECONDS: Final = 30.0
_OWN: Final = {"app.kubernetes.io/managed-by": "lab"}
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in _OWN.items())


@dataclass(frozen=True)
class Network:
    """The nodes of a lab's cluster and the addresses of its pods."""

    api: Api
    _binding: Lock = field(default_factory=Lock)

    def node(self, name: str) -> None:
        """Make a node, so that every DaemonSet has a pod for it."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {**_OWN, "kubernetes.io/os": "linux"}},
        }
        self.api.apply(f"/api/v1/nodes/{name}", manifest)

    def leave(self) -> None:
        """Remove the nodes made here and the pods on them, for which nobody would say that they have ended.

        The controllers make the workloads' pods again, on no node, as they were before the run.
        """
        nodes = [each["metadata"]["name"] for each in self.api.get(f"/api/v1/nodes?labelSelector={_SELECTOR}")["items"]]
        # Pods first: without its node a DaemonSet's pod is deleted by its controller, at the same time as here.
        for pod in self.api.get("/api/v1/pods")["items"]:
            if pod["spec"].get("nodeName") in nodes:
                metadata = pod["metadata"]
                path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
                self.api.delete(path, at_once=True)
        for name in nodes:
            self.api.delete(f"/api/v1/nodes/{name}")

    def namespace(self, name: str) -> None:
        """Make a namespace in which pods can be made.

        Raises:
            LabError: its service account does not come.
        """
        self.api.apply(
            f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        if not until(lambda: bool(self.api.get(accounts)["items"]), _SECONDS):
            raise LabError(f"namespace {name}: has no service account after {_SECONDS:.0f} s; is the controller up?")

    def scale(self, namespace: str, name: str, least: int) -> int:
        """Give a StatefulSet at least so many replicas, and return how many it has then.

        For one that an operator made: no stack knows it, so it drifts from none.
        """
        path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"
        replicas = max(least, int(self.api.get(path)["spec"]["replicas"]))
        manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}}
        self.api.apply(path, {**manifest, "spec": {"replicas": replicas}})
        return replicas

    def pod_of(self, kind: str, namespace: str, name: str, ordinal: int, node: str) -> str:
        """Return the name of a workload's pod, once its controller has made it, bound to a node.

        Args:
            kind: StatefulSet, Deployment or DaemonSet.
            namespace: of the workload.
            name: of the workload.
            ordinal: which of a StatefulSet's pods.
            node: the node that it is to run on.

        Raises:
            LabError: the controller makes none.
        """
        path = f"/api/v1/namespaces/{namespace}/pods"
        found: list[dict[str, Any]] = []

        def look() -> bool:
            pods = self.api.get(path)["items"]
            found[:] = [each for each in pods if _is(each, kind, name, ordinal, node)]
            return bool(found)

        if not until(look, _SECONDS):
            raise LabError(f"{kind} {namespace}/{name}: has no pod for {node}; its controller makes none.")
        name_of_pod = str(found[0]["metadata"]["name"])
        with self._binding:
            # Containers of one pod are started at the same time, and a pod is bound once.
            if "nodeName" not in self.api.get(f"{path}/{name_of_pod}")["spec"]:
                target = {"apiVersion": "v1", "kind": "Node", "name": node}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name_of_pod}, "target": target}
                self.api.create(f"{path}/{name_of_pod}/binding", binding)
        return name_of_pod

    def runs(self, namespace: str, name: str, address: str) -> None:
        """Say of a pod that it runs and is ready under an address."""
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": kind, "status": "True"} for kind in ("PodScheduled", "ContainersReady", "Ready")],
        }
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": status}
        self.api.apply(f"/api/v1/namespaces/{namespace}/pods/{name}/status", manifest)

    def application(self, namespace: str, name: str, service: str, node: str, address: str) -> str:
        """Make a pod of an application that runs on a node, and return its uid.

        Args:
            namespace: must exist.
            name: of the pod.
            service: its `app.kubernetes.io/name`, which becomes service.name where the program does not say one.
            node: where it runs.
            address: its own address.
        """
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {**_OWN, "app.kubernetes.io/name": service}},
            "spec": {
                "nodeName": node,
                "automountServiceAccountToken": False,
                "containers": [{"name": "main", "image": f"registry.example.com/{service}:1.0.0"}],
            },
        }
        made = self.api.apply(path, manifest)
        self.runs(namespace, name, address)
        return str(made["metadata"]["uid"])


def _is(pod: Mapping[str, Any], kind: str, name: str, ordinal: int, node: str) -> bool:
    """Return whether a pod is the one of a workload that is to run on a node."""
    owners = {(each["kind"], each["name"]) for each in pod["metadata"].get("ownerReferences", [])}
    if kind == "StatefulSet":
        return (kind, name) in owners and pod["metadata"]["name"] == f"{name}-{ordinal}"
    if kind == "Deployment":
        return any(owner == "ReplicaSet" and each.startswith(f"{name}-") for owner, each in owners)
    return (kind, name) in owners and node in _wanted_nodes(pod)


def _wanted_nodes(pod: Mapping[str, Any]) -> set[str]:
    """Return the nodes that a DaemonSet's pod may run on: its controller names one by the node's own name."""
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return {
        value
        for term in terms["nodeSelectorTerms"]
        for field in term.get("matchFields", [])
        for value in field["values"]
    }
