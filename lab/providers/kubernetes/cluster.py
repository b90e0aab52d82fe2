"""Talk to one Kubernetes API server: discovery, server-side apply, reading and deleting, all as plain JSON."""

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from lab.providers.kubernetes.kubeconfig import Endpoint
from lab.providers.protocol import ProviderError

POOL: Final = 32
"""Connections kept open; the engine's default of parallel operations is four per core."""
_REQUEST_DEADLINE: Final = 60.0
_AGGREGATED: Final = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList,application/json"
_REDISCOVER: Final = 2.0
"""Seconds between two discoveries that an unknown kind may cause."""
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ApiError(ProviderError):
    """What the API server refused: the HTTP status, the reason (NotFound, Conflict, Invalid ...), the message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class UnknownKindError(ProviderError):
    """A kind that the API server does not serve, or not yet."""


@dataclass(frozen=True, order=True)
class Gvk:
    """Group (empty for core), version and kind."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "Gvk":
        """Return that of an object; the group core is the empty one."""
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        return cls("" if group == "core" else group, version, str(obj.get("kind", "")))

    @property
    def api_version(self) -> str:
        """The apiVersion of an object of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class Resource:
    """How the API server serves a kind."""

    plural: str
    namespaced: bool


class Cluster:
    """One API server, asked through a pool of connections; safe to use from many threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._pool = urllib3.PoolManager(
            maxsize=POOL, ssl_context=endpoint.tls, timeout=_REQUEST_DEADLINE, retries=urllib3.Retry(connect=2)
        )
        self._headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
        self._kinds: dict[Gvk, Resource] = {}
        self._previewed: dict[Gvk, Resource] = {}
        self._discovered = -_REDISCOVER
        self._lock = threading.Lock()

    def version(self) -> str:
        """Return the server's version, such as v1.36.3."""
        return str(self._ask("GET", "/version")["gitVersion"])

    def kinds(self) -> dict[Gvk, Resource]:
        """Return every kind that the server serves now."""
        with self._lock:
            self._discover()
            return dict(self._kinds)

    def resource(self, gvk: Gvk) -> Resource | None:
        """Return how a kind is served, or None; a kind not met before causes one new discovery."""
        with self._lock:
            if gvk not in self._kinds and time.monotonic() - self._discovered > _REDISCOVER:
                self._discover()
            return self._kinds.get(gvk)

    def expect(self, definition: Mapping[str, Any]) -> None:
        """Note the kinds of a CustomResourceDefinition that a preview says will come."""
        with self._lock:
            self._previewed.update(kinds_of(definition))

    def expected(self, gvk: Gvk) -> Resource | None:
        """Return how a kind will be served once its definition, seen in this preview, is applied."""
        with self._lock:
            return self._previewed.get(gvk)

    def learn(self, definition: Mapping[str, Any]) -> None:
        """Take in the kinds of a CustomResourceDefinition just applied, ahead of the server's own discovery."""
        with self._lock:
            self._kinds.update(kinds_of(definition))

    def forget(self, definition: Mapping[str, Any]) -> None:
        """Drop the kinds of a CustomResourceDefinition just deleted."""
        with self._lock:
            for gvk in kinds_of(definition):
                self._kinds.pop(gvk, None)

    def apply(
        self, obj: Mapping[str, Any], manager: str, *, force: bool, dry_run: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Apply an object server-side; return the live object (without managedFields) and the server's warnings.

        Raises UnknownKindError, or ApiError with status 409 when another manager owns a field.
        """
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Warn"}
        if dry_run:
            query["dryRun"] = "All"
        body = json.dumps(obj).encode()
        response = self._send("PATCH", f"{self._path(obj)}?{urlencode(query)}", body, "application/apply-patch+yaml")
        warnings = _WARNING.findall(response.headers.get("Warning", ""))
        return _without_managers(_decoded(response)), warnings

    def get(self, obj: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the live object (without managedFields) that has this object's kind, namespace and name, or None."""
        try:
            return _without_managers(self._ask("GET", self._path(obj)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, obj: Mapping[str, Any], propagation: str) -> bool:
        """Ask for an object's deletion; return whether it was there."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        try:
            self._ask("DELETE", self._path(obj), json.dumps(options).encode())
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def relinquish(self, obj: Mapping[str, Any], manager: str) -> None:
        """Give up what a former field manager of ours owns, by applying an object without fields."""
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
        bare = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
        self.apply(bare, manager, force=False, dry_run=False)

    def _path(self, obj: Mapping[str, Any]) -> str:
        gvk = Gvk.of(obj)
        resource = self.resource(gvk)
        if resource is None:
            raise UnknownKindError(f'no matches for kind "{gvk.kind}" in version "{gvk.api_version}"')
        root = f"/apis/{gvk.group}/{gvk.version}" if gvk.group else f"/api/{gvk.version}"
        metadata = obj.get("metadata") or {}
        if resource.namespaced:
            root += f"/namespaces/{metadata.get('namespace') or self.endpoint.namespace}"
        return f"{root}/{resource.plural}/{metadata['name']}"

    def _discover(self) -> None:
        found: dict[Gvk, Resource] = {}
        for root in ("/api", "/apis"):
            for group in self._ask("GET", root, accept=_AGGREGATED)["items"]:
                name = group["metadata"].get("name", "")
                found.update(_kinds_of_group("" if root == "/api" else name, group["versions"]))
        self._kinds = found
        self._discovered = time.monotonic()

    def _ask(self, method: str, path: str, body: bytes | None = None, accept: str = "application/json") -> Any:
        return _decoded(self._send(method, path, body, accept=accept))

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, "Accept": accept, "Content-Type": content_type}
        try:
            return self._pool.request(method, self.endpoint.server + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ProviderError(
                f"configured Kubernetes cluster is unreachable: {self.endpoint.server}: {error}; "
                "start it, or correct kubernetes:kubeconfig."
            ) from error


def kinds_of(definition: Mapping[str, Any]) -> dict[Gvk, Resource]:
    """Return the kinds that a CustomResourceDefinition brings."""
    spec = definition["spec"]
    resource = Resource(spec["names"]["plural"], spec["scope"] == "Namespaced")
    return {
        Gvk(spec["group"], version["name"], spec["names"]["kind"]): resource
        for version in spec["versions"]
        if version.get("served", True)
    }


def _kinds_of_group(group: str, versions: Iterable[Mapping[str, Any]]) -> dict[Gvk, Resource]:
    return {
        Gvk(group, version["version"], resource["responseKind"]["kind"]): Resource(
            resource["resource"], resource["scope"] == "Namespaced"
        )
        for version in versions
        for resource in version.get("resources", [])
        if "kind" in resource.get("responseKind", {})
    }


def _decoded(response: urllib3.BaseHTTPResponse) -> Any:
    try:
        content = json.loads(response.data) if response.data else {}
    except ValueError:
        content = {"message": response.data.decode(errors="replace")[:200]}
    if response.status >= 400:
        reason, message = str(content.get("reason", "")), str(content.get("message", ""))
        raise ApiError(response.status, reason, message or f"HTTP {response.status}")
    return content


def _without_managers(obj: Any) -> dict[str, Any]:
    obj["metadata"].pop("managedFields", None)
    found: dict[str, Any] = obj
    return found
