"""What every collector's configuration must hold; each is validated by the real collector."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from components.values.collection import agent, cluster, gateway, log_files, pieces, redaction, secret_patterns
from components.values.logs_limits import LEVEL_ATTRIBUTE
from settings.vocabulary import Integration, Size
from tests.components.collection_contexts import (
    CONFIGS,
    newcomer,
    pipelines,
    validate,
    with_sinks,
    with_tenants,
    without_tenants,
)
from tests.contexts import SIZED, context


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


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_the_collector_takes_a_region_into_which_no_tenant_has_moved_yet(stack: str, tmp_path: Path) -> None:
    empty = without_tenants(stack)
    assert empty.tenants == {}
    for make in CONFIGS.values():
        validate(make(empty), tmp_path)
    found = gateway.config(empty)
    assert {name for name in pipelines(found) if name.startswith(("logs/", "traces/"))} == {
        "traces/in", "traces/sampling", "traces/orphans", "traces/kept", "traces/platform", "logs/in", "logs/platform",
    }  # fmt: skip
    assert found["processors"]["tail_sampling"]["maximum_trace_size_bytes"] == 5 * 2**20


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
        processors = pipelines(agent.config(context()))[signal]["processors"]
        assert processors[:2] == ["memory_limiter", "transform/claims"]
        after = ["deltatocumulative"] if signal == "metrics" else []
        assert processors[-2 - len(after) :] == ["k8s_attributes", "transform/identity", *after]


LOOKING = {
    *redaction.OF_METRICS,
    *redaction.OF_OTLP_LOGS,
    *redaction.OF_SPANS,
    *redaction.OF_SPAN_METRICS,
} - {"transform/level"}


@pytest.mark.parametrize("name", CONFIGS)
def test_no_secret_and_no_identifier_enters_by_any_collector_and_the_gateway_looks_at_what_is_kept(name: str) -> None:
    config = CONFIGS[name](context(integrations=[Integration.KAFKA_JMX]))
    looking = {
        pipeline: [each for each in parts["processors"] if each in LOOKING]
        for pipeline, parts in pipelines(config).items()
        if set(parts["receivers"]) & set(config["receivers"]) or pipeline in ("traces/kept", "metrics/generated")
    }
    logs, metrics = ["transform/texts", "redaction"], ["redaction/metrics", "transform/dropped"]
    wanted = {
        "agent": {"traces": [], "metrics": metrics, "logs": ["transform/structured", *logs], "logs/files": logs},
        "cluster": {"logs/events": logs, "metrics/kafka": metrics},
        # Only agents and the cluster collector may write to it.
        "gateway": {
            "traces/in": [],
            "traces/kept": ["transform/texts", "redaction"],
            "metrics/generated": ["transform/span_names"],
            "logs/in": [],
            "metrics/in": [],
        },
    }
    assert looking == wanted[name]


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("db.password", True),
        ("DB_PASSWORD", True),
        ("dbPassword", True),
        ("passwd", True),
        ("sshPassphrase", True),
        ("pwd", True),
        ("user_pwd", True),
        ("aws.secret_access_key", True),
        ("ClientSecret", True),
        ("CREDENTIALS", True),
        ("credentialId", True),
        ("SSH_PASSPHRASE", True),
        ("AUTHORIZATION", True),
        ("http.request.header.authorization", True),
        ("Authorization", True),
        ("http.response.header.set-cookie", True),
        ("SessionCookie", True),
        ("accessToken", True),
        ("CI_JOB_TOKEN", True),
        ("apiKey", True),
        ("X-API-Key", True),
        ("x_api_key", True),
        ("APIKEY", True),
        ("private.key", True),
        ("SIGNING_KEY", True),
        ("encryptionKey", True),
        ("AccessKeyId", True),
        ("gen_ai.usage.total_tokens", False),
        ("http.route", False),
        ("authorization.result", False),
        ("cookie.count", False),
        ("messaging.kafka.message.key", False),
        ("compass", False),
        ("key", False),
    ],
)
def test_a_secret_is_known_by_its_name_however_programs_spell_it(key: str, secret: bool) -> None:
    assert any(re.search(pattern, key) for pattern in secret_patterns.KEYS) is secret
    text = f'{{"{key}":"a"}}'
    assert any(re.search(pattern, text) for pattern in secret_patterns.TEXTS) is secret
    assert bool(re.search(secret_patterns.IN_MAP, text)) is secret
    assert any(re.search(part, text) for part in secret_patterns.PARTS) or not secret


def test_every_pattern_begins_with_fixed_characters_which_go_looks_for_without_an_expression() -> None:
    for pattern in (*secret_patterns.KEYS, *secret_patterns.VALUES, *secret_patterns.TEXTS):
        assert re.match(r"^\(?[A-Za-z:/-]{2}", pattern), pattern


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


@pytest.mark.parametrize("name", CONFIGS)
def test_every_exporter_keeps_on_disk_what_it_cannot_deliver_and_never_gives_up(name: str) -> None:
    config = CONFIGS[name](context())
    storage = config["extensions"]["file_storage"]
    assert storage["directory"].startswith(f"{pieces.STATE}/")
    delivering = {name: each for name, each in config["exporters"].items() if name != "nop"}
    for exporter in delivering.values():
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


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_settings_give_the_same_configuration(name: str) -> None:
    first, second = (yaml.safe_dump(CONFIGS[name](context()), sort_keys=False) for _ in range(2))
    assert first == second
