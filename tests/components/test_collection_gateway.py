"""What the gateway measures, keeps, and writes where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.values import addresses, secrets
from components.values.collection import agent, exports, gateway, sampling, sinks
from settings.region import Footprint
from settings.units import Bytes, Duration
from settings.vocabulary import SinkKind, Size, Workload
from tests.components.collection_contexts import (
    SINKS,
    newcomer,
    pipelines,
    validate,
    with_sinks,
    with_tenants,
)
from tests.contexts import collecting, context


def test_the_collector_takes_sinks(tmp_path: Path) -> None:
    """All but Elasticsearch's, whose exporter cannot be built from its Go module (tools/README.md)."""
    otlp = {name: sink for name, sink in SINKS.items() if sink.kind is SinkKind.OTLP}
    validate(gateway.config(with_sinks(otlp)), tmp_path)


def test_elasticsearch_is_given_only_what_its_exporter_knows() -> None:
    exporter = gateway.config(with_sinks())["exporters"]["elasticsearch/sink-elk"]
    # Fields of exporter/elasticsearchexporter/config.go and of confighttp.ClientConfig at v0.157.0.
    assert set(exporter) <= {"endpoint", "headers", "retry", "sending_queue", "timeout"}
    assert set(exporter["retry"]) <= {"enabled", "initial_interval", "max_interval", "max_retries"}


def test_spans_are_measured_before_any_is_dropped() -> None:
    found = pipelines(gateway.config(context()))
    assert found["traces/in"]["processors"] == ["memory_limiter"]
    assert {"span_metrics", "service_graph", "forward/sampling"} <= set(found["traces/in"]["exporters"])
    assert found["traces/sampling"]["receivers"] == ["forward/sampling"]
    assert found["traces/sampling"]["processors"] == ["tail_sampling"]
    assert found["traces/kept"]["processors"] == [
        "batch/sampled",
        "transform/unnamed",
        "groupbyattrs",
        "transform/texts",
        "redaction",
    ]


def test_nothing_before_the_sampler_makes_the_collector_copy_every_span() -> None:
    """What may write is given a copy where others read the same data: here behind the sampler, not before it."""
    found = pipelines(gateway.config(context()))
    assert found["traces/in"]["exporters"] == ["span_metrics", "service_graph", "forward/sampling"]
    assert found["traces/sampling"]["processors"] == ["tail_sampling"]
    assert found["traces/sampling"]["exporters"] == ["routing/sampled", "nop"]


def test_the_operator_is_told_what_makes_the_sampler_name_its_policy() -> None:
    assert gateway.spec(context())["args"] == {"feature-gates": "processor.tailsamplingprocessor.recordpolicy"}
    assert gateway.arguments() == ["--feature-gates=processor.tailsamplingprocessor.recordpolicy"]


def test_metrics_of_spans_carry_exemplars_and_the_same_series_over_a_restart() -> None:
    connectors = gateway.config(context())["connectors"]
    for name in ("span_metrics", "span_metrics/orphans"):
        assert connectors[name]["exemplars"]["enabled"] is True
        assert "collector.instance.id" in connectors[name]["exclude_dimensions"]


def test_sampling_keeps_errors_the_slow_and_one_percent() -> None:
    assert sampling.kept(context("dev.us-east")) == [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "slow", "type": "latency", "latency": {"threshold_ms": 1000}},
        {"name": "background", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1.0}},
    ]


def test_tenants_with_a_limit_of_their_own_share_a_policy_per_limit() -> None:
    slower = newcomer(slow_trace=Duration("500ms")) | newcomer("batch", slow_trace=Duration("30s"))
    policies = {each["name"]: each for each in sampling.kept(with_tenants(slower))}
    assert list(policies) == ["errors", "slow", "slow-500ms", "slow-30000ms", "background"]

    def of(name: str) -> tuple[int, str]:
        duration, owner = policies[name]["and"]["and_sub_policy"]
        return duration["latency"]["threshold_ms"], owner["ottl_condition"]["span"][0]

    tenant = 'resource.attributes["tenant"]'
    assert of("slow") == (1000, f'not ContainsValue(["batch", "newcomer", "payments"], {tenant})')
    assert of("slow-500ms") == (500, f'ContainsValue(["newcomer", "payments"], {tenant})')
    assert of("slow-30000ms") == (30000, f'ContainsValue(["batch"], {tenant})')


