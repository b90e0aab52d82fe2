"""The canary's checks against a region that is played: what is asked, what is believed, what is said."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from automation import cli, verify
from automation.problem import AutomationError, Exit
from automation.verify import canary, checks, command, endpoints
from tests.automation.verified_region import Region
from tests.contexts import context
from tests.serving import Asked, serving

IDENTITY = {"region": "us-east", "cluster": "dev-us-east", "environment": "dev"}
SHORT = 0.5


@pytest.fixture
def region() -> Iterator[Region]:
    played = Region({**IDENTITY, "tenant": "shop"})
    with serving(lambda asked: played.answer(asked)) as played.url:
        yield played


def at(region: Region, **more: Any) -> verify.Endpoints:
    return verify.Endpoints(otlp=region.url, loki=region.url, tempo=region.url, prometheus=region.url, **more)


def arguments(region: Region, *more: str, tenant: str = "shop") -> list[str]:
    places = [part for name in ("otlp", "loki", "tempo", "prometheus") for part in (f"--{name}", region.url)]
    where = ["verify", "--env", "dev", "--region", "us-east", "--tenant", tenant]
    return [*where, *places, "--deadline", "1", *more]


def test_a_canary_that_comes_out_of_all_three_is_three_checks_that_hold(region: Region) -> None:
    found = verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    assert [(each.name, each.tenant, each.ok, each.found) for each in found] == [
        ("trace", "shop", True, "2 spans of 2"),
        ("log", "shop", True, "1 lines of 1"),
        ("metric", "shop", True, "1 samples of 1"),
    ]


def test_each_store_is_asked_for_this_canary_and_no_other(region: Region) -> None:
    verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    request = ExportTraceServiceRequest.FromString(region.taken["traces"])
    trace_id = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
    assert [each.path for each in region.requests if each.path.startswith("/api/traces")] == [f"/api/traces/{trace_id}"]
    logs, metrics = region.queries
    assert logs == f'{{service_name="observability-canary", level="info"}} | trace_id = "{trace_id}"'
    assert metrics.startswith('observability_canary_sent_timestamp_seconds{tenant="shop"} == ')


def test_a_canary_is_kept_by_sampling_and_counts_in_nobodys_error_rate(region: Region) -> None:
    verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    request = ExportTraceServiceRequest.FromString(region.taken["traces"])
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [Status.StatusCode.Name(span.status.code) for span in spans] == [
        "STATUS_CODE_UNSET",
        "STATUS_CODE_ERROR",
    ]
    assert {Span.SpanKind.Name(span.kind) for span in spans} == {"SPAN_KIND_INTERNAL"}
    assert spans[1].parent_span_id == spans[0].span_id


@pytest.mark.parametrize(("signal", "name"), [("traces", "trace"), ("logs", "log"), ("metrics", "metric")])
def test_a_signal_that_does_not_come_out_fails_its_check_alone(region: Region, signal: str, name: str) -> None:
    region.lost = signal
    found = verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    assert [each.name for each in found if not each.ok] == [name]
    (failed,) = [each for each in found if not each.ok]
    assert failed.found == failed.expected.replace("1 ", "0 ", 1).replace("2 ", "0 ", 1)
    assert failed.seconds >= SHORT


def test_signals_of_another_tenant_or_region_are_not_this_canary(region: Region) -> None:
    region.labels = {**IDENTITY, "region": "eu-west", "tenant": "platform"}
    found = verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    said = "region is eu-west, not us-east, tenant is platform, not shop"
    assert [each.found for each in found] == [
        f"2 spans of 2: {said}",
        f"1 lines of 1: {said}",
        f"1 samples of 1: {said}",
    ]
    assert not any(each.ok for each in found)


def test_a_part_that_was_not_taken_is_no_success(region: Region) -> None:
    region.partial = "too many"
    found = verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    assert not any(each.ok for each in found)
    assert "took a part only" in found[0].found
    assert "too many" in found[0].found


def test_an_agent_that_is_not_there_fails_at_once(region: Region) -> None:
    gone = dataclasses.replace(at(region), otlp="http://127.0.0.1:9")
    found = verify.run(gone, ["shop"], IDENTITY)
    assert {each.found for each in found} == {
        "not sent: http://127.0.0.1:9/v1/traces does not answer (ConnectionError); is an agent running there?"
    }


def test_without_a_token_the_org_id_is_sent_and_with_one_only_the_token(region: Region) -> None:
    verify.run(at(region), ["shop"], IDENTITY, deadline=SHORT)
    read = [each.headers for each in region.requests if not each.path.startswith("/v1/")]
    assert {headers.get("X-Scope-OrgID") for headers in read} == {"shop"}
    region.requests.clear()
    verify.run(at(region, token="t0ken"), ["shop"], IDENTITY, deadline=SHORT)
    read = [each.headers for each in region.requests if not each.path.startswith("/v1/")]
    assert {(headers.get("X-Scope-OrgID"), headers["Authorization"]) for headers in read} == {(None, "Bearer t0ken")}


def test_signals_leave_from_the_address_of_the_tenants_pod(region: Region) -> None:
    sources = {"shop": "127.0.0.7", "payments": "127.0.0.8"}
    verify.run(at(region, sources=sources), ["shop", "payments"], IDENTITY, deadline=0)
    sent = [each.source for each in region.requests if each.path.startswith("/v1/")]
    assert sent == ["127.0.0.7"] * 3 + ["127.0.0.8"] * 3


def test_the_command_ends_with_0_and_says_what_next(region: Region, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(region)) == Exit.OK
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == (
        "dev.us-east: takes signals in and gives them back; next: roll out the next region."
    )
    assert "shop: waiting for the trace" in said.err


def test_the_command_ends_with_1_and_says_what_failed(region: Region, capsys: pytest.CaptureFixture[str]) -> None:
    region.lost = "logs"
    assert cli.run(arguments(region, "--json")) == Exit.FAILED
    found = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["ok"]) for each in found] == [("trace", True), ("log", False), ("metric", True)]
    assert found[1]["expected"] == "1 lines of 1"
    assert cli.run(arguments(region)) == Exit.FAILED
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("FAILED  shop                  log     0 lines of 1 (expected 1 lines of 1)")
    assert said[-1].startswith("dev.us-east: 1 of 3 failed; next: docs/telemetry.md")


def test_a_token_comes_from_a_file_or_the_environment_and_is_never_said(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    region.lost = "logs"
    cli.run(arguments(region, "--token-file", str(file)))
    monkeypatch.setenv(command.TOKEN_VARIABLE, "from-environment")
    cli.run(arguments(region))
    sent = {each.headers["Authorization"] for each in region.requests if "Authorization" in each.headers}
    assert sent == {"Bearer from-file", "Bearer from-environment"}
    said = capsys.readouterr()
    assert "from-" not in said.out + said.err
    assert "from-file" not in repr(at(region, token="from-file"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["--tenant", "nobody"],
            "--tenant: 'nobody' is no tenant of dev.us-east; allowed: payments, shop, platform.\n",
        ),
        (
            ["--tenant", "payments"],
            "--tenant: shop, payments would be sent from this pod's one address, and an agent knows a tenant by the "
            "pod's namespace; run once per tenant in its namespace, or give --source for each.\n",
        ),
        (["--source", "shop"], "--source: 'shop' must be TENANT=ADDRESS with a tenant given by --tenant.\n"),
        (
            ["--loki", "loki:80"],
            "--loki: 'loki:80' is no address; write http:// or https:// in front, then host and port.\n",
        ),
        (["--token-file", "/nowhere"], "--token-file: /nowhere cannot be read (No such file or directory).\n"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence_before_anything_is_sent(
    region: Region, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert cli.run(arguments(region, *more)) == Exit.FAILED
    assert capsys.readouterr().err == sentence
    assert region.requests == []


def test_inside_the_cluster_the_addresses_are_known() -> None:
    known = endpoints.inside(context("dev.us-east"))
    assert dataclasses.asdict(known) == {
        "otlp": "http://agent-collector.observability-node.svc.cluster.local:4318",
        "loki": "http://loki-gateway.observability.svc.cluster.local",
        "tempo": "http://tempo.observability.svc.cluster.local:3200",
        "prometheus": "http://metrics-prometheus.observability.svc.cluster.local:9090",
        "sources": {},
        "token": None,
    }


def test_with_a_token_everything_is_read_through_the_access_proxy() -> None:
    known = endpoints.inside(context("dev.us-east"), "t0ken")
    assert (known.loki, known.tempo, known.prometheus, known.token) == (
        "http://access-proxy.observability.svc.cluster.local:8080/loki",
        "http://access-proxy.observability.svc.cluster.local:8080/tempo",
        "http://access-proxy.observability.svc.cluster.local:8080/prometheus",
        "t0ken",
    )


def test_two_canaries_share_nothing_and_the_value_survives_its_text() -> None:
    first, second = canary.Canary(), canary.Canary()
    assert first.trace_id != second.trace_id
    assert not set(first.span_ids) & set(second.span_ids)
    assert float(repr(first.value)) == first.value
    assert first.trace_id.hex() in first.body


def test_an_address_that_is_something_else_is_said_to_be(region: Region) -> None:
    class Other(Region):
        def answer(self, asked: Asked) -> tuple[int, bytes]:
            return 200, b"<html>" if not asked.path.startswith("/v1/") else b""

    region.__class__ = Other
    (trace, log, metric) = verify.run(at(region), ["shop"], IDENTITY, deadline=0)
    for each in (trace, log, metric):
        assert "answered something that is no JSON; is this address the backend's?" in each.found


def test_endpoints_lose_their_last_slash_and_refuse_what_is_no_address() -> None:
    whole = verify.Endpoints(otlp="http://a/", loki="http://l", tempo="http://t", prometheus="http://p")
    assert whole.otlp == "http://a"
    with pytest.raises(AutomationError) as refusal:
        dataclasses.replace(whole, otlp="a:4318")
    assert str(refusal.value).startswith("--otlp: 'a:4318' is no address;")
    assert context("dev.us-east").platform.collection.decision_wait_after_root.seconds < checks.DEADLINE_SECONDS
