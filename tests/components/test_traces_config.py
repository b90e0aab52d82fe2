"""The configuration that Tempo would start with, read back from the charts and checked by Tempo itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from charts import pins
from charts.pull import resolve
from components.values import traces, traces_config
from components.values.context import Context
from lab.telemetry import backends
from settings.load import ROOT
from settings.tenant import Limits
from settings.units import Duration
from settings.vocabulary import Size
from tests.contexts import SIZED, collecting, context
from tests.rendering import render, tempo_files

PACKAGES = resolve({})
STACKS = ["dev.us-east", "prod.us-east"]
VERSIONS = sorted(pins.load(ROOT).charts["tempo-distributed"].versions)


def loaded(given: Context, version: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Tempo's configuration and its overrides, of the default or another pinned version."""
    chart = traces.chart(given)
    return tempo_files(given, resolve({chart: version})[chart] if version else None)


def verify(config: dict[str, Any], folder: Path) -> None:
    """Let Tempo itself read a configuration; a warning is a refusal too.

    Raises:
        AssertionError: Tempo refuses it; the message is Tempo's.
    """
    file = folder / "tempo.yaml"
    file.write_text(yaml.safe_dump(backends.understood(config)), encoding="utf-8")
    tempo = tools.ensure("tempo")["tempo"]
    done = subprocess.run(
        [str(tempo), "-config.verify", f"-config.file={file}"],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_tempo_takes_the_configuration(stack: str, size: Size, tmp_path: Path) -> None:
    verify(loaded(context(stack, size=size))[0], tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_pinned_version_gives_the_same_configuration(version: str) -> None:
    assert loaded(context("prod.us-east"), version) == loaded(context("prod.us-east"))


@pytest.mark.parametrize("stack", STACKS)
def test_tempo_takes_every_override(stack: str, tmp_path: Path) -> None:
    # -config.verify does not open the overrides file; an override has the same fields as the defaults.
    config, overrides = loaded(context(stack))
    for override in overrides.values():
        verify({**config, "overrides": {**config["overrides"], "defaults": override}}, tmp_path)


def test_tempo_would_refuse_a_field_it_does_not_know(tmp_path: Path) -> None:
    config, _ = loaded(context("dev.us-east"))
    config["overrides"]["defaults"]["ingestion"]["spans_per_second"] = 1
    with pytest.raises(AssertionError, match="not found in type overrides"):
        verify(config, tmp_path)


def test_dev_and_prod_treat_a_span_alike() -> None:
    # Only the environments' own retention, tenants, bucket, labels and number of Prometheus replicas differ.
    shipped = context().platform
    same: dict[str, Any] = {"retention": shipped.retention, "tenants": shipped.tenants}
    region = context().region
    both = [loaded(context(stack, platform=same, size=region.size)) for stack in STACKS]
    (dev, dev_overrides), (prod, prod_overrides) = both
    assert dev_overrides == prod_overrides
    assert dev["distributor"]["receivers"] == prod["distributor"]["receivers"]
    assert dev["overrides"]["defaults"] == prod["overrides"]["defaults"]
    assert dev["compactor"]["compaction"]["block_retention"] == prod["compactor"]["compaction"]["block_retention"]
    for config in (dev, prod):
        for processor in config["metrics_generator"]["processor"].values():
            assert processor["histogram_buckets"] == list(traces_config.SPAN_BUCKETS)
    for key in ("multitenancy_enabled", "stream_over_http_enabled", "usage_report"):
        assert dev[key] == prod[key]
    slack = "metrics_ingestion_time_range_slack"
    assert dev["metrics_generator"][slack] == prod["metrics_generator"][slack] == "60s"


@pytest.mark.parametrize("stack", STACKS)
def test_only_otlp_is_received_and_for_a_tenant_only(stack: str) -> None:
    config, _ = loaded(context(stack))
    assert set(config["distributor"]["receivers"]) == {"otlp"}
    protocols = config["distributor"]["receivers"]["otlp"]["protocols"]
    assert set(protocols) == {"grpc", "http"}
    assert protocols["grpc"]["keepalive"]["server_parameters"]["max_connection_age"] == "5m"
    assert config["multitenancy_enabled"] is True
    assert config["query_frontend"]["multi_tenant_queries_enabled"] is True


@pytest.mark.parametrize("stack", STACKS)
def test_traces_lie_in_the_regions_bucket_without_static_keys(stack: str) -> None:
    trace = loaded(context(stack))[0]["storage"]["trace"]
    environment = stack.partition(".")[0]
    assert trace["backend"] == "s3"
    assert trace["s3"] == {
        "bucket": f"example-{environment}-us-east-traces",
        "endpoint": "s3.us-east-1.amazonaws.com",
        "region": "us-east-1",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_every_generated_series_carries_tenant_region_cluster_and_environment(stack: str) -> None:
    registry = loaded(context(stack))[0]["metrics_generator"]["registry"]
    environment = stack.partition(".")[0]
    assert registry["inject_tenant_id_as"] == "tenant"
    assert registry["external_labels"] == {
        "region": "us-east",
        "cluster": f"{environment}-us-east",
        "environment": environment,
        "source": "tempo",
    }


@pytest.mark.parametrize(("stack", "replicas"), [("dev.us-east", 1), ("prod.us-east", 2)])
def test_generated_series_reach_every_prometheus_with_exemplars(stack: str, replicas: int) -> None:
    writes = loaded(context(stack))[0]["metrics_generator"]["storage"]["remote_write"]
    pod = "prometheus-metrics-prometheus-{}.prometheus-operated.observability.svc.cluster.local"
    for write in writes:
        assert write.pop("write_relabel_configs"), "edges of stored traces have a name of their own"
    assert writes == [
        {"url": f"http://{pod.format(n)}:9090/api/v1/write", "send_exemplars": True} for n in range(replicas)
    ]


def test_every_org_has_the_whole_of_its_limits_since_nothing_is_inherited() -> None:
    config, overrides = loaded(context())
    assert sorted(overrides) == ["logistics", "payments", "platform", "recommendations", "storefront"]
    for override in overrides.values():
        assert override.keys() == config["overrides"]["defaults"].keys()
        generator = override["metrics_generator"]
        assert generator["processors"] == ["service-graphs", "span-metrics"]
        assert generator["trace_id_label_name"] == "trace_id"


def test_retention_is_the_platforms_and_shorter_for_a_tenant_that_says_so() -> None:
    config, overrides = loaded(context())
    assert config["compactor"]["compaction"]["block_retention"] == "168h"
    assert config["query_frontend"]["search"]["max_duration"] == "168h"
    kept = {org: override["compaction"]["block_retention"] for org, override in overrides.items()}
    assert kept == {
        "logistics": "168h",
        "payments": "168h",
        "platform": "168h",
        "recommendations": "48h",
        "storefront": "168h",
    }


def test_limits_follow_from_spans_per_second() -> None:
    ingestion = loaded(context())[1]["storefront"]["ingestion"]
    assert ingestion == {
        "rate_strategy": "global",
        "rate_limit_bytes": 20_000 * 500,
        "burst_size_bytes": 2 * 20_000 * 500,
        "max_traces_per_user": 200_000,
    }


def test_a_burst_holds_one_push_and_one_trace_of_the_largest_size() -> None:
    overrides = loaded(context())[1]
    assert overrides["recommendations"]["ingestion"]["burst_size_bytes"] == 8_000_000
    tenants = dict(context().platform.tenants)
    limits = Limits(active_series=1000, log_mb_per_second=1, spans_per_second=10, max_trace_mb=50)
    tenants["logistics"] = tenants["logistics"].model_copy(update={"limits": limits})
    config, changed = loaded(context(platform={"tenants": tenants}))
    assert changed["logistics"]["ingestion"]["burst_size_bytes"] == 50_000_000
    assert changed["logistics"]["global"]["max_bytes_per_trace"] == 50_000_000
    # A whole trace, with room for its encoding, must pass between the roles when it is queried.
    assert config["server"]["grpc_server_max_recv_msg_size"] == 100 * 2**20
    assert config["server"]["grpc_server_max_send_msg_size"] == 100 * 2**20


def test_a_tenants_traces_may_make_a_fifth_of_its_series() -> None:
    overrides = loaded(context())[1]
    assert overrides["storefront"]["metrics_generator"]["max_active_series"] == 400_000


def test_an_unknown_org_gets_next_to_nothing() -> None:
    defaults = loaded(context())[0]["overrides"]["defaults"]
    assert defaults["ingestion"]["rate_limit_bytes"] == 5_000
    assert defaults["metrics_generator"]["max_active_series"] == 200


def test_a_collector_is_told_to_retry_above_the_limit() -> None:
    assert loaded(context())[0]["distributor"]["retry_after_on_resource_exhausted"] == "5s"


def test_spans_count_in_the_metrics_however_long_the_sampler_waits() -> None:
    given = context(platform=collecting(decision_wait=Duration("90s")))
    generator = loaded(given)[0]["metrics_generator"]
    assert generator["metrics_ingestion_time_range_slack"] == "120s"


@pytest.mark.parametrize("stack", STACKS)
def test_the_overrides_are_where_tempo_looks_for_them(stack: str) -> None:
    given = context(stack)
    file = loaded(given)[0]["overrides"]["per_tenant_override_config"]
    objects = render("tempo", PACKAGES[traces.chart(given)], traces.helm_values(given), "observability")
    for each in objects:
        if each["kind"] not in {"Deployment", "StatefulSet"} or "memcached" in each["metadata"]["name"]:
            continue
        pod = each["spec"]["template"]["spec"]
        mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        volume = next(v for v in pod["volumes"] if v["name"] == mounts[str(Path(file).parent)])
        maps = {m["metadata"]["name"]: m["data"] for m in objects if m["kind"] == "ConfigMap"}
        assert Path(file).name in maps[volume["configMap"]["name"]]
