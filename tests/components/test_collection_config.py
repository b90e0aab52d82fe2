"""What the collectors' configurations must hold, whatever the region; each is validated by the real collector."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.values import addresses
from components.values.collection import agent, cluster, exports, gateway, log_files, pieces, sampling, sinks
from components.values.context import Context
from components.values.logs_limits import LEVEL_ATTRIBUTE
from settings.region import Footprint
from settings.sink import Sink
from settings.tenant import Tenant
from settings.units import Bytes, Duration
from settings.vocabulary import Integration, Signal, SinkKind, Size, Workload
from tests.contexts import SIZED, context

CONFIGS = {"agent": agent.config, "gateway": gateway.config, "cluster": cluster.config}
SINKS = {
    "elk": Sink(
        kind=SinkKind.ELASTICSEARCH,
        endpoint="https://elk.example.com:9200",
        signals=[Signal.LOGS, Signal.TRACES],
        tenants=["payments"],
        secret="sinks/elk",
    ),
    "jaeger": Sink(kind=SinkKind.OTLP, endpoint="https://jaeger.example.com:4318", signals=list(Signal)),
    "uptrace": Sink(
        kind=SinkKind.OTLP,
        endpoint="https://uptrace.example.com",
        signals=[Signal.METRICS],
        tenants=["payments", "storefront"],
        header="uptrace-dsn",
        secret="sinks/uptrace",
    ),
}


def with_sinks(chosen: dict[str, Sink] = SINKS) -> Context:
    collection = context().platform.collection.model_copy(update={"sinks": chosen})
    return context(platform={"collection": collection})


def with_tenants(tenants: dict[str, Tenant], stack: str = "prod.us-east") -> Context:
    return context(stack, platform={"tenants": {**context(stack).platform.tenants, **tenants}})


def newcomer(name: str = "newcomer", **changes: Any) -> dict[str, Tenant]:
    entry = context().platform.tenants["logistics"].model_copy(update={"namespaces": [name, f"{name}-jobs"], **changes})
    return {name: entry}


def validate(config: dict[str, Any], folder: Path) -> None:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    variables = {"K8S_NODE_NAME": "node", "POD_NAME": "pod", "SINK_ELK": "x", "SINK_UPTRACE": "x"}
    done = subprocess.run(
        [str(tools.ensure("otelcol")["otelcol"]), "validate", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def pipelines(config: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = config["service"]["pipelines"]
    return found


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_the_collector_takes_every_configuration(name: str, stack: str, size: Size, tmp_path: Path) -> None:
    validate(CONFIGS[name](context(stack, size=size)), tmp_path)


@pytest.mark.parametrize("stack", ["prod.eu-west", "prod.ap-southeast"])
def test_the_collector_takes_the_other_regions_configurations(stack: str, tmp_path: Path) -> None:
    for make in CONFIGS.values():
        validate(make(context(stack)), tmp_path)


def test_the_collector_takes_four_hundred_tenants(tmp_path: Path) -> None:
    many = with_tenants({f"tenant-{n}": newcomer(f"tenant-{n}")[f"tenant-{n}"] for n in range(400)})
    for make in CONFIGS.values():
        validate(make(many), tmp_path)
    assert len(gateway.config(many)["connectors"]["routing/logs"]["table"]) == 404


def test_the_collector_takes_sinks(tmp_path: Path) -> None:
    """All but Elasticsearch's, whose exporter cannot be built from its Go module (tools/README.md)."""
    otlp = {name: sink for name, sink in SINKS.items() if sink.kind is SinkKind.OTLP}
    validate(gateway.config(with_sinks(otlp)), tmp_path)


def test_elasticsearch_is_given_only_what_its_exporter_knows() -> None:
    exporter = gateway.config(with_sinks())["exporters"]["elasticsearch/sink-elk"]
    # Fields of exporter/elasticsearchexporter/config.go and of confighttp.ClientConfig at v0.157.0.
    assert set(exporter) <= {"endpoint", "headers", "retry", "sending_queue", "timeout"}
    assert set(exporter["retry"]) <= {"enabled", "initial_interval", "max_interval", "max_retries"}


