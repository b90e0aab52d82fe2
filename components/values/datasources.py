"""Grafana's data sources, with the links between metrics, logs and traces."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.context import Context
from settings.names import PLATFORM_TENANT, TENANT_LABEL

PROMETHEUS_UID = "prometheus"
LOKI_UID = "loki"
TEMPO_UID = "tempo"
ALERTMANAGER_UID = "alertmanager"
"""Stable: dashboards, links and bookmarks name them."""
FILE = "datasources.yaml"
CONFIG_MAP = "grafana-datasources"
SCRAPE_INTERVAL = "30s"
"""Tells Grafana the smallest step that makes sense; `$__rate_interval` is four times this."""
SPAN_METRICS = "traces_span_metrics"
"""Prefix of the metrics that the collectors' gateways count from spans before sampling."""


def provisioning(context: Context) -> dict[str, Any]:
    """Return the provisioning file of the platform's organisation, which reads every tenant of the region.

    Text that Grafana must see with a dollar sign carries two, since Grafana expands environment variables in the
    whole file; the file goes through no other template.
    """
    return {
        "apiVersion": 1,
        # Takes away what an earlier version provisioned and this one does not; hand-made ones stay.
        "prune": True,
        "datasources": [_prometheus(), _loki(context), _tempo(context), _alertmanager()],
    }


def org_ids(context: Context) -> str:
    """Return the X-Scope-OrgID that reads every tenant of the region and the platform's own."""
    return "|".join([*context.tenants, PLATFORM_TENANT])


def _source(uid: str, name: str, kind: str, url: str, json_data: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": uid,
        "name": name,
        "type": kind,
        "orgId": 1,
        "access": "proxy",
        "url": url,
        "editable": False,
        "jsonData": json_data,
    }


def _across_tenants(source: dict[str, Any], context: Context) -> dict[str, Any]:
    """Add the org ids; they are names, no secrets, and stand where Grafana wants header values."""
    source["jsonData"]["httpHeaderName1"] = "X-Scope-OrgID"
    source["secureJsonData"] = {"httpHeaderValue1": org_ids(context)}
    return source


def _prometheus() -> dict[str, Any]:
    # OpenTelemetry SDKs write exemplars with trace_id, Tempo's generator by default with traceID.
    exemplars = [{"name": name, "datasourceUid": TEMPO_UID} for name in ("trace_id", "traceID")]
    source = _source(
        PROMETHEUS_UID,
        "Prometheus",
        "prometheus",
        addresses.prometheus_url(),
        {
            "httpMethod": "POST",
            "timeInterval": SCRAPE_INTERVAL,
            "prometheusType": "Prometheus",
            "manageAlerts": True,
            "alertmanagerUid": ALERTMANAGER_UID,
            "exemplarTraceIdDestinations": exemplars,
        },
    )
    return {**source, "isDefault": True}


def _loki(context: Context) -> dict[str, Any]:
    trace = {
        "name": "trace_id",
        # The id is structured metadata, a label to Grafana: no regular expression over the line.
        "matcherType": "label",
        "matcherRegex": "trace_id",
        "url": "$${__value.raw}",
        "urlDisplayLabel": "View trace",
        "datasourceUid": TEMPO_UID,
    }
    source = _source(LOKI_UID, "Loki", "loki", addresses.loki_url(), {"maxLines": 1000, "derivedFields": [trace]})
    return _across_tenants(source, context)


def _tempo(context: Context) -> dict[str, Any]:
    # Two tenants may have a service of the same name, and a store of all regions has a tenant more than once.
    owner = [{"key": key, "value": key} for key in (TENANT_LABEL, "region")]
    tags = [*owner, {"key": "service.name", "value": "service_name"}]
    calls, duration = f"{SPAN_METRICS}_calls_total", f"{SPAN_METRICS}_duration_seconds_bucket"
    source = _source(
        TEMPO_UID,
        "Tempo",
        "tempo",
        addresses.tempo_url(context),
        {
            "tracesToLogsV2": {
                "datasourceUid": LOKI_UID,
                "spanStartTimeShift": "-2s",
                "spanEndTimeShift": "2s",
                "tags": tags,
                # filterByTraceID is ignored with a custom query, so the query holds the trace itself.
                "customQuery": True,
                "query": '{$${__tags}} | trace_id = "$${__trace.traceId}"',
            },
            "tracesToMetrics": {
                "datasourceUid": PROMETHEUS_UID,
                "spanStartTimeShift": "-10m",
                "spanEndTimeShift": "10m",
                "tags": tags,
                "queries": [
                    {"name": "Requests per second", "query": f"sum(rate({calls}{{$$__tags}}[5m]))"},
                    {
                        "name": "Errors per second",
                        "query": f'sum(rate({calls}{{$$__tags, status_code="STATUS_CODE_ERROR"}}[5m]))',
                    },
                    {
                        "name": "p99",
                        "query": f"histogram_quantile(0.99, sum(rate({duration}{{$$__tags}}[5m])) by (le))",
                    },
                ],
            },
            "serviceMap": {"datasourceUid": PROMETHEUS_UID},
            "nodeGraph": {"enabled": True},
            "streamingEnabled": {"search": True, "metrics": True},
        },
    )
    return _across_tenants(source, context)


def _alertmanager() -> dict[str, Any]:
    return _source(
        ALERTMANAGER_UID,
        "Alertmanager",
        "alertmanager",
        addresses.alertmanager_url(),
        {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
    )
