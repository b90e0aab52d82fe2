"""Each ready source counts what it says, of this tenant and service only; promtool evaluates what ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import tools
from components.values.collection import span_metrics
from components.values.slo_rules import slo_rule_files
from rules.slo import conventions, recordings
from rules.slo.sources import SOURCES, bounds, queries
from settings import slo_consistency
from settings.slo import Slo
from settings.units import Duration
from settings.vocabulary import SliSource
from tests.contexts import context
from tests.rules.slo_specs import IDENTITY, OWNER, labels, promtool, series, slo, value
from tests.running import run

CART = f'{OWNER}, service_name="cart"'
PLACES = {
    "CALLS": "traces_span_metrics_calls_total",
    "CART": CART,
    "FOREIGN": CART.replace("shop", "payments"),
    "MESH": f'{OWNER}, destination_service_name="cart"',
    "OWNER": OWNER,
}
AVAILABILITY: dict[str, tuple[Slo, list[str]]] = {
    # Requests in 30 seconds by series; of 300 requests 30 are bad, whatever the source.
    "spans": (
        slo(SliSource.SPAN_METRICS),
        [
            'CALLS{CART, span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_UNSET"} 270',
            'CALLS{CART, span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_ERROR"} 30',
            'CALLS{CART, span_kind="SPAN_KIND_CLIENT", status_code="STATUS_CODE_ERROR"} 999',
            'CALLS{FOREIGN, span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_ERROR"} 999',
        ],
    ),
    "kafka": (
        slo(SliSource.KAFKA_CONSUMER),
        [
            'CALLS{CART, span_kind="SPAN_KIND_CONSUMER", status_code="STATUS_CODE_UNSET"} 270',
            'CALLS{CART, span_kind="SPAN_KIND_CONSUMER", status_code="STATUS_CODE_ERROR"} 30',
        ],
    ),
    "http": (
        slo(SliSource.HTTP_SERVER),
        [
            'http_server_request_duration_seconds_count{CART, http_response_status_code="200"} 200',
            'http_server_request_duration_seconds_count{CART, http_response_status_code="404"} 70',
            'http_server_request_duration_seconds_count{CART, http_response_status_code="503"} 30',
            'http_server_request_duration_seconds_count{FOREIGN, http_response_status_code="503"} 999',
        ],
    ),
    "old": (
        slo(SliSource.HTTP_REQUESTS, matchers={"job": "cart-web"}),
        [
            'http_requests_total{OWNER, job="cart-web", code="200"} 200',
            'http_requests_total{OWNER, job="cart-web", status="404"} 70',
            'http_requests_total{OWNER, job="cart-web", code="500"} 10',
            'http_requests_total{OWNER, job="cart-web", status="5xx"} 10',
            'http_requests_total{OWNER, job="cart-web", status_code="502"} 10',
            'http_requests_total{OWNER, job="other", code="500"} 999',
        ],
    ),
    "rpc": (
        slo(SliSource.RPC_SERVER),
        [
            'rpc_server_call_duration_seconds_count{CART, rpc_response_status_code="OK"} 200',
            'rpc_server_call_duration_seconds_count{CART, rpc_response_status_code="NOT_FOUND"} 70',
            'rpc_server_call_duration_seconds_count{CART, rpc_response_status_code="UNAVAILABLE"} 10',
            'rpc_server_call_duration_seconds_count{CART, rpc_response_status_code="DATA_LOSS"} 20',
        ],
    ),
    "grpc": (
        slo(SliSource.GRPC_SERVER),
        [
            'grpc_server_handled_total{CART, grpc_code="OK"} 200',
            'grpc_server_handled_total{CART, grpc_code="PermissionDenied"} 70',
            'grpc_server_handled_total{CART, grpc_code="DeadlineExceeded"} 10',
            'grpc_server_handled_total{CART, grpc_code="Internal"} 20',
        ],
    ),
    "mesh": (
        slo(SliSource.ISTIO),
        [
            'istio_requests_total{MESH, reporter="destination", response_code="200"} 270',
            'istio_requests_total{MESH, reporter="destination", response_code="503"} 10',
            'istio_requests_total{MESH, reporter="destination", response_code="200", grpc_response_status="14"} 20',
            'istio_requests_total{MESH, reporter="source", response_code="503"} 999',
        ],
    ),
    "own": (
        slo(
            SliSource.QUERY,
            errors='sum(rate(jobs_total{$owner, outcome="failed"}[$window]))',
            total="sum(rate(jobs_total{$owner}[$window]))",
        ),
        [
            'jobs_total{OWNER, outcome="done"} 270',
            'jobs_total{OWNER, outcome="failed"} 30',
            'jobs_total{FOREIGN, outcome="failed"} 999',
        ],
    ),
}
LATENCY: dict[str, tuple[Slo, list[str]]] = {
    # As the OTLP receiver writes a bound, and as a scrape does: both are the same second.
    "pushed": (
        slo(SliSource.HTTP_SERVER, latency="1s"),
        [
            "http_server_request_duration_seconds_count{CART} 300",
            'http_server_request_duration_seconds_bucket{CART, le="1"} 270',
            'http_server_request_duration_seconds_bucket{CART, le="10"} 300',
        ],
    ),
    "scraped": (
        slo(SliSource.HTTP_REQUESTS, latency="1s"),
        [
            "http_request_duration_seconds_count{CART} 300",
            'http_request_duration_seconds_bucket{CART, le="1.0"} 270',
            'http_request_duration_seconds_bucket{CART, le="100"} 300',
        ],
    ),
    "milliseconds": (
        slo(SliSource.ISTIO, latency="2500ms"),
        [
            'istio_request_duration_milliseconds_count{MESH, reporter="destination"} 300',
            'istio_request_duration_milliseconds_bucket{MESH, reporter="destination", le="2500"} 270',
        ],
    ),
    "half": (
        slo(SliSource.SPAN_METRICS, latency="500ms"),
        [
            'traces_span_metrics_duration_seconds_count{CART, span_kind="SPAN_KIND_SERVER"} 300',
            'traces_span_metrics_duration_seconds_bucket{CART, span_kind="SPAN_KIND_SERVER", le="0.5"} 270',
            'traces_span_metrics_duration_seconds_bucket{CART, span_kind="SPAN_KIND_CLIENT", le="0.5"} 999',
        ],
    ),
}


def counted(line: str) -> dict[str, str]:
    for place, text in PLACES.items():
        line = re.sub(rf"\b{place}\b", text, line)
    name, _, step = line.rpartition(" ")
    return series(name, f"0+{step}x45")


@pytest.mark.parametrize("specs", [AVAILABILITY, LATENCY], ids=["availability", "latency"])
def test_a_source_counts_ten_requests_a_second_and_one_of_them_bad(
    specs: dict[str, tuple[Slo, list[str]]], tmp_path: Path
) -> None:
    expected = {
        recorded: {f"{{{labels(name)}}}": number for name in specs}
        for recorded, number in ((conventions.TOTAL, 10.0), (conventions.ERRORS, 1.0))
    }
    test = {
        "input_series": [counted(line) for _, given in specs.values() for line in given],
        "promql_expr_test": [
            value(f"round({recorded}, 0.001)", "20m", samples) for recorded, samples in expected.items()
        ],
    }
    promtool(tmp_path, {name: spec for name, (spec, _) in specs.items()}, "30s", test)


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east", "prod.ap-southeast"])
def test_promtool_accepts_what_ships_for_every_tenant(stack: str, tmp_path: Path) -> None:
    here = context(stack)
    shipped = slo_rule_files(here)
    assert set(shipped) == {f"slo-{name}" for name, tenant in here.tenants.items() if tenant.slos}
    groups = [group for document in shipped.values() for group in document["groups"]]
    for group in groups:
        assert here.identity.items() <= group["labels"].items()
    (tmp_path / "slo.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "check", "rules", str(tmp_path / "slo.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_slos_that_are_asked_together_are_told_apart(tmp_path: Path) -> None:
    """Two services by one query, one of them with two SLOs; a third has no requests, and gets no numbers."""
    specs = {
        "cart": slo(),
        "cart-again": slo(objective=99),
        "pay": slo(service="pay.v2"),
        "idle": slo(service="idle"),
    }
    calls = f'CALLS{{{OWNER}, service_name="%s", span_kind="SPAN_KIND_SERVER", status_code="STATUS_CODE_%s"}} %d'
    given = [calls % each for each in [("cart", "UNSET", 270), ("cart", "ERROR", 30), ("pay.v2", "UNSET", 60)]]
    foreign = calls % ("payxv2", "ERROR", 999)
    pay = labels("pay").replace('"cart"', '"pay.v2"')
    rates = {
        conventions.TOTAL: {labels("cart"): 10, labels("cart-again"): 10, pay: 2},
        conventions.ERRORS: {labels("cart"): 1, labels("cart-again"): 1, pay: 0},
    }
    expected = [
        value(f"round({recorded}, 0.001)", "20m", {f"{{{own}}}": rate for own, rate in rows.items()})
        for recorded, rows in rates.items()
    ]
    expected.append(value(f"count({conventions.OBJECTIVE})", "20m", {"{}": 4}))
    test = {"input_series": [counted(line) for line in [*given, foreign]], "promql_expr_test": expected}
    (_, measured) = recordings.rule_groups("shop", specs, IDENTITY)
    assert [rule["record"] for rule in measured["rules"]] == [conventions.TOTAL, conventions.ERRORS]
    promtool(tmp_path, specs, "30s", test)


def test_every_source_is_counted_here() -> None:
    assert {spec.source for spec, _ in AVAILABILITY.values()} == set(SliSource)


def test_a_bound_that_the_histogram_does_not_have_measures_nothing(tmp_path: Path) -> None:
    """Without the bucket "all are slow" would be the answer, and somebody would be woken."""
    given = [counted("http_request_duration_seconds_count{CART} 300")]
    expected = [
        value(f"count({conventions.TOTAL})", "20m", {"{}": 1}),
        value(conventions.ERRORS, "20m", {}),
        value(conventions.ratio("5m"), "20m", {}),
    ]
    spec = slo(SliSource.HTTP_REQUESTS, latency="300ms")
    promtool(tmp_path, {"slow": spec}, "30s", {"input_series": given, "promql_expr_test": expected})


@pytest.mark.parametrize(
    ("latency", "per_second", "expected"),
    [
        ("1s", 1, r"1(\\.0)?"),
        ("250ms", 1, r"0\\.25"),
        ("2500ms", 1, r"2\\.5"),
        ("10s", 1, r"10(\\.0)?"),
        ("5ms", 1000, r"5(\\.0)?"),
    ],
)
def test_a_bound_is_found_however_it_is_written(latency: str, per_second: int, expected: str) -> None:
    assert bounds(Duration(latency), per_second) == expected


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_every_selector_of_a_ready_source_is_the_tenants(source: SliSource) -> None:
    for spec in (slo(source), slo(source, latency="1s")):
        made = queries([spec], 'tenant="shop"', 'spec{tenant="shop"}', 'total{tenant="shop"}')
        for query in (made.total, made.errors):
            assert query.count("{") == query.count('{tenant="shop"') > 0


def test_the_bounds_that_settings_take_are_those_that_the_gateways_make() -> None:
    assert list(slo_consistency.SPAN_BOUNDS) == span_metrics.BUCKETS
