"""The real Loki, started from the rendered configuration: what becomes a label, who reads what, who is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml

from components.values import logs
from tests.backends import HTTP, running
from tests.loki import OF_ALL, TRACE_ID, files, over_time, push, query, tenants_of_a_day


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Loki that holds one line of shop and one of payments."""
    with running(tmp_path_factory.mktemp("loki")) as backends:
        url = backends.loki(*files("dev.us-east"))
        for tenant in ("shop", "payments"):
            assert push(url, tenant, f"hello of {tenant}").status_code == 204
        yield url


def test_exactly_the_chosen_attributes_are_index_labels_level_among_them(loki: str) -> None:
    assert query(loki, "shop", '{tenant="shop"}') == ["hello of shop"]
    answer = HTTP.get(
        f"{loki}/loki/api/v1/series",
        params={"match[]": '{tenant="shop"}'},
        headers={"X-Scope-OrgID": "shop"},
        timeout=10,
    )
    assert answer.json()["data"] == [
        {
            "cluster": "dev-us-east",
            "environment": "dev",
            "k8s_namespace_name": "shop",
            "level": "error",
            "region": "us-east",
            "service_name": "checkout",
            "tenant": "shop",
        }
    ]


def test_a_line_is_found_by_its_trace_span_pod_and_order(loki: str) -> None:
    metadata = f'trace_id="{TRACE_ID}" | span_id="00f067aa0ba902b7" | order_id="4711" | k8s_pod_name="checkout-0"'
    assert query(loki, "shop", f'{{level="error"}} | {metadata}') == ["hello of shop"]


def test_a_tenant_reads_its_own_lines_whatever_it_asks_for(loki: str) -> None:
    assert query(loki, "payments", '{region="us-east"}') == ["hello of payments"]
    assert over_time(loki, "payments", query='{tenant="shop"}', since="1h") == []


def test_the_platform_team_reads_across_tenants(loki: str) -> None:
    assert query(loki, "payments|shop", '{region="us-east"}') == ["hello of payments", "hello of shop"]


@pytest.mark.parametrize("expression", OF_ALL)
def test_of_a_day_every_tenant_has_its_newest_lines(loki: str, expression: str) -> None:
    """Loki asks one tenant after the other in no order, and would ask only the first for the newest hours."""
    query(loki, "payments|shop", '{region="us-east"}')
    for _ in range(16):
        assert tenants_of_a_day(loki, "payments|shop", expression) == {"payments", "shop"}


def test_queries_are_split_where_one_process_asks_its_ingester_no_more(loki: str) -> None:
    used = yaml.safe_load(HTTP.get(f"{loki}/config", timeout=10).text)
    assert used["ingester"]["query_store_max_look_back_period"] == _in_go(logs.LOOKBACK)
    assert used["querier"]["query_ingesters_within"] == _in_go(logs.LOOKBACK - logs.APART)


def _in_go(duration: timedelta) -> str:
    """Return a duration as Go writes it."""
    minutes = duration.seconds // 60
    return f"{minutes // 60}h{minutes % 60}m0s"


def test_without_a_tenant_nothing_is_read_or_written(loki: str) -> None:
    assert HTTP.get(f"{loki}/loki/api/v1/labels", timeout=10).status_code == 401
    assert HTTP.post(f"{loki}/otlp/v1/logs", json={"resourceLogs": []}, timeout=10).status_code == 401


def test_an_unknown_org_is_refused_what_a_tenant_may_send(loki: str) -> None:
    line = "x" * 150_000
    assert push(loki, "shop", line).status_code == 204
    refused = push(loki, "nobody", line)
    assert refused.status_code == 429
    assert "ingestion rate limit exceeded" in refused.text.lower()


def test_a_tenants_own_retention_is_in_force(loki: str) -> None:
    kept = {}
    for tenant in ("shop", "payments"):
        answer = HTTP.get(f"{loki}/config/tenant/v1/limits", headers={"X-Scope-OrgID": tenant}, timeout=10)
        kept[tenant] = yaml.safe_load(answer.text)["retention_period"]
    assert kept == {"shop": "1w", "payments": "2d"}