@pytest.mark.parametrize("name", CONFIGS)
def test_what_comes_in_meets_the_memory_limiter_first(name: str) -> None:
    config = CONFIGS[name](context())
    entered = [each for each in pipelines(config).values() if set(each["receivers"]) & set(config["receivers"])]
    assert entered
    assert {each["processors"][0] for each in entered} == {"memory_limiter"}


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_defined_is_used_and_nothing_else_is(name: str) -> None:
    config = CONFIGS[name](with_sinks() if name == "gateway" else context())
    used = {
        kind: {each for pipeline in pipelines(config).values() for each in pipeline[kind]}
        for kind in ("receivers", "processors", "exporters")
    }
    connectors = set(config.get("connectors", {}))
    assert used["processors"] == set(config["processors"])
    assert used["receivers"] == set(config["receivers"]) | connectors
    assert used["exporters"] == set(config["exporters"]) | connectors


def test_the_agent_neither_samples_nor_takes_a_tenant_from_a_request() -> None:
    text = json.dumps([agent.config(context()), gateway.config(context())])
    assert "tail_sampling" not in json.dumps(agent.config(context()))
    assert "headers_setter" not in text
    assert "include_metadata" not in text
    assert "from_context" not in text


def test_claims_are_removed_before_the_api_server_is_asked_and_the_tenant_is_set_after() -> None:
    for signal in ("traces", "metrics", "logs"):
        assert pipelines(agent.config(context()))[signal]["processors"] == [
            "memory_limiter",
            "transform/claims",
            "k8s_attributes",
            "transform/identity",
        ]


def test_otlp_finds_its_pod_by_the_connection_alone_and_files_by_the_uid_of_their_folder() -> None:
    processors = agent.config(context())["processors"]
    assert processors["k8s_attributes"]["pod_association"] == [{"sources": [{"from": "connection"}]}]
    assert processors["k8s_attributes/files"]["pod_association"] == [
        {"sources": [{"from": "resource_attribute", "name": "k8s.pod.uid"}]}
    ]
    assert processors["k8s_attributes"]["wait_for_metadata"] is True


def test_traces_go_by_trace_id_to_each_gateway_behind_the_headless_service() -> None:
    exporter = agent.config(context())["exporters"][agent.GATEWAYS]
    assert exporter["routing_key"] == "traceID"
    assert exporter["resolver"]["dns"]["hostname"] == "gateway-collector-headless.observability.svc.cluster.local"
    assert pipelines(agent.config(context()))["traces"]["exporters"] == [agent.GATEWAYS]


def test_every_namespace_has_its_tenant_and_the_rest_is_the_platforms() -> None:
    given = context()
    statements = agent.config(given)["processors"]["transform/identity"]["trace_statements"][0]["statements"]
    assert statements[0] == 'set(resource.attributes["tenant"], "platform")'
    for name, tenant in given.tenants.items():
        namespaces = json.dumps(tenant.namespaces)
        assert (
            f'set(resource.attributes["tenant"], "{name}") '
            f'where ContainsValue({namespaces}, resource.attributes["k8s.namespace.name"])'
        ) in statements
    assert statements[1 + len(given.tenants) :][:3] == [
        'set(resource.attributes["region"], "us-east")',
        'set(resource.attributes["cluster"], "prod-us-east")',
        'set(resource.attributes["environment"], "prod")',
    ]


def test_spans_are_measured_before_any_is_dropped() -> None:
    found = pipelines(gateway.config(context()))
    assert found["traces/in"]["processors"] == ["memory_limiter"]
    assert {"span_metrics", "service_graph", "forward/sampling"} <= set(found["traces/in"]["exporters"])
    assert found["traces/sampling"]["receivers"] == ["forward/sampling"]
    assert found["traces/sampling"]["processors"] == ["tail_sampling", "redaction"]


def test_metrics_of_spans_carry_exemplars_and_the_same_series_over_a_restart() -> None:
    connectors = gateway.config(context())["connectors"]
    for name in ("span_metrics", "span_metrics/orphans"):
        assert connectors[name]["exemplars"]["enabled"] is True
        assert "collector.instance.id" in connectors[name]["exclude_dimensions"]


def test_sampling_keeps_errors_the_slow_and_one_percent() -> None:
    assert sampling.policies(context("dev.us-east")) == [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "slow", "type": "latency", "latency": {"threshold_ms": 1000}},
        {"name": "background", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1.0}},
    ]


