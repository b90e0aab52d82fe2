"""Read a context of the kubeconfig, and connect to its API server.

The Kubernetes client does the same, but importing it takes a second of every preview, for a handful of requests.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from preflight.api import Answer, Api, UnusableError

__all__ = ["Answer", "Api", "UnusableError", "connect"]

EXEC_TIMEOUT_SECONDS = 20.0
"""How long a credential plugin may take (`aws eks get-token` starts a Python)."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _NamedServer(HTTPAdapter):
    """Expect the certificate of another name than the address says (`tls-server-name`, for tunnels)."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, server_hostname=self._name, assert_hostname=self._name)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, server_hostname=self._name, assert_hostname=self._name)


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
        server, proxy = str(cluster["server"]).rstrip("/"), cluster.get("proxy-url")
        proxies = {"https": str(proxy), "http": str(proxy)} if proxy else get_environ_proxies(server)
        # As for kubectl, the far end of a SOCKS proxy looks the name up: a private one is known there only.
        session.proxies = {kind: re.sub("^socks5:", "socks5h:", each) for kind, each in proxies.items()}
        session.verify = not cluster.get("insecure-skip-tls-verify") and (files.authority_of(cluster) or True)
        _authenticate(session, user, files, context)
        yield Api(server, session)


class _Files:
    """Give the path of what a kubeconfig holds inline or names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def authority_of(self, cluster: Mapping[str, Any]) -> str | None:
        authority = self._of(cluster, "certificate-authority")
        if authority:
            with _whole(cluster, "certificate-authority"):
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(authority)
        return authority

    def certificate_of(self, user: Mapping[str, Any]) -> tuple[str, str] | None:
        certificate, key = self._of(user, "client-certificate"), self._of(user, "client-key")
        if not certificate or not key:
            return None
        with _whole(user, "client-certificate", "client-key"):
            # With a password, lest it ask for one: kubectl takes no encrypted key either.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
        return certificate, key

    def _of(self, entry: Mapping[str, Any], key: str) -> str | None:
        with _whole(entry, key):
            inline = entry.get(f"{key}-data")
            if inline:
                return self.write(key, base64.b64decode(inline))
            path = _beside(entry, entry[key]) if entry.get(key) else None
            if path:
                path.read_bytes()
            return str(path) if path else None

    def write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)


@contextmanager
def _whole(entry: Mapping[str, Any], *keys: str) -> Iterator[None]:
    """Say which file is at fault where what an entry holds inline or names cannot be read."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        named = [str(_beside(entry, entry[key])) for key in keys if entry.get(key) and not entry.get(f"{key}-data")]
        raise UnusableError(
            f"takes its {' and '.join(keys)} from {' and '.join(named) or entry['_file']}, which cannot be used "
            f"({getattr(error, 'strerror', None) or error})",
            "what is there, may be read and is whole",
            f"write it again, or correct the user or the cluster in {entry['_file']}",
        ) from None


def _beside(entry: Mapping[str, Any], name: object) -> Path:
    """Return the path that an entry names: from the folder of the kubeconfig that the entry is in."""
    return Path(entry["_file"]).parent / str(name)


def _load() -> dict[str, dict[str, dict[str, Any]]]:
    """Merge the files of $KUBECONFIG as kubectl does: the first to name something wins."""
    listed = [Path(each) for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    merged: dict[str, dict[str, dict[str, Any]]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in listed or [Path.home() / ".kube" / "config"]:
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            document = yaml.load(text, Loader=_LOADER) or {}  # noqa: S506 - a safe loader
            for kind, found in merged.items():
                for entry in document.get(kind) or []:
                    content = {**(entry.get(kind[:-1]) or {}), "_file": str(path.absolute())}
                    found.setdefault(str(entry["name"]), content)
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Not in the error's own words, which may quote a token.
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark else ""
            raise UnusableError(
                f"is looked up in {path}, which is no kubeconfig ({type(error).__name__}{where})",
                "a file that kubectl config view --kubeconfig reads",
                "correct the file, or take it out of KUBECONFIG",
            ) from None
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
    cluster = config["clusters"].get(str(entry.get("cluster")))
    user = config["users"].get(str(entry.get("user")))
    if cluster is None or user is None or "server" not in cluster:
        raise UnusableError(
            f"is {context!r}, whose cluster or user the kubeconfig lacks",
            "a context whose cluster, with its server, and user are in the kubeconfig",
            "write the context again: aws eks update-kubeconfig --name CLUSTER --alias " + context,
        )
    return cluster, user


def _authenticate(session: requests.Session, user: Mapping[str, Any], files: _Files, context: str) -> None:
    if user.get("exec"):
        user = {**user, **_from_plugin(user, context)}
    session.cert = files.certificate_of(user)
    token = user.get("token")
    if not token and user.get("tokenFile"):
        with _whole(user, "tokenFile"):
            token = _beside(user, user["tokenFile"]).read_text(encoding="utf-8").strip()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"


def _from_plugin(user: Mapping[str, Any], context: str) -> dict[str, str]:
    """Ask a credential plugin, as client-go does, for a token or a certificate; its standard output is never shown."""
    plugin = user["exec"]
    version = plugin.get("apiVersion", "client.authentication.k8s.io/v1")
    request = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    command = [str(plugin.get("command", "")), *map(str, plugin.get("args") or [])]
    if os.sep in command[0]:
        command[0] = str(_beside(user, command[0]))
    try:
        extra = {each["name"]: each["value"] for each in plugin.get("env") or []}
        done = subprocess.run(
            command,
            env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=EXEC_TIMEOUT_SECONDS,
            check=True,
        )
        status = dict(json.loads(done.stdout)["status"])
        found = {"token": status["token"]} if status.get("token") else {}
        for key, field in (("client-certificate", "clientCertificateData"), ("client-key", "clientKeyData")):
            if status.get(field):
                found[f"{key}-data"] = base64.b64encode(status[field].encode()).decode()
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        raise UnusableError(
            f"gets its credentials from `{command[0]}`, which fails: {reason[-1] if reason else type(error).__name__}",
            "a credential plugin that works",
            f"see it fail by hand: kubectl --context {context} get --raw /version",
        ) from None
    return found
