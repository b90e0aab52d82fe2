"""Read what was applied to the lab's API server, as a kubelet does when it starts a pod."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from botocore.config import Config

from lab.cloud import Cloud
from lab.cluster import Api
from lab.problem import LabError

_PLURALS: Final = {"StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "Deployment": "deployments"}


class Applied:
    """The objects of one region's cluster."""

    def __init__(self, api: Api, cloud: Cloud) -> None:
        """Read from an API server, and from a cloud what External Secrets would fetch there."""
        self.api = api
        self._cloud = cloud

    def workload(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return a StatefulSet, DaemonSet or Deployment.

        Raises:
            LabError: there is none.
        """
        return self.api.get(f"/apis/apps/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}")

    def workloads(self, namespace: str) -> set[tuple[str, str]]:
        """Return kind and name of every workload of a namespace."""
        return {
            (kind, each["metadata"]["name"])
            for kind, plural in _PLURALS.items()
            for each in self.api.get(f"/apis/apps/v1/namespaces/{namespace}/{plural}")["items"]
        }

    def config_map(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return the keys of a ConfigMap.

        Raises:
            LabError: there is none.
        """
        found = self.api.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        return {**{key: value.encode() for key, value in (found.get("data") or {}).items()}, **binary}

    def secret(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return the keys of a Secret, or of the ExternalSecret that would make it in a cluster.

        Raises:
            LabError: there is neither.
        """
        for each in self.api.get(f"/api/v1/namespaces/{namespace}/secrets")["items"]:
            if each["metadata"]["name"] == name:
                return {key: base64.b64decode(value) for key, value in (each.get("data") or {}).items()}
        for each in self.api.get(f"/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets")["items"]:
            if each["spec"]["target"]["name"] == name:
                return self._fetched(each)
        raise LabError(f"Secret {namespace}/{name}: is mounted, and neither it nor an ExternalSecret of it exists.")

    def _fetched(self, external: dict[str, Any]) -> dict[str, bytes]:
        spec, name = external["spec"], external["metadata"]["name"]
        if unknown := {"dataFrom", "template"} & (set(spec) | set(spec["target"])):
            raise LabError(f"ExternalSecret {name}: uses {', '.join(sorted(unknown))}; the lab fetches `data` only.")
        store = self._cloud.session().client("secretsmanager", endpoint_url=self._cloud.url, config=Config(proxies={}))
        made = {}
        for entry in spec["data"]:
            reference = entry["remoteRef"]
            value = store.get_secret_value(SecretId=reference["key"])["SecretString"]
            made[entry["secretKey"]] = str(
                json.loads(value)[reference["property"]] if "property" in reference else value
            ).encode()
        return made