def test_tenants_with_a_limit_of_their_own_share_a_policy_per_limit() -> None:
    slower = newcomer(slow_trace=Duration("500ms")) | newcomer("batch", slow_trace=Duration("30s"))
    policies = {each["name"]: each for each in sampling.policies(with_tenants(slower))}
    assert list(policies) == ["errors", "slow", "slow-500ms", "slow-30000ms", "background"]

    def of(name: str) -> tuple[int, str]:
        duration, owner = policies[name]["and"]["and_sub_policy"]
        return duration["latency"]["threshold_ms"], owner["ottl_condition"]["span"][0]

    tenant = 'resource.attributes["tenant"]'
    assert of("slow") == (1000, f'not ContainsValue(["batch", "newcomer", "payments"], {tenant})')
    assert of("slow-500ms") == (500, f'ContainsValue(["newcomer", "payments"], {tenant})')
    assert of("slow-30000ms") == (30000, f'ContainsValue(["batch"], {tenant})')


def test_a_limit_equal_to_the_environments_is_no_policy_of_its_own() -> None:
    same = with_tenants(newcomer(slow_trace=Duration("1s")))
    assert sampling.policies(same) == sampling.policies(context())


@pytest.mark.parametrize("size", Size)
def test_the_sampler_holds_no_more_than_its_memory_and_no_less_than_the_region_sends(size: Size) -> None:
    given = context(size=size)
    need = given.sizing[Workload.COLLECTOR_GATEWAY]
    held = gateway.config(given)["processors"]["tail_sampling"]["num_traces"]
    assert held * 20_000 <= need.memory.mebibytes * 2**20 * 0.4
    rates = {Size.SMALL: 2_000, Size.MEDIUM: 20_000, Size.LARGE: 60_000}
    arriving = rates[size] / sampling.SPANS_PER_TRACE / need.replicas * given.platform.collection.decision_wait.seconds
    assert held >= 2 * arriving


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


@pytest.mark.parametrize("name", CONFIGS)
def test_every_exporter_keeps_on_disk_what_it_cannot_deliver_and_never_gives_up(name: str) -> None:
    config = CONFIGS[name](context())
    storage = config["extensions"]["file_storage"]
    assert storage["directory"].startswith(f"{pieces.STATE}/")
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["sending_queue"]["batch"]["max_size"] < 4 * 2**20
        assert exporter["retry_on_failure"] == {
            "enabled": True,
            "initial_interval": "1s",
            "max_interval": "30s",
            "max_elapsed_time": "0s",
        }


def test_the_load_balancer_keeps_its_queue_outside_the_single_gateways() -> None:
    inner = agent.config(context())["exporters"][agent.GATEWAYS]["protocol"]["otlp"]
    assert (inner["sending_queue"], inner["retry_on_failure"]) == ({"enabled": False}, {"enabled": False})


def test_queues_of_a_region_that_is_not_oversubscribed_fit_its_volume() -> None:
    given = context("prod.us-east")
    sizes = [each["sending_queue"]["queue_size"] for each in gateway.config(given)["exporters"].values()]
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


def test_dev_and_prod_differ_in_sizes_and_addresses_only() -> None:
    same = {"tenants": context("dev.us-east").platform.tenants}
    dev, prod = context("dev.us-east"), context("prod.us-east", platform=same, integrations=[])
    for make in CONFIGS.values():
        ours, theirs = pipelines(make(dev)), pipelines(make(prod))
        assert [[*each["processors"]] for each in ours.values()] == [[*each["processors"]] for each in theirs.values()]
        assert list(ours) == list(theirs)


def test_the_level_is_the_attribute_that_loki_indexes() -> None:
    assert log_files.LEVEL == LEVEL_ATTRIBUTE


def test_events_are_warnings_read_once_and_kafka_is_scraped_where_the_region_has_it() -> None:
    found = cluster.config(context(integrations=[Integration.KAFKA_JMX]))
    assert pipelines(found)["logs/events"]["processors"][:2] == ["memory_limiter", "filter/warnings"]
    assert found["processors"]["filter/warnings"]["logs"] == {"log_record": ["severity_number < SEVERITY_NUMBER_WARN"]}
    assert pipelines(found)["metrics/kafka"]["receivers"] == ["prometheus/kafka"]
    without = cluster.config(context(integrations=[]))
    assert list(pipelines(without)) == ["logs/events"]
    assert "k8s_events" not in json.dumps([agent.config(context()), gateway.config(context())])


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


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_settings_give_the_same_configuration(name: str) -> None:
    first, second = (yaml.safe_dump(CONFIGS[name](context()), sort_keys=False) for _ in range(2))
    assert first == second
