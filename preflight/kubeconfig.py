"""Read a context of the kubeconfig, and talk to its API server.

The Kubernetes client does the same, but importing it takes a second of every preview, for a handful of requests.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

TIMEOUT_SECONDS = 5.0
"""How long a request may take before the API server counts as out of reach."""
EXEC_TIMEOUT_SECONDS = 20.0
"""How long a credential plugin may take (`aws eks get-token` starts a Python)."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnusableError(Exception):
    """A context cannot be used as it stands."""

    def __init__(self, what: str, allowed: str, fix: str) -> None:
        """Keep the parts of the sentence; see `settings.problem.Problem`."""
        super().__init__(what)
        self.what, self.allowed, self.fix = what, allowed, fix


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    """HTTP status."""
    body: Mapping[str, Any]
    """The object; empty where the answer is none."""


@dataclass(frozen=True)
class Api:
    """An API server, with the credentials of one context."""

    server: str
    """Its address."""
    session: requests.Session
    """Carries the credentials; used from several threads at once, for reading only."""

    def get(self, path: str, accept: str = "application/json") -> Answer:
        """Return the answer to a GET of a path.

        Raises:
            UnusableError: the server cannot be reached, or its certificate is not the kubeconfig's.
        """
        try:
            answer = self.session.get(f"{self.server}{path}", headers={"Accept": accept}, timeout=TIMEOUT_SECONDS)
            body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        except requests.exceptions.SSLError:
            raise UnusableError(
                f"leads to {self.server}, whose certificate is not the one the kubeconfig trusts",
                "the API server that the kubeconfig was made for",
                "write the kubeconfig again: aws eks update-kubeconfig",
            ) from None
        except requests.RequestException as error:
            raise UnusableError(
                f"leads to {self.server}, which does not answer ({type(error).__name__})",
                f"an API server that answers within {TIMEOUT_SECONDS:g} s",
                "check the network, the VPN and that the cluster runs",
            ) from None
        return Answer(answer.status_code, body)


class _NamedServer(HTTPAdapter):
    """Expect the certificate of another name than the address says (`tls-server-name`, for tunnels)."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, server_hostname=self._name, assert_hostname=self._name)


@contextmanager
def connect(context: str) -> Iterator[Api]:
    """Yield the API server of a context; keys lie in a folder of their own until the end.

    Raises:
        UnusableError: there is no such context, or it cannot be used.
    """
    config = _load()
    cluster, user = _find(config, context)
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder, requests.Session() as session:
        files = _Files(Path(folder))
        if "tls-server-name" in cluster:
            session.mount("https://", _NamedServer(cluster["tls-server-name"]))
        # A CA bundle or a netrc of the environment must not win over the kubeconfig; only its proxies may.
        session.trust_env = False
        proxy = cluster.get("proxy-url")
        session.proxies = {"https": proxy, "http": proxy} if proxy else get_environ_proxies(cluster["server"])
        authority = files.of(cluster, "certificate-authority")
        session.verify = False if cluster.get("insecure-skip-tls-verify") else authority or True
        _authenticate(session, user, files, context)
        yield Api(str(cluster["server"]).rstrip("/"), session)


class _Files:
    """Give the path of what a kubeconfig holds inline or names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, entry: Mapping[str, Any], key: str) -> str | None:
        inline = entry.get(f"{key}-data")
        if inline:
            return self.write(key, base64.b64decode(inline))
        return str(Path(entry["_folder"]) / entry[key]) if entry.get(key) else None

    def write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)


def _load() -> dict[str, dict[str, dict[str, Any]]]:
    """Merge the files of $KUBECONFIG as kubectl does: the first to name something wins."""
    listed = [Path(each) for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    merged: dict[str, dict[str, dict[str, Any]]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in listed or [Path.home() / ".kube" / "config"]:
        if path.is_file():
            document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}  # noqa: S506 - a safe loader
            for kind, found in merged.items():
                for entry in document.get(kind) or []:
                    content = {**(entry.get(kind[:-1]) or {}), "_folder": str(path.parent)}
                    found.setdefault(entry["name"], content)
    return merged


def _find(config: Mapping[str, Mapping[str, Any]], context: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    known = ", ".join(sorted(config["contexts"])) or "none: there is no kubeconfig, or it is empty"
    entry = config["contexts"].get(context)
    if entry is None:
        raise UnusableError(
            f"is {context!r}, which is no context of the kubeconfig",
            known,
            "correct it, or write the context: aws eks update-kubeconfig --name CLUSTER --alias " + context,
        )
    cluster = config["clusters"].get(entry.get("cluster", ""))
    user = config["users"].get(entry.get("user", ""))
    if cluster is None or user is None or "server" not in cluster:
        raise UnusableError(
            f"is {context!r}, whose cluster or user the kubeconfig lacks",
            "a context whose cluster, with its server, and user are in the kubeconfig",
            "write the context again: aws eks update-kubeconfig --name CLUSTER --alias " + context,
        )
    return cluster, user


def _authenticate(session: requests.Session, user: Mapping[str, Any], files: _Files, context: str) -> None:
    if "exec" in user:
        user = {**user, **_from_plugin(user["exec"], context)}
    certificate, key = files.of(user, "client-certificate"), files.of(user, "client-key")
    if certificate and key:
        session.cert = (certificate, key)
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = (Path(user["_folder"]) / user["tokenFile"]).read_text(encoding="utf-8").strip()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"


def _from_plugin(plugin: Mapping[str, Any], context: str) -> dict[str, str]:
    """Ask a credential plugin, as client-go does, for a token or a certificate; its standard output is never shown."""
    version = plugin.get("apiVersion", "client.authentication.k8s.io/v1")
    request = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {each["name"]: each["value"] for each in plugin.get("env") or []}
    command = [str(plugin["command"]), *map(str, plugin.get("args") or [])]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=EXEC_TIMEOUT_SECONDS,
            check=True,
        )
        status = dict(json.loads(done.stdout)["status"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        reason = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        raise UnusableError(
            f"gets its credentials from `{command[0]}`, which fails: {reason[-1] if reason else type(error).__name__}",
            "a credential plugin that works",
            f"see it fail by hand: kubectl --context {context} get --raw /version",
        ) from None
    found = {}
    if "token" in status:
        found["token"] = status["token"]
    for key, field in (("client-certificate", "clientCertificateData"), ("client-key", "clientKeyData")):
        if field in status:
            found[f"{key}-data"] = base64.b64encode(status[field].encode()).decode()
    return found