def test_a_trace_without_a_root_is_named_so_whatever_else_keeps_it() -> None:
    given = with_tenants(newcomer(slow_trace=Duration("500ms")))
    keeping, every = sampling.kept(given), sampling.policies(given)
    rootless = every[-1]
    assert rootless["name"] == "rootless"
    assert every[len(keeping) : -1] == keeping
    for policy, marked in zip(keeping, every, strict=False):
        assert marked["name"] == f"rootless-{policy['name']}"
        *parts, root = marked["and"]["and_sub_policy"]
        assert parts == (policy["and"]["and_sub_policy"] if policy["type"] == "and" else [policy])
        assert root["not"] == rootless["not"]


def test_a_limit_equal_to_the_environments_is_no_policy_of_its_own() -> None:
    same = with_tenants(newcomer(slow_trace=Duration("1s")))
    assert sampling.policies(same) == sampling.policies(context())


@pytest.mark.parametrize(("wait", "rooted"), [("30s", "7s"), ("10s", "10s"), ("2m", "1m")])
@pytest.mark.parametrize("size", Size)
def test_the_sampler_holds_no_more_than_its_memory_and_no_less_than_the_region_sends(
    size: Size, wait: str, rooted: str
) -> None:
    waits = collecting(decision_wait=Duration(wait), decision_wait_after_root=Duration(rooted))
    given = context(size=size, platform=waits)
    need = given.sizing[Workload.COLLECTOR_GATEWAY]
    held = gateway.config(given)["processors"]["tail_sampling"]["num_traces"]
    assert held * 20_000 <= need.memory.mebibytes * 2**20 * 0.4
    rates = {Size.SMALL: 2_000, Size.MEDIUM: 20_000, Size.LARGE: 60_000}
    arriving = rates[size] / sampling.SPANS_PER_TRACE / need.replicas
    assert held >= arriving * Duration(wait).seconds
    assert held >= 2 * arriving * Duration(rooted).seconds


def test_more_memory_holds_more_traces_and_nothing_else_of_sampling_changes() -> None:
    larger = context(overrides={Workload.COLLECTOR_GATEWAY: Footprint(memory=Bytes("16Gi"))})
    before, after = (gateway.config(each)["processors"]["tail_sampling"] for each in (context(), larger))
    assert after["num_traces"] > before["num_traces"]
    assert after["policies"] == before["policies"]


def test_each_tenant_has_its_own_exporters_with_a_fixed_header() -> None:
    given = context()
    config = gateway.config(given)
    for tenant in [*given.tenants, "platform"]:
        for exporter in (f"otlp_http/logs-{tenant}", f"otlp_grpc/traces-{tenant}"):
            assert config["exporters"][exporter]["headers"] == {"X-Scope-OrgID": tenant}
        assert pipelines(config)[f"logs/{tenant}"]["exporters"] == [f"otlp_http/logs-{tenant}"]
        assert pipelines(config)[f"traces/{tenant}"]["exporters"] == [f"otlp_grpc/traces-{tenant}"]
    for signal in ("logs", "traces"):
        router = config["connectors"][f"routing/{signal}"]
        assert router["default_pipelines"] == [f"{signal}/platform"]
        assert router["table"] == [
            {"condition": f'resource.attributes["tenant"] == "{name}"', "pipelines": [f"{signal}/{name}"]}
            for name in given.tenants
        ]


