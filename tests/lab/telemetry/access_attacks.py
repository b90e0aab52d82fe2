"""What shop tries to read or to do of payments'. Each case says how it must end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.lab.telemetry import access_promql
from tests.lab.telemetry.access_paths import LOGS, SERIES
from tests.lab.telemetry.access_promql import HIS, NO_OTHER, NOTHING, OWN, PROMETHEUS, Attack
from tests.lab.telemetry.access_requests import Request, get, posted
from tests.lab.telemetry.access_signals import TRACES, silence_body

LOKI, TEMPO, ALERTMANAGER = "/loki/loki/api/v1", "/tempo/api", "/alertmanager/api/v2"
ASKED = {
    "loki": get(f"{LOKI}/query_range", ("query", LOGS)),
    "tempo": get(f"{TEMPO}/search", ("q", "{}")),
    "prometheus": get(f"{PROMETHEUS}/query", ("query", SERIES)),
    "alertmanager": get(f"{ALERTMANAGER}/silences"),
}
"""One plain question to each backend, which shop may ask."""


def table() -> list[Attack]:
    """Return every case."""
    return [*_headers(), *_tokens(), *_paths(), *_closed(), *access_promql.attacks(), *_stores(), *_silences()]


def _headers() -> Iterator[Attack]:
    """Claim the other tenant, or several, in whatever header."""
    claims: dict[str, tuple[tuple[str, str], ...]] = {
        "as it is": (("X-Scope-OrgID", "payments"),),
        "lower case": (("x-scope-orgid", "payments"),),
        "upper case": (("X-SCOPE-ORGID", "payments"),),
        "doubled": (("X-Scope-OrgID", "payments"), ("X-Scope-OrgID", "payments")),
        "own and other": (("X-Scope-OrgID", "shop"), ("x-scope-orgid", "payments")),
        "joined": (("X-Scope-OrgID", "shop|payments"),),
        "underscores": (("X_Scope_OrgID", "payments"), ("HTTP_X_SCOPE_ORGID", "payments")),
        "named hop by hop": (("Connection", "X-Scope-OrgID, close"), ("X-Scope-OrgID", "payments")),
        "of Grafana": (("X-Grafana-Org-Id", "payments"), ("X-Tenant", "payments"), ("X-Org-Id", "payments")),
        "forwarded": (("X-Forwarded-User", "payments"), ("X-Original-URL", "/"), ("X-Rewrite-URL", "/")),
    }
    for backend, request in ASKED.items():
        for how, headers in claims.items():
            yield Attack(f"{backend}: org header {how}", request.with_headers(*headers), OWN)
    foreign = get(f"{TEMPO}/traces/{TRACES['payments']}").with_headers(("X-Scope-OrgID", "payments"))
    yield Attack("tempo: another's trace with its org id", foreign, 404)
    yield Attack("folded header", ASKED["loki"].with_headers(("X-Scope", "x\r\n X-Scope-OrgID: payments")), OWN)


def _tokens() -> Iterator[Attack]:
    """Come without a token, with a wrong one, or with several."""
    wrong: dict[str, tuple[str, ...]] = {
        "none": (),
        "empty": ("",),
        "bearer alone": ("Bearer",),
        "bearer and a blank": ("Bearer ",),
        "invented": (f"Bearer {'0' * 32}",),
        "the tenant's name": ("Bearer payments",),
        "wildcard": ("Bearer *",),
        "all wildcard": ("*",),
        "the file's placeholder": ("Bearer {file./etc/access-tokens/payments}",),
        "another's variable": ("Bearer {http.vars.orgs}",),
        "basic": ("Basic cGF5bWVudHM6cGF5bWVudHM=",),
        "without its scheme": ("<token>",),
        "two schemes": ("Bearer Bearer <token>",),
        "a piece more": ("Bearer <token>0",),
        "right and wrong": ("Bearer <token>", f"Bearer {'0' * 32}"),
        "twice": ("Bearer <token>", "Bearer <token>"),
        "listed": ("Bearer <token>, Bearer <token>",),
    }
    for how, authorization in wrong.items():
        yield Attack(f"token {how}", replace(ASKED["loki"], authorization=authorization), 401)
    for backend, request in ASKED.items():
        bare = replace(request, authorization=())
        yield Attack(f"{backend}: no token", bare.with_headers(("X-Scope-OrgID", "payments")), 401)
    bare = replace(ASKED["loki"], authorization=())
    yield Attack("token in the address", replace(bare, target=f"{bare.target}&token=x&access_token=x"), 401)
    yield Attack("token in a cookie", bare.with_headers(("Cookie", "Authorization=Bearer x; token=x")), 401)


def _paths() -> Iterator[Attack]:
    """Write a path so that the proxy and the backend read it differently."""
    query = ASKED["loki"].target.partition("?")[2]
    odd = {
        "two slashes first": f"//loki/loki/api/v1/query_range?{query}",
        "two slashes within": f"/loki//loki/api/v1/query_range?{query}",
        "dots": f"/loki/loki/api/v1/../v1/query_range?{query}",
        "dots out of the prefix": "/loki/../prometheus/api/v1/metadata",
        "escaped dots": "/prometheus/api/v1/query/%2e%2e/metadata",
        "half escaped dots": "/prometheus/api/v1/query/.%2e/metadata",
        "twice escaped dots": "/prometheus/api/v1/query/%252e%252e/metadata",
        "escaped slash": "/prometheus/api/v1%2fmetadata",
        "escaped letter": "/prometheus/api/v1/%6detadata",
        "one dot": "/prometheus/api/v1/./metadata",
        "slash at the end": "/prometheus/api/v1/rules/",
        "blank at the end": "/prometheus/api/v1/rules%20",
        "escaped question": "/prometheus/api/v1/rules%3f",
        "semicolon": "/prometheus/api/v1/rules;/../metadata",
        "backslash": "/prometheus/api/v1/query\\..\\metadata",
        "zero": "/prometheus/api/v1/metadata%00",
        "line feed": "/loki/loki/api/v1/query_range%0d%0aX-Scope-OrgID:payments",
    }
    for how, target in odd.items():
        yield Attack(f"path with {how}", Request(target), 400)
    unlisted = {
        "upper case prefix": f"/LOKI/loki/api/v1/query_range?{query}",
        "upper case": f"/loki/loki/api/v1/QUERY_RANGE?{query}",
        "dot at the end": f"/loki/loki/api/v1/query_range.?{query}",
        "more at the end": "/prometheus/api/v1/query/metadata",
        "no prefix": f"/loki/api/v1/query_range?{query}",
        "another's prefix": f"/tempo/loki/api/v1/query_range?{query}",
    }
    for how, target in unlisted.items():
        yield Attack(f"path with {how}", Request(target), 403)
    absolute = Request(f"http://payments/loki/loki/api/v1/query_range?{query}").with_headers(("Host", "payments"))
    yield Attack("address with a host", absolute, OWN)


def _closed() -> Iterator[Attack]:
    """Ask what is nobody's but the platform's, or write."""
    closed = {
        "GET": (
            "/loki/config",
            "/loki/ring",
            "/loki/services",
            "/loki/metrics",
            "/loki/loki/api/v1/rules",
            "/loki/loki/api/v1/delete",
            "/loki/prometheus/api/v1/rules",
            "/tempo/status/config",
            "/tempo/status/overrides",
            "/tempo/api/overrides",
            "/tempo/metrics",
            "/prometheus/api/v1/metadata",
            "/prometheus/api/v1/targets",
            "/prometheus/api/v1/targets/metadata",
            "/prometheus/api/v1/status/config",
            "/prometheus/api/v1/status/flags",
            "/prometheus/api/v1/status/tsdb",
            "/prometheus/api/v1/alertmanagers",
            "/prometheus/metrics",
            "/prometheus/debug/pprof/heap",
            "/prometheus/graph",
            "/alertmanager/api/v2/status",
            "/alertmanager/api/v2/receivers",
            "/alertmanager/api/v2/silence/<other>",
            "/alertmanager/metrics",
            "/metrics",
            "/healthz",
            "/config/",
        ),
        "POST": (
            "/loki/loki/api/v1/push",
            "/loki/otlp/v1/logs",
            "/loki/flush",
            "/loki/ingester/shutdown",
            "/loki/loki/api/v1/rules/payments",
            "/loki/loki/api/v1/delete?query=%7B%7D",
            "/tempo/flush",
            "/tempo/api/overrides",
            "/tempo/tempopb.StreamingQuerier/Search",
            "/prometheus/federate",
            "/prometheus/api/v1/write",
            "/prometheus/api/v1/read",
            "/prometheus/api/v1/otlp/v1/metrics",
            "/prometheus/api/v1/admin/tsdb/delete_series",
            "/prometheus/api/v1/rules",
            "/prometheus/-/reload",
            "/prometheus/-/quit",
            "/alertmanager/api/v2/alerts",
            "/alertmanager/-/reload",
        ),
        "DELETE": ("/loki/loki/api/v1/query", "/alertmanager/api/v2/silences"),
        "PUT": ("/prometheus/api/v1/query", "/prometheus/api/v1/series"),
        "PATCH": ("/prometheus/api/v1/query?query=up",),
        "HEAD": ("/prometheus/api/v1/query?query=up",),
        "OPTIONS": ("/prometheus/api/v1/query?query=up",),
    }
    for method, targets in closed.items():
        for target in targets:
            # config/ has a slash at its end, which is refused for that.
            yield Attack(f"{method} {target}", Request(target, method), 400 if target.endswith("/") else 403)


def _stores() -> Iterator[Attack]:
    """Write LogQL and TraceQL that names the other, whose data have another org id."""
    for query in ('{tenant="payments"}', f'{{service_name="{HIS}"}}', '{tenant=~"payments|nobody"}'):
        yield Attack(f"loki: {query}", get(f"{LOKI}/query_range", ("query", query)), NOTHING)
        yield Attack(f"loki series: {query}", get(f"{LOKI}/series", ("match[]", query)), NOTHING)
    joined = f'count_over_time({LOGS}[1h]) or count_over_time({{tenant="payments"}}[1h])'
    yield Attack("loki: or", get(f"{LOKI}/query", ("query", joined)), OWN)
    yield Attack("loki: org id in the address", get(f"{LOKI}/query_range", ("query", LOGS), ("orgID", "payments")), OWN)
    yield Attack("loki: __tenant_id__", get(f"{LOKI}/query_range", ("query", '{__tenant_id__="payments"}')), NOTHING)
    for query in ('{resource.tenant="payments"}', f'{{resource.service.name="{HIS}"}}'):
        yield Attack(f"tempo: {query}", get(f"{TEMPO}/search", ("q", query)), NOTHING)
    yield Attack("tempo: or", get(f"{TEMPO}/search", ("q", '{resource.tenant="payments"} || {}')), OWN)
    yield Attack("tempo: tags", get(f"{TEMPO}/search", ("tags", f"service.name={HIS}")), NOTHING)
    yield Attack("tempo: another's trace", get(f"{TEMPO}/traces/{TRACES['payments']}"), 404)
    # The second version answers for a trace that is not there with an empty one.
    yield Attack("tempo: another's trace v2", get(f"{TEMPO}/v2/traces/{TRACES['payments']}"), NOTHING)


def _silences() -> Iterator[Attack]:
    """See, make, change or end a silence of the other's alerts."""
    path = f"{ALERTMANAGER}/silences"
    for query in ('tenant="payments"', 'tenant=~".*"', 'tenant!="shop"', f'alertname="{HIS}"'):
        ends = NOTHING if HIS in query else OWN
        yield Attack(f"silences filtered by {query}", get(path, ("filter", query)), ends)
        ends = NOTHING if HIS in query else NO_OTHER
        yield Attack(f"alerts filtered by {query}", get(f"{ALERTMANAGER}/alerts", ("filter", query)), ends)
    tenant = {"name": "tenant", "value": "payments", "isRegex": False, "isEqual": True}
    named = {"name": "alertname", "value": "x", "isRegex": False, "isEqual": True}
    yield Attack("a silence of a tenant and nothing else", posted(path, silence_body("shop", [tenant])), 400)
    yield Attack("a silence of nothing", posted(path, silence_body("shop", [])), 400)
    changed = {**silence_body("shop", [tenant, named]), "id": "<other>"}
    yield Attack("a change of another's silence", posted(path, changed), 403)
    yield Attack("the end of another's silence", Request(f"{ALERTMANAGER}/silence/<other>", "DELETE"), 403)
    dressed = Request(f"{ALERTMANAGER}/silence/<other>?tenant=payments", "DELETE", (("X-Scope-OrgID", "payments"),))
    yield Attack("the end of another's silence with its org id", dressed, 403)
    twice = Request(f"{ALERTMANAGER}/silence/<mine>/<other>", "DELETE")
    yield Attack("the end of two silences", twice, 403)
