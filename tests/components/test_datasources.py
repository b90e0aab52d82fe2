"""The data sources as Grafana reads them: uids, links, tenants, and no dollar sign lost on the way."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from charts.pull import Package, resolve
from components.metrics import Metrics
from components.values import addresses, datasources
from components.values.context import Context
from settings.load import environment_from_file
from tests.contexts import context
from tests.recording import record

UIDS = ["prometheus", "loki", "tempo", "alertmanager"]
OWNER = [
    *({"key": key, "value": key} for key in ("tenant", "region")),
    {"key": "service.name", "value": "service_name"},
]
"""Whose a span is: its attributes, and the labels that they are in metrics and logs."""


def delivered(given: Context) -> dict[str, dict[str, Any]]:
    """Return what Grafana sees, by uid: the ConfigMap's file after Grafana has expanded variables in it.

    Grafana replaces $NAME and ${NAME} by the environment and $$ by one dollar sign
    (pkg/services/provisioning/values); a variable that does not exist becomes nothing.
    """
    made = record(lambda: Metrics("m", given, {"kube-prometheus-stack": _package()}))
    (text,) = made["m-datasources"].inputs["data"].values()
    parts = [re.sub(r"\$\{?\w[\w.]*\}?", "", part) for part in text.split("$$")]
    return {each["uid"]: each for each in yaml.safe_load("$".join(parts))["datasources"]}


def _package() -> Package:

    return resolve({})["kube-prometheus-stack"]


def test_uids_are_stable_and_prometheus_is_the_default() -> None:
    found = delivered(context())
    assert list(found) == UIDS
    assert [uid for uid, each in found.items() if each.get("isDefault")] == ["prometheus"]
    assert not any(each["editable"] for each in found.values())


def test_addresses_are_those_of_the_topology() -> None:
    for stack, tempo in (("dev.us-east", "tempo"), ("prod.us-east", "tempo-query-frontend")):
        found = {uid: each["url"] for uid, each in delivered(context(stack)).items()}
        assert found == {
            "prometheus": "http://metrics-prometheus.observability.svc.cluster.local:9090",
            "loki": "http://loki-gateway.observability.svc.cluster.local",
            "tempo": f"http://{tempo}.observability.svc.cluster.local:3200",
            "alertmanager": "http://metrics-alertmanager.observability.svc.cluster.local:9093",
        }


@pytest.mark.parametrize("uid", ["loki", "tempo"])
def test_the_platform_reads_every_tenant_of_the_region_and_its_own_signals(uid: str) -> None:
    source = delivered(context("prod.eu-west"))[uid]
    assert source["jsonData"]["httpHeaderName1"] == "X-Scope-OrgID"
    assert source["secureJsonData"] == {"httpHeaderValue1": "logistics|payments|storefront|platform"}


def test_an_exemplar_opens_its_trace_whatever_its_producer_calls_the_id() -> None:
    exemplars = delivered(context())["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars == [
        {"name": "trace_id", "datasourceUid": "tempo"},
        {"name": "traceID", "datasourceUid": "tempo"},
    ]


def test_a_log_line_opens_its_trace_by_its_structured_metadata() -> None:
    (field,) = delivered(context())["loki"]["jsonData"]["derivedFields"]
    assert field["url"] == "${__value.raw}"
    assert (field["matcherType"], field["matcherRegex"], field["datasourceUid"]) == ("label", "trace_id", "tempo")


def test_a_span_opens_the_logs_of_its_trace_and_service() -> None:
    link = delivered(context())["tempo"]["jsonData"]["tracesToLogsV2"]
    assert link["query"] == '{${__tags}} | trace_id = "${__trace.traceId}"'
    assert (link["datasourceUid"], link["customQuery"]) == ("loki", True)
    assert link["tags"] == OWNER


def test_a_span_opens_the_metrics_of_its_service_counted_before_sampling() -> None:
    link = delivered(context())["tempo"]["jsonData"]["tracesToMetrics"]
    assert link["datasourceUid"] == "prometheus"
    assert link["tags"] == OWNER
    assert {each["name"]: each["query"] for each in link["queries"]} == {
        "Requests per second": "sum(rate(traces_span_metrics_calls_total{$__tags}[5m]))",
        "Errors per second": 'sum(rate(traces_span_metrics_calls_total{$__tags, status_code="STATUS_CODE_ERROR"}[5m]))',
        "p99": "histogram_quantile(0.99, sum(rate(traces_span_metrics_duration_seconds_bucket{$__tags}[5m])) by (le))",
    }


def test_tempo_shows_the_service_map_the_node_graph_and_streams() -> None:
    data = delivered(context())["tempo"]["jsonData"]
    assert data["serviceMap"] == {"datasourceUid": "prometheus"}
    assert data["nodeGraph"] == {"enabled": True}
    assert data["streamingEnabled"] == {"search": True, "metrics": True}


def test_every_link_leads_to_a_source_that_is_there() -> None:
    text = yaml.safe_dump(datasources.provisioning(context()))
    assert set(re.findall(r"(?:datasourceUid|alertmanagerUid): (\S+)", text)) <= set(UIDS)


def test_a_new_tenant_changes_the_org_ids_and_nothing_else() -> None:
    platform = environment_from_file("prod")
    tenant = platform.tenants["payments"].model_copy(update={"namespaces": ["billing"]})
    grown = context(platform={"tenants": {**platform.tenants, "billing": tenant}})
    before, after = (yaml.safe_dump(datasources.provisioning(each)) for each in (context(), grown))
    assert before.replace(datasources.org_ids(context()), datasources.org_ids(grown)) == after


def test_the_sidecar_finds_the_file() -> None:
    inputs = record(lambda: Metrics("m", context(), {"kube-prometheus-stack": _package()}))["m-datasources"].inputs
    assert inputs["metadata"]["labels"]["grafana_datasource"] == "1"
    assert inputs["metadata"]["namespace"] == "observability"
    assert inputs["metadata"]["labels"]["app.kubernetes.io/name"] == addresses.GRAFANA
