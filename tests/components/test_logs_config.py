"""The configuration that Loki would start with, read back from the chart and checked by Loki itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from charts import pins
from charts.pull import resolve
from components.values import logs
from components.values.context import Context
from settings.load import ROOT
from settings.tenant import Limits
from settings.units import Duration
from settings.vocabulary import Size
from tests.contexts import SIZED, context
from tests.rendering import loki_files

VERSIONS = sorted(pins.load(ROOT).charts["loki"].versions)


def loaded(given: Context, version: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Loki's configuration and its runtime overrides, of the default or another pinned version."""
    return loki_files(given, resolve({"loki": version})["loki"] if version else None)


def verify(config: dict[str, Any], folder: Path) -> None:
    """Let Loki itself read a configuration.

    Raises:
        AssertionError: Loki refuses it; the message is Loki's.
    """
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    loki = tools.ensure("loki")["loki"]
    done = subprocess.run(
        [str(loki), "-verify-config", f"-config.file={file}"],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "level=warn" not in done.stderr, done.stderr


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_loki_takes_the_configuration(stack: str, size: Size, tmp_path: Path) -> None:
    verify(loaded(context(stack, size=size))[0], tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_every_pinned_version_gives_the_same_configuration(stack: str, version: str) -> None:
    assert loaded(context(stack), version) == loaded(context(stack))


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_loki_takes_every_override(stack: str, tmp_path: Path) -> None:
    # -verify-config does not open the runtime file; an override has the same fields as limits_config.
    config, overrides = loaded(context(stack))
    for override in overrides.values():
        verify({**config, "limits_config": {**config["limits_config"], **override}}, tmp_path)


def test_loki_would_refuse_a_field_it_does_not_know(tmp_path: Path) -> None:
    config, _ = loaded(context("dev.us-east"))
    config["limits_config"]["retention_days"] = 30
    with pytest.raises(AssertionError, match="field retention_days not found"):
        verify(config, tmp_path)


def test_dev_and_prod_treat_a_log_line_alike() -> None:
    # Only the environments' own retention differs.
    same = {"platform": {"retention": context().platform.retention}}
    dev, prod = (loaded(context(stack, **same))[0] for stack in ("dev.us-east", "prod.us-east"))
    # Of one process only: `logs.APART` and `logs.WORKERS`.
    assert dev["querier"].pop("query_ingesters_within") == "8460s"
    assert dev["querier"].pop("max_concurrent") == 16
    for section in ("limits_config", "schema_config", "compactor", "querier", "auth_enabled"):
        assert dev[section] == prod[section]


def test_logs_lie_in_the_regions_bucket_under_a_schema_that_never_moves() -> None:
    config, _ = loaded(context("prod.eu-west"))
    store = config["common"]["storage"]["object_store"]["s3"]
    assert (store["bucket_name"], store["region"]) == ("example-prod-eu-west-logs", "eu-west-1")
    assert store["endpoint"] == "s3.eu-west-1.amazonaws.com"
    assert not {"access_key_id", "secret_access_key"} & store.keys()
    assert config["storage_config"]["use_thanos_objstore"] is True
    schema = config["schema_config"]["configs"]
    assert [(each["from"], each["store"], each["schema"]) for each in schema] == [("2025-01-01", "tsdb", "v13")]


def test_retention_is_enforced_and_shorter_for_a_tenant_that_says_so() -> None:
    config, overrides = loaded(context("prod.us-east"))
    assert config["compactor"] == {"delete_request_store": "s3", "retention_enabled": True}
    assert config["limits_config"]["retention_period"] == "720h"
    assert {org: each["retention_period"] for org, each in overrides.items()} == {
        "logistics": "336h",
        "payments": "720h",
        "platform": "720h",
        "recommendations": "168h",
        "storefront": "720h",
    }


def test_each_tenant_has_its_own_rate_streams_and_a_burst_that_holds_one_push() -> None:
    tenants = dict(context().platform.tenants)
    big = Limits(active_series=1000, log_mb_per_second=12.5, log_streams=777, spans_per_second=10)
    tenants["payments"] = tenants["payments"].model_copy(update={"limits": big})
    _, overrides = loaded(context(platform={"tenants": tenants}))
    assert overrides["payments"]["ingestion_rate_mb"] == 12.5
    assert overrides["payments"]["ingestion_burst_size_mb"] == 25
    assert overrides["payments"]["max_global_streams_per_user"] == 777
    assert overrides["logistics"]["ingestion_rate_mb"] == 2
    assert overrides["logistics"]["ingestion_burst_size_mb"] == 16


def test_the_platform_may_take_half_of_the_regions_rate_and_an_unknown_org_next_to_nothing() -> None:
    config, overrides = loaded(context(size=Size.MEDIUM))
    assert overrides["platform"]["ingestion_rate_mb"] == 5
    assert config["limits_config"]["ingestion_rate_mb"] == 0.1


def test_a_tenant_of_other_regions_has_no_override_here() -> None:
    assert "recommendations" in loaded(context("prod.us-east"))[1]
    assert "recommendations" not in loaded(context("prod.eu-west"))[1]


def test_index_labels_are_ours_and_ids_are_none_of_them() -> None:
    otlp = loaded(context())[0]["limits_config"]["otlp_config"]
    assert otlp["resource_attributes"]["ignore_defaults"] is True
    resource, log = otlp["resource_attributes"]["attributes_config"], otlp["log_attributes"]
    assert [(each["action"], each["attributes"]) for each in resource] == [
        ("index_label", ["cluster", "environment", "k8s.namespace.name", "region", "service.name", "tenant"])
    ]
    assert [(each["action"], each["attributes"]) for each in log] == [("index_label", ["level"])]


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_replay_stops_below_the_memory_limit(stack: str, size: Size) -> None:
    given = context(stack, size=size)
    ceiling = loaded(given)[0]["ingester"]["wal"]["replay_memory_ceiling"]
    limit = given.sizing[logs.ingester(given)].memory.mebibytes
    assert limit * 0.7 <= int(ceiling.removesuffix("MB")) <= limit * 0.75


def test_three_copies_where_there_are_three_ingesters_and_one_where_there_is_one() -> None:
    copies = {
        stack: loaded(context(stack))[0]["common"]["replication_factor"] for stack in ("dev.us-east", "prod.us-east")
    }
    assert copies == {"dev.us-east": 1, "prod.us-east": 3}


def test_the_platform_team_may_read_several_tenants_at_once() -> None:
    config, _ = loaded(context())
    assert config["auth_enabled"] is True
    assert config["querier"]["multi_tenant_queries_enabled"] is True


def test_a_query_of_an_hour_is_one_part_but_for_an_hour_of_the_day() -> None:
    limits = loaded(context())[0]["limits_config"]
    assert (limits["split_ingester_queries_by_interval"], limits["split_queries_by_interval"]) == ("24h", "6h")


def test_a_longer_platform_retention_reaches_loki() -> None:
    retention = context().platform.retention.model_copy(update={"logs": Duration("90d")})
    config, overrides = loaded(context(platform={"retention": retention}))
    assert config["limits_config"]["max_query_lookback"] == "2160h"
    assert overrides["payments"]["retention_period"] == "2160h"
