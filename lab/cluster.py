"""The Kubernetes API of one instance: etcd, kube-apiserver and kube-controller-manager, on loopback.

Validation, defaulting, server-side apply and RBAC are the real ones. Left out are webhook admission, since nothing
serves the webhooks, and scheduler and kubelet, so that pods stay pending. etcd listens without TLS and does not wait
for the disk: what a lab holds can be made again by `up`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from automation.private import write_private
from automation.waiting import until
from lab.instance import Instance
from lab.pki import Pki
from lab.problem import LabError
from lab.process import Command, Processes

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLERS: Final = "kube-controller-manager"
NAMES: Final = (ETCD, API_SERVER, CONTROLLERS)
"""The processes, and the tools that they are, in the order they start."""

FIELD_MANAGER: Final = "lab"
_TIMEOUT: Final = 30.0
_LOOK_TIMEOUT: Final = 2.0
_SERVICE_RANGE: Final = "10.96.0.0/16"
_ENABLED_CONTROLLERS: Final = (
    # Without the first four nothing is deleted; with the others a workload becomes what its controller makes of it.
    "namespace-controller",
    "garbage-collector-controller",
    "persistentvolumeclaim-protection-controller",
    "serviceaccount-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "disruption-controller",
)


@dataclass(frozen=True)
class Api:
    """A small client of the API server, as its administrator."""

    url: str
    pki: Pki

    def healthy(self) -> bool:
        """Return whether every check of /readyz passes."""
        return self._answers("/readyz")

    def controlled(self) -> bool:
        """Return whether the controllers have done their first work: the default service account."""
        return self._answers("/api/v1/namespaces/default/serviceaccounts/default")

    def get(self, path: str) -> dict[str, Any]:
        """Return the object or list at a path.

        Raises:
            LabError: the API server refused.
        """
        return self._checked(self._request("GET", path))

    def metadata(self, path: str) -> dict[str, Any]:
        """Return a list with the metadata alone of its objects.

        Raises:
            LabError: the API server refused.
        """
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        return self._checked(self._request("GET", path, headers={"Accept": accept}))

    def apply(self, path: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Apply an object on the server side, as the lab's own field manager, and return it.

        Raises:
            LabError: the API server refused.
        """
        return self._checked(
            self._request(
                "PATCH",
                f"{path}?fieldManager={FIELD_MANAGER}&force=true",
                data=json.dumps(manifest),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
        )

    def merge(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change fields of an object, whoever set them; null removes one. Return the object.

        Raises:
            LabError: the API server refused.
        """
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._checked(self._request("PATCH", path, data=json.dumps(patch), headers=headers))

    def create(self, path: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object or ask for a subresource (a token, a binding), and return the answer.

        Raises:
            LabError: the API server refused.
        """
        headers = {"Content-Type": "application/json"}
        return self._checked(self._request("POST", path, data=json.dumps(manifest), headers=headers))

    def delete(self, path: str, *, at_once: bool = False) -> None:
        """Delete the object at a path, `at_once` without a grace; its dependents go with it, in the background.

        Raises:
            LabError: the API server refused.
        """
        grace = "&gracePeriodSeconds=0" if at_once else ""
        self._checked(self._request("DELETE", f"{path}?propagationPolicy=Background{grace}"))

    def _answers(self, path: str) -> bool:
        try:
            return self._request("GET", path, timeout=_LOOK_TIMEOUT).ok
        except requests.RequestException:
            return False

    def _request(
        self,
        method: str,
        path: str,
        data: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> requests.Response:
        with requests.Session() as session:
            # A proxy or CA bundle of the user's has no place on the way to loopback.
            session.trust_env = False
            session.verify = str(self.pki.authority)
            session.cert = (str(self.pki.admin[0]), str(self.pki.admin[1]))

            def answer() -> requests.Response:
                return session.request(method, self.url + path, data=data, headers=headers, timeout=timeout)

            answers = [answer()]

            def settled() -> bool:
                if answers[-1].status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    answers.append(answer())
                return answers[-1].status_code != HTTPStatus.TOO_MANY_REQUESTS

            # "storage is (re)initializing" for a moment after a CRD is established; any client of Go's tries again.
            until(settled, timeout)
            return answers[-1]

    @staticmethod
    def _checked(response: requests.Response) -> dict[str, Any]:
        if not response.ok:
            raise LabError(
                f"kube-apiserver: {response.request.method} {response.request.path_url} was refused: "
                f"{response.json().get('message', response.reason)}; correct what it names."
            )
        answer: dict[str, Any] = response.json()
        return answer


def start(instance: Instance, processes: Processes, binaries: Mapping[str, Path], context: str) -> Api:
    """Bring the API up, or return the one that runs, and write the kubeconfig.

    The three come up as one: the later ones are told the ports of the earlier. What etcd holds survives.

    Args:
        instance: whose cluster.
        processes: its processes.
        binaries: executables by name, those of `NAMES` at least.
        context: name of the kubeconfig's context, as in the region's settings.

    Raises:
        LabError: one of them does not start.
    """
    pki = Pki(instance.pki)
    if processes.running(*NAMES):
        api = Api(server_url(processes), pki)
        if api.healthy():
            return api
    processes.stop(*NAMES)
    pki.ensure()
    etcd = processes.start(_etcd(instance, binaries[ETCD]))
    processes.start(_api_server(pki, binaries[API_SERVER], etcd.ports["client"]))
    api = Api(server_url(processes), pki)
    write_private(instance.kubeconfig, kubeconfig(api.url, pki, context))
    processes.start(_controllers(instance, pki, binaries[CONTROLLERS], api))
    return api


def server_url(processes: Processes) -> str:
    """Return the address of the recorded API server."""
    return f"https://127.0.0.1:{processes.recorded()[API_SERVER].ports['https']}"


def kubeconfig(url: str, pki: Pki, context: str) -> str:
    """Return a kubeconfig whose one context reaches the API server as its administrator."""

    def inline(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    cluster = {"server": url, "certificate-authority-data": inline(pki.authority)}
    certificate, key = pki.admin
    user = {"client-certificate-data": inline(certificate), "client-key-data": inline(key)}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": "lab", "user": "lab-admin"}}],
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "lab-admin", "user": user}],
        },
        sort_keys=False,
    )


