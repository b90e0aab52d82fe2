"""Caddy's configuration: identity from a token, tenant from the identity, and nothing from the request.

https://caddyserver.com/docs/json/ describes each field.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from components.values import addresses
from components.values.access import endpoints
from components.values.access.endpoints import Endpoints
from components.values.access.identities import LEAST_TOKEN_LENGTH, Identity, identities
from components.values.context import Context

ORG_HEADER = "X-Scope-OrgID"
"""What Loki, Tempo and prom-label-proxy take the tenant from."""
INTERNAL_PORT = 8081
"""Health and metrics, for the kubelet and Prometheus."""
PROMETHEUS_ENFORCER = "127.0.0.1:8082"
ALERTMANAGER_ENFORCER = "127.0.0.1:8083"
"""The two prom-label-proxy beside Caddy; on the pod's own loopback, so that nobody gets to them past Caddy."""
BODY_LIMIT = 1024 * 1024
"""Bytes of a form or a silence; the longest queries have some 100 kB."""
HEADER_LIMIT = 64 * 1024
"""Bytes of a request line and its headers, like Loki's own limit of a query in an address."""
PLAIN_URI = r"^(?:/\.?[A-Za-z0-9_:-][A-Za-z0-9_.:-]*)+(?:\?.*)?$"
"""A path that means the same to everybody who reads it: no escapes, no empty, `.` or `..` segments, no end slash."""

Json = dict[str, Any]


