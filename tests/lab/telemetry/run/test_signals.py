"""One request in all three pillars: what was sent once is found whole, everywhere, with its tenant, by every link."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import pytest

from automation import verify
from components.values.context import Context
from components.values.datasources import LOKI_UID, PROMETHEUS_UID, TEMPO_UID
from lab.signals import send
from lab.signals.path import CHECKOUT
from lab.signals.plan import Kind, Plan
from lab.signals.sent import Sent
from tests.lab.telemetry.asking import Stores, becomes, filled, link
from tests.lab.telemetry.standing import Standing

SECRETS = {
    "db.password": "hunter2",
    "http.request.header.authorization": "Bearer abcdefghijklmnop1234",
    "url.full": "https://user:opensesame@host/x",
}
PREFIX = "pillars-"
"""Of the services here, so that no other test's signals are counted."""
PAYMENTS = f"{PREFIX}payments"
MINE = f'service_name=~"{PREFIX}.+"'
ROUTE = CHECKOUT.named(PREFIX)
PLAN = Plan(
    traces=40,
    path=ROUTE,
    error_share=0.05,
    slow_share=0.05,
    orphan_share=0.05,
    placed={PAYMENTS: "payments"},
    claims={"tenant": "payments", "region": "mars", "k8s.namespace.name": "payments"},
    secrets=SECRETS,
)
"""Requests of shop, of which payments has a part; every producer claims to be payments on Mars."""
OWNERS = {"shop": "shop", "payments": "payments"}
"""Tenant of each namespace."""


@dataclass(frozen=True)
class Told:
    """A run to which the signals have been sent."""

    standing: Standing
    sent: Sent

    @property
    def stores(self) -> Stores:
        return self.standing.stores

    @property
    def context(self) -> Context:
        return self.standing.context

    @property
    def failed(self) -> str:
        """The id of a trace that sampling keeps."""
        return self.sent.traces[Kind.ERROR][0]


@pytest.fixture(scope="module")
def told(standing: Standing) -> Told:
    return Told(standing, send.run(PLAN, standing.pods(PLAN)))


def owner(service: str) -> str:
    return "payments" if service == PAYMENTS else "shop"


def spans_of(told: Told, trace_id: str) -> Counter[str]:
    return Counter(span["name"] for span in told.stores.reader.trace(trace_id))


def test_one_trace_id_is_found_in_tempo_with_all_its_spans(told: Told) -> None:
    for trace_id in (*told.sent.traces[Kind.ERROR], *told.sent.traces[Kind.SLOW]):
        becomes(Counter(hop.name for hop in ROUTE.hops), lambda: spans_of(told, trace_id))  # noqa: B023 - at once


def test_its_spans_are_linked_as_they_were_sent(told: Told) -> None:
    spans = told.stores.reader.trace(told.failed)
    ids = {span["spanId"] for span in spans}
    assert [span["name"] for span in spans if span.get("parentSpanId") not in ids] == ["POST"]
    (consumer,) = [span for span in spans if span["name"] == "process orders"]
    (producer,) = [span for span in spans if span["name"] == "send orders"]
    assert consumer["parentSpanId"] == producer["spanId"]
    assert len(consumer["links"]) == 1


def test_a_canary_of_every_tenant_comes_out_of_all_three(told: Told) -> None:
    pods = {tenant: told.standing.telemetry.pod(tenant, "canary-0", "canary") for tenant in ("shop", "payments")}
    sources = {tenant: pod.address for tenant, pod in pods.items()}
    found = verify.run(told.standing.endpoints(sources), list(sources), told.context.identity)
    assert [(each.tenant, each.name, each.found) for each in found if not each.ok] == []
    assert len(found) == 6


def test_a_canary_from_another_tenants_pod_is_that_tenants(told: Told) -> None:
    source = told.standing.telemetry.pod("shop", "canary-0", "canary").address
    found = verify.run(told.standing.endpoints({"payments": source}), ["payments"], told.context.identity, deadline=3)
    # As payments nothing of it is seen: it is shop's.
    assert [each.found for each in found] == ["0 spans of 2", "0 lines of 1", "0 samples of 1"]