def test_a_tenant_of_another_region_is_not_written_for() -> None:
    assert "recommendations" not in exports.owners(context("prod.eu-west"))
    assert "recommendations" in exports.owners(context("prod.us-east"))


def test_pushed_metrics_reach_every_replica_of_prometheus() -> None:
    given = context()
    config = gateway.config(given)
    targets = [config["exporters"][name]["endpoint"] for name in exports.prometheus(given)]
    assert targets == [f"{url}/api/v1/otlp" for url in addresses.prometheus_replica_urls(given)]
    assert len(targets) == 2
    for name in ("metrics/in", "metrics/generated"):
        assert pipelines(config)[name]["exporters"] == exports.prometheus(given)


def test_queues_of_a_region_that_is_not_oversubscribed_fit_its_volume() -> None:
    given = context("prod.us-east")
    exporters = gateway.config(given)["exporters"]
    sizes = [each["sending_queue"]["queue_size"] for name, each in exporters.items() if name != "nop"]
    volume = given.sizing[Workload.COLLECTOR_GATEWAY].volume
    assert volume is not None
    assert sum(sizes) <= volume.mebibytes * 2**20 * 0.8


def test_a_new_tenant_changes_only_its_own_parts() -> None:
    before, after = gateway.config(context()), gateway.config(with_tenants(newcomer()))
    for part in ("exporters", "processors", "receivers", "extensions"):
        kept = {name: entry for name, entry in after[part].items() if "newcomer" not in name}
        assert kept == before[part]
    assert {name for name in after["exporters"] if name not in before["exporters"]} == {
        "otlp_http/logs-newcomer",
        "otlp_grpc/traces-newcomer",
    }
    for signal in ("logs", "traces"):
        table = after["connectors"][f"routing/{signal}"]["table"]
        assert [row for row in table if row["pipelines"] != [f"{signal}/newcomer"]] == before["connectors"][
            f"routing/{signal}"
        ]["table"]
    old, new = (agent.config(each) for each in (context(), with_tenants(newcomer())))
    identities = [each["processors"].pop("transform/identity") for each in (old, new)]
    assert old == new
    lines = [set(each["log_statements"][0]["statements"]) for each in identities]
    assert len(lines[1] - lines[0]) == 1
    assert lines[0] < lines[1]


def test_a_sink_gets_what_it_asks_for_of_whom_it_asks_for_and_no_credential_is_written() -> None:
    given = with_sinks()
    config = gateway.config(given)
    found = pipelines(config)
    assert found["logs/payments"]["exporters"] == [
        "otlp_http/logs-payments",
        "elasticsearch/sink-elk",
        "otlp_http/sink-jaeger",
    ]
    assert found["logs/storefront"]["exporters"] == ["otlp_http/logs-storefront", "otlp_http/sink-jaeger"]
    assert found["metrics/sink-jaeger"]["processors"] == []
    assert found["metrics/sink-uptrace"]["processors"] == ["filter/sink-uptrace"]
    assert '["payments", "storefront"]' in json.dumps(config["processors"]["filter/sink-uptrace"]).replace("\\", "")
    assert config["exporters"]["otlp_http/sink-uptrace"]["headers"] == {"uptrace-dsn": "${env:SINK_UPTRACE}"}
    assert sinks.environment(given)[0] == {
        "name": "SINK_ELK",
        "valueFrom": {"secretKeyRef": {"name": "collection-sinks", "key": "elk"}},
    }
    for name in ("elasticsearch/sink-elk", "otlp_http/sink-jaeger", "otlp_http/sink-uptrace"):
        assert config["exporters"][name]["sending_queue"]["storage"] == "file_storage"


def test_the_store_is_asked_for_each_sinks_credential_and_no_other() -> None:
    assert secrets.mounted(with_sinks())[addresses.SINKS_SECRET].sources == {
        "elk": "sinks/elk",
        "uptrace": "sinks/uptrace",
    }
    assert addresses.SINKS_SECRET not in secrets.mounted(context())