def config(context: Context) -> Json:
    """Return the whole configuration.

    There is no admin API: a change is a new ConfigMap and new pods. Only HTTP/1.1 is spoken, so that a request is
    one thing to Caddy and to what is behind it.
    """
    access: Json = {
        "listen": [f":{addresses.ACCESS_PORT}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "10s",
        "idle_timeout": "5m",
        "max_header_bytes": HEADER_LIMIT,
        "logs": {"default_logger_name": "access"},
        "routes": _routes(context),
    }
    internal: Json = {
        "listen": [f":{INTERNAL_PORT}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": _internal_routes(),
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": _logs()},
        "apps": {
            "http": {
                "grace_period": "10s",
                # Until the Service has stopped sending new requests here.
                "shutdown_delay": "5s",
                "metrics": {},
                "servers": {"access": access, "internal": internal},
            }
        },
    }


def _logs() -> Json:
    """Return the loggers: one line per request with who asked for what, and without its headers."""
    hidden = {"filter": "delete"}
    line = {
        "format": "filter",
        "wrap": {"format": "json"},
        "fields": {"request>headers": hidden, "resp_headers": hidden},
    }
    return {
        "default": {"level": "INFO", "exclude": ["http.log.access.access"]},
        "access": {"include": ["http.log.access.access"], "encoder": line},
    }


def _internal_routes() -> list[Json]:
    def enforcer(name: str, address: str) -> Json:
        return {
            "match": [{"path": [f"/healthz/{name}"]}],
            "handle": [{"handler": "rewrite", "uri": "/healthz"}, _to(address)],
            "terminal": True,
        }

    return [
        {"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}], "terminal": True},
        {"match": [{"path": ["/healthz"]}], "handle": [{"handler": "static_response", "status_code": 200}]},
        enforcer("prometheus", PROMETHEUS_ENFORCER),
        enforcer("alertmanager", ALERTMANAGER_ENFORCER),
        {"handle": [{"handler": "static_response", "status_code": 404}]},
    ]


def _routes(context: Context) -> list[Json]:
    """Return the routes in their order: who it is, whether the path is plain, what may be asked, and nothing else."""
    known = {"vars_regexp": {"identity": {"pattern": "^.+$"}}}
    plain = {"vars_regexp": {"{http.request.uri}": {"pattern": PLAIN_URI}}}
    return [
        *(_identified(each) for each in identities(context)),
        {"handle": [{"handler": "log_append", "key": "identity", "value": "{http.vars.identity}"}]},
        _refused(
            401,
            "a bearer token of a tenant or of the platform team is missing or wrong",
            unless=known,
            headers={"WWW-Authenticate": ['Bearer realm="observability"']},
        ),
        _refused(400, "the path has escapes, empty or dotted segments, or a slash at its end", unless=plain),
        {"handle": [{"handler": "request_body", "max_size": BODY_LIMIT}]},
        *_loki(),
        *_tempo(context),
        *_prometheus(),
        *_alertmanager(),
        _refused(403, "this path and method are not open to you; docs/tenancy.md lists what is"),
    ]


def _identified(identity: Identity) -> Json:
    """Return the route that knows a caller by its token, read from its file at each request.

    The comparison is of the whole value in CEL, which knows no wildcard; a missing file is null and lets nobody in,
    nor does it stop the routes after it. Two Authorization headers are one value with a comma, which no token has.
    """
    expression = (
        f"cel.bind(token, ph(req, 'file.{identity.token_file}'), type(token) == string"
        f" && token.size() >= {LEAST_TOKEN_LENGTH}"
        " && ph(req, 'http.request.header.Authorization') == 'Bearer ' + token)"
    )
    known = {
        "handler": "vars",
        "identity": identity.name,
        "orgs": identity.orgs,
        "reads": "across" if identity.across else "own",
    }
    return {"group": "identity", "match": [{"expression": expression}], "handle": [known]}


def _refused(status: int, why: str, unless: Json | None = None, headers: Json | None = None) -> Json:
    """Return a route that answers with a sentence in Prometheus' form of an error, which Grafana shows."""
    answer: Json = {
        "handler": "static_response",
        "status_code": status,
        "headers": {"Content-Type": ["application/json"], **(headers or {})},
        "body": f'{{"status":"error","errorType":"access_proxy","error":"{why}"}}',
    }
    matched = {} if unless is None else {"match": [{"not": [unless]}]}
    return {**matched, "handle": [answer], "terminal": True}


def _loki() -> list[Json]:
    upstream = _authority(addresses.loki_url())
    tail = _to(upstream, extra=_WEBSOCKET)
    return [
        *(_open("/loki", each, _to(upstream)) for each in endpoints.LOKI),
        _open("/loki", endpoints.LOKI_TAIL, tail),
    ]


def _tempo(context: Context) -> list[Json]:
    upstream = _authority(addresses.tempo_url(context))
    return [_open("/tempo", each, _to(upstream)) for each in endpoints.TEMPO]


def _prometheus() -> list[Json]:
    direct, enforced = _to(_authority(addresses.prometheus_url())), _to(PROMETHEUS_ENFORCER)
    everything = (*endpoints.PROMETHEUS, *endpoints.PROMETHEUS_ACROSS)
    return [
        _open("/prometheus", endpoints.PROMETHEUS_VERSION, direct),
        *(_open("/prometheus", each, enforced, reads="own") for each in endpoints.PROMETHEUS),
        *(_open("/prometheus", each, direct, reads="across") for each in everything),
    ]


def _alertmanager() -> list[Json]:
    direct, enforced = _to(_authority(addresses.alertmanager_url())), _to(ALERTMANAGER_ENFORCER)
    everything = (*endpoints.ALERTMANAGER, *endpoints.ALERTMANAGER_ACROSS)
    return [
        *(_open("/alertmanager", each, enforced, reads="own") for each in endpoints.ALERTMANAGER),
        *(_open("/alertmanager", each, direct, reads="across") for each in everything),
    ]


def _open(prefix: str, allowed: Endpoints, proxy: Json, reads: str | None = None) -> Json:
    """Return a route to a backend, for everybody or for those who read in one way only."""
    match: Json = {
        "method": list(allowed.methods),
        "path_regexp": {"pattern": f"^{prefix}{allowed.pattern}$"},
    }
    if reads is not None:
        match["vars"] = {"reads": [reads]}
    strip = {"handler": "rewrite", "strip_path_prefix": prefix}
    return {"match": [match], "handle": [strip, proxy], "terminal": True}


_WEBSOCKET = {
    "Connection": ["Upgrade"],
    "Upgrade": ["websocket"],
    "Sec-WebSocket-Key": ["{http.request.header.Sec-WebSocket-Key}"],
    "Sec-WebSocket-Version": ["{http.request.header.Sec-WebSocket-Version}"],
}


def _to(upstream: str, extra: Json | None = None) -> Json:
    """Return the proxying to an address: of the request's headers two pass, all others are ours.

    So there is no spelling of a tenant header to think of, the token goes no further, and answers come uncompressed,
    which is what prom-label-proxy can filter.
    """
    headers = {
        "Host": ["{http.reverse_proxy.upstream.hostport}"],
        "Accept": ["{http.request.header.Accept}"],
        "Content-Type": ["{http.request.header.Content-Type}"],
        ORG_HEADER: ["{http.vars.orgs}"],
        **(extra or {}),
    }
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream}],
        "headers": {"request": {"delete": ["*"], "set": headers}},
    }


def _authority(url: str) -> str:
    """Return host:port of an address."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 80}"