def test_it_is_found_in_loki_in_every_line_with_level_as_a_label(told: Told) -> None:
    lines = [line for line in told.sent.lines if line.trace_id == told.failed]
    assert len(lines) == 7
    expected = Counter((line.body, line.level, line.service, line.span_id) for line in lines)

    def found() -> Counter[tuple[str, str, str, str]]:
        asked = f'{{level=~"info|error"}} | trace_id="{told.failed}"'
        return Counter(
            (each.text, each.labels["level"], each.labels["service_name"], each.labels["span_id"])
            for each in told.stores.reader.lines(asked)
        )

    becomes(expected, found)


def test_every_line_of_every_request_is_in_loki_once(told: Told) -> None:
    expected = Counter(line.body for line in told.sent.lines)
    assert expected.total() == 7 * PLAN.traces
    becomes(
        expected,
        lambda: Counter(each.text for each in told.stores.reader.lines(f'{{service_name=~"{PREFIX}.+"}}')),
    )


def test_it_is_an_exemplar_in_prometheus_of_each_service_that_served_it(told: Told) -> None:
    served = {hop.service for hop in ROUTE.hops if hop.serves}

    def found() -> set[str]:
        exemplars = told.stores.exemplars("http_server_request_duration_seconds_bucket")
        return {series["service_name"] for labels, series in exemplars if labels["trace_id"] == told.failed}

    becomes(served, found)


def test_a_span_leads_to_its_services_lines_of_this_trace(told: Told) -> None:
    data = link(told.context, TEMPO_UID, "tracesToLogsV2")
    becomes(14, lambda: len(told.stores.reader.trace(told.failed)))
    (span,) = [each for each in told.stores.reader.trace(told.failed) if each["name"] == "process orders"]
    asked = filled(data["query"], data["tags"], span)
    whose = f'tenant="{owner(PAYMENTS)}", region="{told.context.name}"'
    assert asked == f'{{{whose}, service_name="{PAYMENTS}"}} | trace_id = "{told.failed}"'
    (line,) = [each for each in told.sent.lines if each.trace_id == told.failed and each.service == PAYMENTS]
    becomes([line.body], lambda: [each.text for each in told.stores.reader.lines(asked)])


def test_a_span_leads_to_its_services_metrics(told: Told) -> None:
    data = link(told.context, TEMPO_UID, "tracesToMetrics")
    (span,) = [each for each in told.stores.reader.trace(told.failed) if each["name"] == "process orders"]
    for query in data["queries"]:
        asked = filled(query["query"], data["tags"], span)
        assert f'service_name="{PAYMENTS}"' in asked
        # A rate needs two samples: the query itself must find the series, whatever its value is by now.
        becomes(1, lambda: len(told.stores.reader.samples(asked)))  # noqa: B023 - at once


def test_a_line_leads_to_its_trace(told: Told) -> None:
    (field,) = link(told.context, LOKI_UID, "derivedFields")
    (line, *_) = told.stores.reader.lines(f'{{service_name="{PAYMENTS}"}} | trace_id="{told.failed}"')
    assert (field["matcherType"], field["datasourceUid"], field["url"]) == ("label", TEMPO_UID, "${__value.raw}")
    assert len(told.stores.reader.trace(line.labels[field["matcherRegex"]])) == 14


def test_an_exemplar_leads_to_its_trace(told: Told) -> None:
    names_of_the_id = {each["name"] for each in link(told.context, PROMETHEUS_UID, "exemplarTraceIdDestinations")}
    exemplars = told.stores.exemplars(f'http_server_request_duration_seconds_bucket{{service_name="{PAYMENTS}"}}')
    ids = {value for labels, _ in exemplars for name, value in labels.items() if name in names_of_the_id}
    assert told.failed in ids
    assert len(told.stores.reader.trace(told.failed)) == 14


