"""Every way of asking that is open to a tenant: each must show its own, and nothing of another's."""

from __future__ import annotations

import time

from tests.lab.telemetry.access_requests import Request, get, post
from tests.lab.telemetry.access_signals import TRACES, mark

WINDOW = (("start", str(int(time.time()) - 3600)), ("end", str(int(time.time()) + 3600)))
ONE_STEP = ("step", str(2**32))
"""Seconds, counted from 1970: every window is one step. Loki counts the volume of a step up to its last second but one
(it takes a millisecond off and then cuts to seconds), so by its own steps of 14 s one line in fourteen has none."""
LOGS, TRACED, SERIES = '{service_name=~".+"}', "{}", '{__name__=~".+"}'


def paths(tenant: str) -> dict[str, tuple[Request, str]]:
    """Return each request, by what it asks, and the text that a right answer to this tenant holds."""
    own = mark(tenant)
    return {**_loki(own), **_tempo(tenant), **_prometheus(tenant), **_alertmanager(tenant)}


def _loki(own: str) -> dict[str, tuple[Request, str]]:
    root, query = "/loki/loki/api/v1", ("query", LOGS)
    return {
        "loki query": (get(f"{root}/query", ("query", f"count_over_time({LOGS}[1h])")), own),
        "loki query_range": (get(f"{root}/query_range", query), own),
        "loki query_range by form": (post(f"{root}/query_range", query), own),
        # Its names are the same for all tenants: what tells them apart are the values.
        "loki labels": (get(f"{root}/labels"), "service_name"),
        "loki label values": (get(f"{root}/label/service_name/values"), own),
        "loki series": (get(f"{root}/series", ("match[]", LOGS)), own),
        "loki index stats": (get(f"{root}/index/stats", query), '"streams":'),
        "loki volume": (get(f"{root}/index/volume", query, ("targetLabels", "service_name")), own),
        "loki volume range": (
            get(f"{root}/index/volume_range", query, ("targetLabels", "service_name"), *WINDOW, ONE_STEP),
            own,
        ),
        "loki detected labels": (get(f"{root}/detected_labels", query), "service_name"),
        "loki detected fields": (get(f"{root}/detected_fields", query), f"{own}_attribute"),
        "loki detected field values": (get(f"{root}/detected_field/{own}_attribute/values", query), own),
    }


def _tempo(tenant: str) -> dict[str, tuple[Request, str]]:
    own, trace = mark(tenant), TRACES[tenant]
    return {
        "tempo search": (get("/tempo/api/search", ("q", TRACED)), own),
        "tempo trace": (get(f"/tempo/api/traces/{trace}"), own),
        "tempo trace v2": (get(f"/tempo/api/v2/traces/{trace}"), own),
        "tempo tags": (get("/tempo/api/search/tags"), f"{own}_attribute"),
        "tempo tags v2": (get("/tempo/api/v2/search/tags"), f"{own}_attribute"),
        "tempo tag values": (get("/tempo/api/search/tag/service.name/values"), own),
        "tempo tag values v2": (get("/tempo/api/v2/search/tag/resource.service.name/values"), own),
        "tempo tag values unscoped": (get("/tempo/api/v2/search/tag/.service.name/values"), own),
    }


def _prometheus(tenant: str) -> dict[str, tuple[Request, str]]:
    root, own, series = "/prometheus/api/v1", mark(tenant), ("match[]", SERIES)
    query = ("query", f"{own}_count")
    return {
        "prometheus query": (get(f"{root}/query", query), own),
        "prometheus query by form": (post(f"{root}/query", ("query", SERIES)), own),
        "prometheus query_range": (get(f"{root}/query_range", query, *WINDOW, ("step", "60")), own),
        "prometheus series": (get(f"{root}/series", series), own),
        "prometheus series by form": (post(f"{root}/series", series), own),
        "prometheus labels": (get(f"{root}/labels"), f"{own}_label"),
        "prometheus labels by form": (post(f"{root}/labels", series), f"{own}_label"),
        "prometheus label values": (get(f"{root}/label/service/values"), own),
        "prometheus names": (get(f"{root}/label/__name__/values"), f"{own}_bucket"),
        "prometheus exemplars": (get(f"{root}/query_exemplars", ("query", SERIES), *WINDOW), TRACES[tenant]),
        "prometheus rules": (get(f"{root}/rules"), f"{own}_alert"),
        "prometheus alerts": (get(f"{root}/alerts"), own),
        "prometheus federate": (get("/prometheus/federate", series), own),
    }


def _alertmanager(tenant: str) -> dict[str, tuple[Request, str]]:
    own = mark(tenant)
    return {
        "alertmanager alerts": (get("/alertmanager/api/v2/alerts"), f"{own}_alert"),
        "alertmanager groups": (get("/alertmanager/api/v2/alerts/groups"), f"{own}_alert"),
        "alertmanager silences": (get("/alertmanager/api/v2/silences"), own),
    }
