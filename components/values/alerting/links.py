"""Where a notification leads: definitions of Go templates, each of one alert, each giving one address.

An address is put together by one `printf`, for html/template refuses an address whose parts are chosen by branches.
"""

from __future__ import annotations

from components.values import datasources
from components.values.context import Context
from settings import names

RUNBOOK = "platform.runbook"
DASHBOARD = "platform.dashboard"
LOGS = "platform.logs"
TRACES = "platform.traces"
SILENCE = "platform.silence"
"""Names of the definitions."""
TITLES = {RUNBOOK: "Runbook", DASHBOARD: "Dashboard", LOGS: "Logs", TRACES: "Traces", SILENCE: "Silence"}
"""Definitions in the order in which people need them, with what a button says."""
ALERTMANAGER = "Alertmanager"
"""Name of Grafana's data source for Alertmanager (datasources.py), by which its silence form knows it."""

BEFORE_SECONDS = 3600
"""How much of the time before an alert its links show: long enough to see what was normal."""
AFTER_SECONDS = 1800
"""How much of the time after a resolved alert."""

_RANGE = f"""\
{{{{- $from := printf "%d" (.StartsAt.Add -{BEFORE_SECONDS}000000000).UnixMilli -}}}}
{{{{- $to := "now" -}}}}
{{{{- if eq .Status "resolved" -}}}}
  {{{{- $to = printf "%d" (.EndsAt.Add {AFTER_SECONDS}000000000).UnixMilli -}}}}
{{{{- end -}}}}
"""

_ANNOTATED = r"""
{{- $url := reReplaceAll `["'<>|\\\s]` "" (or .Annotations.%s "%s/alerting/list") -}}
"""
"""An address that a rule wrote, without what no address may hold and Slack or JSON would take for its own."""

_DASHBOARD = (
    _RANGE
    + """\
{{- $separator := "?" -}}
{{- if match "[?]" $url -}}{{- $separator = "&" -}}{{- end -}}
{{- printf "%s%sfrom=%s&to=%s" $url $separator $from $to -}}
"""
)

# What an alert knows of itself narrows the query; the region is on everything.
_LOGS_QUERY = """\
{{- $query := printf "{region=%q" .Labels.region -}}
{{- with .Labels.tenant -}}{{- $query = printf "%s, tenant=%q" $query . -}}{{- end -}}
{{- with .Labels.namespace -}}{{- $query = printf "%s, k8s_namespace_name=%q" $query . -}}{{- end -}}
{{- with .Labels.service_name -}}{{- $query = printf "%s, service_name=%q" $query . -}}{{- end -}}
{{- $query = printf "%s}" $query -}}
"""

_TRACES_QUERY = """\
{{- $query := printf "{resource.region=%q" .Labels.region -}}
{{- with .Labels.tenant -}}{{- $query = printf "%s && resource.tenant=%q" $query . -}}{{- end -}}
{{- with .Labels.namespace -}}{{- $query = printf "%s && resource.k8s.namespace.name=%q" $query . -}}{{- end -}}
{{- with .Labels.service_name -}}{{- $query = printf "%s && resource.service.name=%q" $query . -}}{{- end -}}
{{- $query = printf "%s}" $query -}}
"""


def definitions(context: Context) -> str:
    """Return the definitions of all links, for the region's Grafana.

    The silence form is Grafana's, which people reach; Alertmanager itself they do not. It opens with what a silence
    here must name, and no wider: tenant, region and the alert.
    """
    grafana = names.grafana_url(context.platform, context.name)
    silence = f"{grafana}/alerting/silence/new?alertmanager={ALERTMANAGER}"
    bodies = {
        RUNBOOK: _ANNOTATED % ("runbook_url", grafana) + "{{- $url -}}",
        DASHBOARD: _ANNOTATED % ("dashboard_url", grafana) + _DASHBOARD,
        LOGS: _RANGE + _LOGS_QUERY + _explore(grafana, datasources.LOKI_UID, "loki", '"expr":%q'),
        TRACES: _RANGE
        + _TRACES_QUERY
        + _explore(grafana, datasources.TEMPO_UID, "tempo", '"queryType":"traceql","query":%q'),
        SILENCE: f"""\
{{{{- $tenant := urlquery (printf "tenant=%s" .Labels.tenant) -}}}}
{{{{- $region := urlquery (printf "region=%s" .Labels.region) -}}}}
{{{{- $alert := urlquery (printf "alertname=%s" .Labels.alertname) -}}}}
{{{{- printf "{silence}&matcher=%s&matcher=%s&matcher=%s" $tenant $region $alert -}}}}
""",
    }
    return "".join(f'{{{{ define "{name}" }}}}\n{body}{{{{ end }}}}\n' for name, body in bodies.items())


def call(name: str) -> str:
    """Return the call of a definition on the alert in hand."""
    return f'{{{{ template "{name}" . }}}}'


def _explore(grafana: str, uid: str, kind: str, query: str) -> str:
    """Return the address of Explore with one query in one pane, as a template that knows $query, $from and $to."""
    pane = (
        f'{{"alert":{{"datasource":"{uid}","queries":[{{"refId":"A","datasource":{{"type":"{kind}","uid":"{uid}"}},'
        f'{query}}}],"range":{{"from":%q,"to":%q}}}}}}'
    )
    return f"""\
{{{{- $panes := urlquery (printf `{pane}` $query $from $to) -}}}}
{{{{- printf "{grafana}/explore?schemaVersion=1&panes=%s" $panes -}}}}
"""
