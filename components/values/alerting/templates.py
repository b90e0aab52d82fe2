"""The words of a notification: one template file, and the names that receivers call it by.

Every kind of receiver shows tenant, region, severity, summary, value (in the summary, and by itself where a rule has
the annotation), and leads to runbook, dashboard, logs, traces and the silence form (links.py).
"""

from __future__ import annotations

from components.values.alerting import links
from components.values.context import Context

TITLE = '{{ template "platform.title" . }}'
TEXT = '{{ template "platform.slack" . }}'
COLOR = '{{ template "platform.color" . }}'
TELEGRAM = '{{ template "platform.telegram" . }}'
DIGEST_SUBJECT = '{{ template "platform.digest.subject" . }}'
DIGEST_HTML = '{{ template "platform.digest.html" . }}'
DIGEST_TEXT = '{{ template "platform.digest.text" . }}'

SLACK_ALERTS = 10
"""Alerts of a group that Slack shows; more is what the dashboard is for."""
TELEGRAM_ALERTS = 3
"""Telegram takes 4,096 characters, addresses included, which are up to 1,700 of one alert; cut HTML is refused."""

_TITLE = """\
{{ define "platform.title" -}}
[{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }} x{{ .Alerts.Firing | len }}
{{- else }}RESOLVED{{ end }}] {{ .GroupLabels.alertname }}
{{- with .CommonLabels.service_name }} {{ . }}{{ end }} (
{{- with .CommonLabels.tenant }}{{ . }}{{ else }}no tenant{{ end }}, {{ .CommonLabels.region }})
{{- end }}
{{ define "platform.color" -}}
{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "page" }}danger{{ else }}warning{{ end }}
{{- end }}
{{ define "platform.facts" -}}
{{ .Labels.severity }} | {{ with .Labels.tenant }}{{ . }}{{ else }}no tenant{{ end }} | {{ .Labels.region }}
{{- with .Labels.service_name }} | {{ . }}{{ end }}{{ with .Annotations.value }} | value {{ . }}{{ end }}
{{- end }}
"""

# Slack takes &, < and > for its own.
_ESCAPED = 'reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"'

_SLACK = f"""\
{{{{ define "platform.slack" -}}}}
{{{{ range $index, $alert := .Alerts }}}}{{{{ if lt $index {SLACK_ALERTS} -}}}}
*{{{{ .Annotations.summary | {_ESCAPED} }}}}*
{{{{ template "platform.facts" . }}}}
{{{{ .Annotations.description | {_ESCAPED} }}}}
<{{{{ template "{links.RUNBOOK}" . }}}}|Runbook> <{{{{ template "{links.DASHBOARD}" . }}}}|Dashboard>
{{{{ end }}}}{{{{ end -}}}}
{{{{ if gt (len .Alerts) {SLACK_ALERTS} }}}}{{{{ len .Alerts }}}} in all{{{{ end }}}}
{{{{- end }}}}
"""


def _anchors() -> str:
    """Return all links of one alert in HTML."""
    return " ".join(f'<a href="{links.call(name)}">{title}</a>' for name, title in links.TITLES.items())


_TELEGRAM = f"""\
{{{{ define "platform.telegram" -}}}}
<b>{{{{ template "platform.title" . }}}}</b>
{{{{ range $index, $alert := .Alerts }}}}{{{{ if lt $index {TELEGRAM_ALERTS} -}}}}
{{{{ printf "%.150s" .Annotations.summary }}}}
{{{{ template "platform.facts" . }}}}
{{{{ printf "%.300s" .Annotations.description }}}}
{{{{ end }}}}{{{{ end -}}}}
{{{{ if gt (len .Alerts) {TELEGRAM_ALERTS} }}}}{{{{ len .Alerts }}}} in all
{{{{ end -}}}}
{{{{ with index .Alerts 0 }}}}{_anchors()}{{{{ end }}}}
{{{{- end }}}}
"""

_DIGEST = f"""\
{{{{ define "platform.digest.subject" -}}}}
[{{{{ .CommonLabels.region }}}}] {{{{ .Alerts | len }}}} notes
{{{{- with .CommonLabels.tenant }}}} of {{{{ . }}}}{{{{ end }}}}
{{{{- end }}}}
{{{{ define "platform.digest.html" -}}}}
<table cellpadding="6">
<tr align="left"><th>Alert</th><th>Whose</th><th>What</th><th>Where to look</th></tr>
{{{{ range .Alerts }}}}<tr>
<td>{{{{ .Labels.alertname }}}}</td>
<td>{{{{ template "platform.facts" . }}}}</td>
<td><b>{{{{ .Annotations.summary }}}}</b><br>{{{{ .Annotations.description }}}}<br>
since {{{{ .StartsAt.UTC | date "2006-01-02 15:04 MST" }}}}</td>
<td>{_anchors()}</td>
</tr>
{{{{ end }}}}</table>
{{{{- end }}}}
{{{{ define "platform.digest.text" -}}}}
{{{{ range .Alerts -}}}}
{{{{ .Labels.alertname }}}} | {{{{ template "platform.facts" . }}}}
{{{{ .Annotations.summary }}}}
{{{{ .Annotations.description }}}}
{"".join(f"{title}: {links.call(name)}" + chr(10) for name, title in links.TITLES.items())}
{{{{ end }}}}
{{{{- end }}}}
"""


def file(context: Context) -> str:
    """Return the template file, which knows the address of the region's Grafana."""
    return links.definitions(context) + _TITLE + _SLACK + _TELEGRAM + _DIGEST


def of_first(name: str) -> str:
    """Return the call of a link's definition on the first alert of a group.

    A group is one alert of one tenant in one region, so that the first speaks for all but the service.
    """
    return f"{{{{ with index .Alerts 0 }}}}{links.call(name)}{{{{ end }}}}"


def webhook_payload() -> str:
    """Return what routers of one's own get: Alertmanager's version 4, and the links of each alert beside its labels.

    One text, which Alertmanager reads as YAML after filling it in: a field by itself would turn "4" into a number.
    `toJson` is why this is no definition in the file: Alertmanager knows it from 0.32 on only, and older ones, which
    would ignore this text, would refuse a file that has it.
    """
    fields = {
        "status": ".Status",
        "labels": ".Labels",
        "annotations": ".Annotations",
        "startsAt": ".StartsAt",
        "endsAt": ".EndsAt",
        "generatorURL": ".GeneratorURL",
        "fingerprint": ".Fingerprint",
    }
    alert = ",".join(f'"{key}":{{{{ {value} | toJson }}}}' for key, value in fields.items())
    addresses = ",".join(f'"{title.lower()}":"{links.call(name)}"' for name, title in links.TITLES.items())
    group = {
        "groupKey": '(printf "%s:%s" .Receiver .GroupLabels)',
        "receiver": ".Receiver",
        "status": ".Status",
        "groupLabels": ".GroupLabels",
        "commonLabels": ".CommonLabels",
        "commonAnnotations": ".CommonAnnotations",
        "externalURL": ".ExternalURL",
    }
    whole = ",".join(f'"{key}":{{{{ {value} | toJson }}}}' for key, value in group.items())
    each = f'{{{alert},"links":{{{addresses}}}}}'
    alerts = f"{{{{ range $i, $a := .Alerts }}}}{{{{ if $i }}}},{{{{ end }}}}{each}{{{{ end }}}}"
    return f'{{"version":"4","truncatedAlerts":0,{whole},"alerts":[{alerts}]}}'
