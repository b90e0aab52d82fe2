"""What a notification says, asked of the real amtool with the templates and receivers as they are delivered."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.values import datasources
from components.values.alert_routing import alertmanager_config
from components.values.alerting import links
from tests.contexts import context
from tests.routing import amtool, with_everything, written

GRAFANA = "https://grafana.eu-west.observability.example.com"
LABELS = {
    "alertname": "ServiceErrorRateCritical",
    "severity": "page",
    "tenant": "payments",
    "region": "eu-west",
    "service_name": 'ca"pture',
}
ANNOTATIONS = {
    "summary": "capture <fails> 12 % & more",
    "description": "Service capture has failed.",
    "value": "0.12",
    "runbook_url": f"{GRAFANA}/d/runbook-serviceerrorratecritical",
    "dashboard_url": f"{GRAFANA}/d/service-overview?var-tenant=payments",
}
FIRING = {"status": "firing", "startsAt": "2026-01-02T03:04:05Z", "endsAt": "0001-01-01T00:00:00Z"}
RESOLVED = {"status": "resolved", "startsAt": "2026-01-02T03:04:05Z", "endsAt": "2026-01-02T04:04:05Z"}
FROM, UNTIL = str(1767319445000), str(1767328445000)
"""An hour before the start; half an hour after the end."""


def alert(
    labels: Mapping[str, str] = LABELS, annotations: Mapping[str, str] = ANNOTATIONS, times: Mapping[str, str] = FIRING
) -> Any:
    return {**times, "labels": labels, "annotations": annotations, "generatorURL": "http://p"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    written(with_everything(), folder)
    return folder


def said(folder: Path, template: str, *alerts: Any, kind: str = "text") -> str:
    """Return what a template says of a group of alerts."""
    first = (alerts or (alert(),))[0]
    group = {
        "receiver": "x",
        "status": first["status"],
        "groupLabels": {key: first["labels"].get(key, "") for key in ("tenant", "region", "alertname")},
        "commonLabels": first["labels"],
        "commonAnnotations": first["annotations"],
        "externalURL": "http://alertmanager",
        "alerts": list(alerts) or [alert()],
    }
    data = folder / "alerts.json"
    data.write_text(json.dumps(group), encoding="utf-8")
    return amtool(
        "template",
        "render",
        f"--template.glob={folder / '*.tmpl'}",
        f"--template.data={data}",
        f"--template.type={kind}",
        f"--template.text={template}",
    ).removesuffix("\n")


def receiver(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in alertmanager_config(with_everything())["receivers"] if each["name"] == name
    )
    return found


SLACK = receiver("tenant-payments")["slack_configs"][0]
TELEGRAM = receiver("tenant-payments")["telegram_configs"][0]
PAGERDUTY = receiver("on-call-eu-west")["pagerduty_configs"][0]
EMAIL = receiver("info-digest")["email_configs"][0]
WEBHOOK = receiver("webhook-incidents")["webhook_configs"][0]


def explored(address: str) -> tuple[str, str, dict[str, str]]:
    """Return what a link to Explore asks for: data source, query and range."""
    assert address.startswith(f"{GRAFANA}/explore?schemaVersion=1&panes=")
    (pane,) = json.loads(parse_qs(urlsplit(address).query)["panes"][0]).values()
    (query,) = pane["queries"]
    assert query["datasource"]["uid"] == pane["datasource"]
    return pane["datasource"], query.get("expr") or query["query"], pane["range"]


def check_links(found: Mapping[str, str]) -> None:
    """Assert that five links lead where one alert of one service of one tenant is."""
    assert list(found) == ["Runbook", "Dashboard", "Logs", "Traces", "Silence"]
    assert found["Runbook"] == ANNOTATIONS["runbook_url"]
    assert found["Dashboard"] == f"{ANNOTATIONS['dashboard_url']}&from={FROM}&to=now"
    when = {"from": FROM, "to": "now"}
    logs = '{region="eu-west", tenant="payments", service_name="ca\\"pture"}'
    assert explored(found["Logs"]) == (datasources.LOKI_UID, logs, when)
    traces = '{resource.region="eu-west" && resource.tenant="payments" && resource.service.name="ca\\"pture"}'
    assert explored(found["Traces"]) == (datasources.TEMPO_UID, traces, when)
    silence = urlsplit(found["Silence"])
    assert silence.path == "/alerting/silence/new"
    assert parse_qs(silence.query) == {
        "alertmanager": ["Alertmanager"],
        "matcher": ["tenant=payments", "region=eu-west", "alertname=ServiceErrorRateCritical"],
    }


def test_slack_shows_everything_and_its_buttons_lead_everywhere(folder: Path) -> None:
    assert said(folder, SLACK["title"]) == '[PAGE x1] ServiceErrorRateCritical ca"pture (payments, eu-west)'
    text = said(folder, SLACK["text"])
    assert text.startswith("*capture &lt;fails&gt; 12 % &amp; more*\n")
    assert 'page | payments | eu-west | ca"pture | value 0.12\n' in text
    assert "Service capture has failed." in text
    assert f"<{ANNOTATIONS['runbook_url']}|Runbook>" in text
    assert said(folder, SLACK["color"]) == "danger"
    check_links({each["text"]: said(folder, each["url"]) for each in SLACK["actions"]})


def test_pagerduty_shows_everything(folder: Path) -> None:
    shown = {key: said(folder, text) for key, text in PAGERDUTY["details"].items()}
    assert {key: text.strip() for key, text in shown.items()} == {
        "tenant": "payments",
        "region": "eu-west",
        "severity": "page",
        "value": "0.12",
        "summary": ANNOTATIONS["summary"],
        "description": ANNOTATIONS["description"],
    }
    assert [said(folder, PAGERDUTY[key]) for key in ("group", "component", "class")] == [
        "payments",
        'ca"pture',
        "ServiceErrorRateCritical",
    ]
    check_links({each["text"]: said(folder, each["href"]) for each in PAGERDUTY["links"]})


def anchors(text: str) -> Iterator[tuple[str, str]]:
    for address, title in re.findall(r'<a href="([^"]*)">(\w+)</a>', text):
        yield title, html.unescape(address)


def test_telegram_shows_everything_in_html_that_it_knows_and_length_that_it_takes(folder: Path) -> None:
    text = said(folder, TELEGRAM["message"], kind="html")
    assert "capture &lt;fails&gt; 12 % &amp; more\n" in text
    assert "page | payments | eu-west | ca&#34;pture | value 0.12" in text
    check_links(dict(anchors(text)))
    assert set(re.findall(r"</?([a-z]+)", text)) == {"b", "a"}
    long = {**ANNOTATIONS, "summary": "s" * 5000, "description": "d" * 5000}
    many = said(folder, TELEGRAM["message"], *[alert(annotations=long) for _ in range(20)], kind="html")
    assert len(many) < 4096
    assert "20 in all" in many


def test_the_digest_shows_everything_in_both_of_its_forms(folder: Path) -> None:
    assert said(folder, EMAIL["headers"]["Subject"], alert(), alert()) == "[eu-west] 2 notes of payments"
    page = said(folder, EMAIL["html"], kind="html")
    assert "<b>capture &lt;fails&gt; 12 % &amp; more</b>" in page
    assert "since 2026-01-02 03:04 UTC" in page
    check_links(dict(anchors(page)))
    text = said(folder, EMAIL["text"])
    assert "ServiceErrorRateCritical | page | payments | eu-west" in text
    check_links(dict(re.findall(r"^(\w+): (https://\S+)$", text, re.MULTILINE)))


def test_a_router_of_ones_own_gets_version_4_and_the_links_of_each_alert(folder: Path) -> None:
    sent = json.loads(said(folder, WEBHOOK["payload"], alert(), alert(annotations={})))
    assert (sent["version"], sent["status"], sent["receiver"]) == ("4", "firing", "x")
    assert sent["groupLabels"] == {key: LABELS[key] for key in ("tenant", "region", "alertname")}
    assert sent["commonLabels"] == LABELS
    first, second = sent["alerts"]
    assert (first["labels"], first["annotations"]) == (LABELS, ANNOTATIONS)
    assert first["startsAt"] == FIRING["startsAt"]
    check_links({title.capitalize(): address for title, address in first["links"].items()})
    assert second["links"]["runbook"] == f"{GRAFANA}/alerting/list"
    config = receiver("webhook-incidents")["webhook_configs"][0]["http_config"]["authorization"]
    assert config["credentials_file"].endswith("/webhook-incidents-bearer")


def test_a_resolved_alert_leads_to_the_time_in_which_it_was(folder: Path) -> None:
    group = alert(times=RESOLVED)
    assert said(folder, SLACK["title"], group).startswith("[RESOLVED] ServiceErrorRateCritical")
    assert said(folder, SLACK["color"], group) == "good"
    assert said(folder, SLACK["title_link"], group).endswith(f"&from={FROM}&to={UNTIL}")
    assert explored(said(folder, f"{{{{ with index .Alerts 0 }}}}{links.call(links.LOGS)}{{{{ end }}}}", group))[2] == {
        "from": FROM,
        "to": UNTIL,
    }


def test_an_alert_of_the_cluster_is_of_no_tenant_and_its_silence_reaches_no_tenants(folder: Path) -> None:
    own = {"alertname": "NodeDown", "severity": "warn", "region": "eu-west", "namespace": "kube-system"}
    group = alert(labels=own)
    assert said(folder, SLACK["title"], group) == "[WARN x1] NodeDown (no tenant, eu-west)"
    assert said(folder, SLACK["color"], group) == "warning"
    found = {each["text"]: said(folder, each["url"], group) for each in SLACK["actions"]}
    assert parse_qs(urlsplit(found["Silence"]).query)["matcher"] == ["tenant=", "region=eu-west", "alertname=NodeDown"]
    assert explored(found["Logs"])[1] == '{region="eu-west", k8s_namespace_name="kube-system"}'


def test_what_a_tenant_writes_cannot_leave_its_place(folder: Path) -> None:
    evil = {"summary": "<!channel> *x*", "runbook_url": 'https://x/|a> <!here> "', "dashboard_url": "https://y/d/1"}
    text = said(folder, SLACK["text"], alert(annotations=evil))
    assert "<!" not in text
    assert "<https://x/a!here|Runbook>" in text
    assert f"<https://y/d/1?from={FROM}&to=now|Dashboard>" in text
    sent = json.loads(said(folder, WEBHOOK["payload"], alert(annotations=evil)))
    assert sent["alerts"][0]["links"]["runbook"] == "https://x/a!here"
    page = said(folder, EMAIL["html"], alert(annotations={**evil, "runbook_url": "javascript:alert(1)"}), kind="html")
    assert "javascript" not in page


def test_slack_shows_ten_alerts_and_says_how_many_there_are(folder: Path) -> None:
    text = said(folder, SLACK["text"], *[alert() for _ in range(12)])
    assert text.count("Service capture has failed.") == 10
    assert text.strip().endswith("12 in all")


def test_links_name_data_sources_that_there_are() -> None:
    sources = {each["uid"]: each["name"] for each in datasources.provisioning(context())["datasources"]}
    assert sources[datasources.ALERTMANAGER_UID] == links.ALERTMANAGER
    assert {datasources.LOKI_UID, datasources.TEMPO_UID} <= sources.keys()
