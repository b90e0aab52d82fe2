"""The words of a notification: one template file, and the names that receivers call it by."""

from __future__ import annotations

TITLE = '{{ template "platform.title" . }}'
TEXT = '{{ template "platform.text" . }}'
COLOR = '{{ template "platform.color" . }}'
DIGEST_SUBJECT = '{{ template "platform.digest" . }}'

FILE = """\
{{ define "platform.title" -}}
[{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }} x{{ .Alerts.Firing | len }}
{{- else }}RESOLVED{{ end }}] {{ .GroupLabels.alertname }}
{{- with .CommonLabels.service_name }} {{ . }}{{ end }} (
{{- with .CommonLabels.tenant }}{{ . }}{{ else }}no tenant{{ end }}, {{ .CommonLabels.region }})
{{- end }}
{{ define "platform.text" -}}
{{ range .Alerts -}}
*{{ .Annotations.summary }}*
{{ .Annotations.description }}
{{ with .Annotations.runbook_url }}<{{ . }}|Runbook> {{ end -}}
{{ with .Annotations.dashboard_url }}<{{ . }}|Dashboard>{{ end }}
{{ end -}}
{{ end }}
{{ define "platform.color" -}}
{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "page" }}danger{{ else }}warning{{ end }}
{{- end }}
{{ define "platform.digest" -}}
[{{ .CommonLabels.region }}] {{ .Alerts | len }} notes{{ with .CommonLabels.tenant }} of {{ . }}{{ end }}
{{- end }}
"""
