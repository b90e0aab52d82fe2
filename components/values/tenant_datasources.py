"""Data sources of a tenant's own Grafana organisation: the platform's, but through the access proxy."""

from __future__ import annotations

from typing import Any

from components.values import addresses, datasources
from components.values.context import Context

_BACKENDS = {
    datasources.PROMETHEUS_UID: "prometheus",
    datasources.LOKI_UID: "loki",
    datasources.TEMPO_UID: "tempo",
    datasources.ALERTMANAGER_UID: "alertmanager",
}
_NOT_SENT = ("orgId", "editable", "secureJsonData")


def tenant_datasources(context: Context, token: str) -> list[dict[str, Any]]:
    """Return the bodies of `POST /api/datasources` in a tenant's organisation, links between them included.

    Not a provisioning file: Grafana refuses to start with one that names an organisation which is not there, and no
    file can make one. Whoever calls reads the token from the secret store; it stands only where Grafana encrypts, so
    these must not become a ConfigMap.

    Args:
        context: the region.
        token: the tenant's token for the access proxy; it alone decides whose data these read.
    """
    return [_through_proxy(each, token) for each in datasources.provisioning(context)["datasources"]]


def _through_proxy(source: dict[str, Any], token: str) -> dict[str, Any]:
    body: dict[str, Any] = {key: _once(value) for key, value in source.items() if key not in _NOT_SENT}
    body["url"] = addresses.access_url(_BACKENDS[source["uid"]])
    body["jsonData"]["httpHeaderName1"] = "Authorization"
    body["secureJsonData"] = {"httpHeaderValue1": f"Bearer {token}"}
    # Streaming is gRPC, which the proxy does not speak; searches come whole instead.
    body["jsonData"].pop("streamingEnabled", None)
    # Rules of a tenant are its PrometheusRules; there is no other place to manage them.
    if "manageAlerts" in body["jsonData"]:
        body["jsonData"]["manageAlerts"] = False
    return body


def _once(value: Any) -> Any:
    """Return a value with single dollar signs: they are doubled for provisioning files, which the API does not read."""
    if isinstance(value, dict):
        return {key: _once(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_once(inner) for inner in value]
    return value.replace("$$", "$") if isinstance(value, str) else value