def test_every_signal_has_region_cluster_environment_and_the_tenant_of_its_pod_whatever_it_claims(told: Told) -> None:
    identity = told.context.identity
    becomes(14, lambda: len(told.stores.reader.trace(told.failed)))
    for span in told.stores.reader.trace(told.failed):
        whose = owner(span["resource"]["service.name"])
        assert {**identity, "tenant": whose, "k8s.namespace.name": whose}.items() <= span["resource"].items()
    mine = f'{{service_name=~"{PREFIX}.+"}}'
    logging = {line.service for line in told.sent.lines}
    becomes(logging, lambda: {stream["service_name"] for stream in told.stores.reader.streams(mine)})
    for stream in told.stores.reader.streams(mine):
        whose = owner(stream["service_name"])
        assert {**identity, "tenant": whose, "k8s_namespace_name": whose}.items() <= stream.items()
    becomes(set(ROUTE.services), lambda: {dict(each)["service_name"] for each in told.stores.series(mine)})
    for labels in map(dict, told.stores.series(mine)):
        assert {**identity, "tenant": owner(labels["service_name"])}.items() <= labels.items()


def test_each_tenant_reads_its_own_part_of_a_request_that_two_share(told: Told) -> None:
    becomes(2, lambda: len(told.stores.as_tenant("payments").trace(told.failed)))
    becomes(12, lambda: len(told.stores.as_tenant("shop").trace(told.failed)))


def test_secrets_in_attributes_are_masked(told: Told) -> None:
    (root,) = [each for each in told.stores.reader.trace(told.failed) if "parentSpanId" not in each]
    assert {key: root["attributes"][key] for key in SECRETS} == {
        "db.password": "****",
        "http.request.header.authorization": "****",
        "url.full": "https****host/x",
    }
    text = json.dumps(told.stores.reader.trace(told.failed))
    assert not [value for value in ("hunter2", "abcdefghijklmnop1234", "opensesame") if value in text]


def test_orphan_spans_are_counted_by_service(told: Told) -> None:
    expected: Counter[tuple[str, ...]] = Counter(
        {(OWNERS[where], service): count for (where, service), count in told.sent.orphans.items()}
    )
    asked = f'sum by (tenant, service_name) (traces_orphan_spans_total{{service_name=~"{PREFIX}.+"}})'
    becomes(expected, lambda: told.stores.counts(asked, "tenant", "service_name"))


def test_span_metrics_count_every_span_that_was_sent_before_any_was_dropped(told: Told) -> None:
    expected: Counter[tuple[str, ...]] = Counter(
        {
            (OWNERS[call.namespace], call.service, call.name, call.kind, "ERROR" if call.failed else "UNSET"): count
            for call, count in told.sent.calls.items()
        }
    )
    by = ("tenant", "service_name", "span_name", "span_kind", "status_code")

    def found() -> Counter[tuple[str, ...]]:
        counts = told.stores.counts(f"sum by ({', '.join(by)}) (traces_span_metrics_calls_total{{{MINE}}})", *by)
        return Counter({(*key[:4], key[4].removeprefix("STATUS_CODE_")): count for key, count in counts.items()})

    becomes(expected, found)


def test_the_service_graph_counts_every_call_that_was_sent_once(told: Told) -> None:
    by = ("client", "server", "tenant")

    def found(metric: str) -> Counter[tuple[str, ...]]:
        # Without a source: as Grafana's service map asks.
        return told.stores.counts(f'sum by ({", ".join(by)}) ({metric}{{client=~"{PREFIX}.+"}}) > 0', *by)

    # Tempo's own edges have come by then, under their other name; it sees one tenant at a time, no call between two.
    pairs = {(edge.client, edge.server) for edge in told.sent.edges if PAYMENTS not in (edge.client, edge.server)}
    assert len(pairs) == 5
    becomes(
        pairs, lambda: {(client, server) for client, server, _ in found("traces_stored_service_graph_request_total")}
    )
    for name, sent in (("request", told.sent.edges), ("request_failed", told.sent.failed_edges)):
        expected: Counter[tuple[str, ...]] = Counter(
            {(e.client, e.server, OWNERS[e.namespace]): n for e, n in sent.items()}
        )
        becomes(expected, lambda: found(f"traces_service_graph_{name}_total"))  # noqa: B023 - at once