def _etcd(instance: Instance, binary: Path) -> Command:
    def argv(ports: Mapping[str, int]) -> list[str]:
        client, peer = (f"http://127.0.0.1:{ports[purpose]}" for purpose in ("client", "peer"))
        return [
            str(binary),
            f"--data-dir={instance.etcd}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        ]

    def ready(ports: Mapping[str, int]) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"http://127.0.0.1:{ports['client']}/health", timeout=_LOOK_TIMEOUT).ok
        except requests.RequestException:
            return False

    return Command(ETCD, argv, ready, ("client", "peer"))


def _api_server(pki: Pki, binary: Path, etcd: int) -> Command:
    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(binary),
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            # Else it looks for a route to elsewhere, which a machine without a network has not.
            "--advertise-address=127.0.0.1",
            f"--secure-port={ports['https']}",
            f"--tls-cert-file={pki.server[0]}",
            f"--tls-private-key-file={pki.server[1]}",
            f"--client-ca-file={pki.authority}",
            f"--service-account-key-file={pki.tokens}",
            f"--service-account-signing-key-file={pki.tokens}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={_SERVICE_RANGE}",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
            # Loopback is no address that an endpoint may have.
            "--endpoint-reconciler-type=none",
            # One client with many requests at a time is what an engine is, not somebody to hold back.
            "--enable-priority-and-fairness=false",
            "--profiling=false",
        ]

    return Command(
        API_SERVER, argv, lambda ports: Api(f"https://127.0.0.1:{ports['https']}", pki).healthy(), ("https",)
    )


def _controllers(instance: Instance, pki: Pki, binary: Path, api: Api) -> Command:
    def argv(_: Mapping[str, int]) -> list[str]:
        return [
            str(binary),
            f"--kubeconfig={instance.kubeconfig}",
            f"--controllers={','.join(_ENABLED_CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={pki.tokens}",
            "--profiling=false",
        ]

    return Command(CONTROLLERS, argv, lambda _: api.controlled())
