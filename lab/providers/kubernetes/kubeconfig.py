"""Find the API server and the credentials in a kubeconfig, as the provider's own configuration names it."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.providers.protocol import ProviderError

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a key that has to be a file for a moment is kept off the disk


@dataclass(frozen=True)
class Endpoint:
    """One API server as one user: its URL, the bearer token if any, and the TLS settings."""

    server: str
    namespace: str
    token: str | None
    tls: ssl.SSLContext


def server_of(config: Mapping[str, Any]) -> str | None:
    """Return the server URL that a configuration points at, or None when its kubeconfig cannot be read."""
    try:
        return str(_named(_load(config), config)[0].get("server"))
    except ProviderError:
        return None


def endpoint(config: Mapping[str, Any]) -> Endpoint:
    """Read the kubeconfig (a path or its contents) and the context of a provider configuration.

    Raises ProviderError when it cannot be read, names something missing, or asks for a login program.
    """
    cluster, user, namespace = _named(_load(config), config)
    if "server" not in cluster:
        raise ProviderError("kubeconfig: the cluster has no server; write its URL.")
    if "exec" in user or "auth-provider" in user:
        raise ProviderError(
            "kubeconfig: the user logs in through a program, which the stand-in provider does not run; "
            "use a token or a client certificate, or the real provider."
        )
    token = user.get("token")
    if token is None and "tokenFile" in user:
        token = Path(user["tokenFile"]).read_text().strip()
    return Endpoint(str(cluster["server"]).rstrip("/"), namespace, token, _tls(cluster, user))


def _load(config: Mapping[str, Any]) -> Any:
    given = str(config.get("kubeconfig") or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    text = given
    if "\n" not in given and not given.lstrip().startswith("{"):
        try:
            text = Path(given).expanduser().read_text()
        except OSError as error:
            raise ProviderError(
                f"kubernetes:kubeconfig: {given} cannot be read ({error.strerror}); give a path or the contents."
            ) from error
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ProviderError("kubernetes:kubeconfig: it is not YAML; give a path or the contents.") from error
    if not isinstance(loaded, dict):
        raise ProviderError("kubernetes:kubeconfig: it is not a mapping; give a path or the contents.")
    return loaded


def _named(loaded: Any, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    context_name = config.get("context") or loaded.get("current-context")
    context = _entry(loaded, "contexts", "context", context_name)
    cluster_name = config.get("cluster") or context.get("cluster")
    cluster = _entry(loaded, "clusters", "cluster", cluster_name)
    user = _entry(loaded, "users", "user", context.get("user"))
    return cluster, user, str(context.get("namespace") or "default")


def _entry(loaded: Any, section: str, key: str, name: Any) -> dict[str, Any]:
    entries = {entry.get("name"): entry.get(key) or {} for entry in loaded.get(section) or []}
    if name not in entries:
        known = ", ".join(sorted(map(str, entries))) or "none"
        raise ProviderError(f"kubeconfig: {section} has no '{name}' (it has: {known}); name one of them.")
    found: dict[str, Any] = entries[name]
    return found


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    tls = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if "certificate-authority-data" in cluster:
        tls.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif "certificate-authority" in cluster:
        tls.load_verify_locations(cafile=cluster["certificate-authority"])
    if "client-certificate-data" in user:
        # The ssl module reads certificates and keys from files only.
        with tempfile.NamedTemporaryFile(dir=_MEMORY if _MEMORY.is_dir() else None) as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]) + b"\n")
            pair.flush()
            tls.load_cert_chain(pair.name)
    elif "client-certificate" in user:
        tls.load_cert_chain(user["client-certificate"], user.get("client-key"))
    return tls
