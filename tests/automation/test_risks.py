"""Which changes of a resource are risks: single values, and blocks that come or go with values in them."""

from __future__ import annotations

from typing import Any

import pytest

from automation.report.leaves import Leaf, leaves
from automation.report.risks import of_change
from automation.result import Change, Field
from tests.automation import reports


@pytest.mark.parametrize(
    ("path", "before", "after", "kind", "expected"),
    [
        ("overrides.shop.ingestion_rate_mb", 4, 8, "update", "limit-weakened"),
        ("overrides.shop.ingestion_rate_mb", 8, 4, "update", None),
        ("overrides.shop.ingestion_rate_mb", 8, 0, "update", "limit-weakened"),
        ("overrides.shop.ingestion_rate_mb", None, 4, "add", None),
        ("spec.sampleLimit", 5000, None, "delete", "limit-weakened"),
        ("overrides.shop.ingestion_rate_mb", 0, 4, "update", "limit-weakened"),
        ("overrides.shop.max_streams_per_user", 0, 5, "update", None),
        ("overrides.shop.max_streams_per_user", 5, 0, "update", "limit-weakened"),
        ("overrides.shop.max_streams_per_user", 5, 6, "update", "limit-weakened"),
        ("overrides.shop.max_streams_per_user", 0, None, "delete", None),
        ("overrides.shop.max_streams_per_user", None, 0, "add", "limit-weakened"),
        ("spec.sampleLimit", 5000, 0, "update", "limit-weakened"),
        ("resources.limits.memory", "1Gi", "2Gi", "update", None),
        ("resources.limits.memory", "1Gi", "0", "update", "limit-weakened"),
        ("resources.limits.memory", "1Gi", None, "delete", "limit-weakened"),
        ("spec.retention", "15d", "360h0m0s", "update", None),
        ("spec.retention", "15d", "10d", "update", "retention-cut"),
        ("compactor.compaction.block_retention", "168h", "24h", "update", "retention-cut"),
        ("data limits_config.retention_period", "720h", "744h", "update", None),
        ("overrides.shop.retention_period", "336h", None, "delete", "retention-cut"),
        ("overrides.shop.retention_period", "336h", None, "update", "retention-cut"),
        ("overrides.shop.retention_period", None, "24h", "add", "retention-cut"),
        ("overrides.shop.retention_period", None, "0s", "add", None),
        ("overrides.shop.retention_period", "0s", "24h", "update", "retention-cut"),
        ("overrides.shop.retention_period", "336h", "0s", "update", "retention-cut"),
        ("spec.replicas", 3, 2, "update", None),
    ],
)
def test_what_counts_as_a_risk(path: str, before: Any, after: Any, kind: str, expected: str | None) -> None:
    change = Change(reports.urn("us-east", reports.CONFIG, "thing"), "update")
    found = [risk.kind for risk in of_change(change, [Leaf(path, before, after, kind)])]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize("kind", ["apps/v1:StatefulSet", "core/v1:PersistentVolumeClaim", "core/v1:Namespace"])
@pytest.mark.parametrize(("op", "risk"), [("delete", "delete-stateful"), ("replace", "replace-stateful")])
def test_losing_something_stateful_is_a_risk(kind: str, op: str, risk: str) -> None:
    change = Change(reports.urn("us-east", f"kubernetes:{kind}", "thing"), op)
    assert [found.kind for found in of_change(change, [])] == [risk]


def test_a_deleted_deployment_is_none() -> None:
    change = Change(reports.urn("us-east", "kubernetes:apps/v1:Deployment", "thing"), "delete")
    assert list(of_change(change, [])) == []


RULES = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
PROMETHEUS = "kubernetes:monitoring.coreos.com/v1:Prometheus"
LIMITS = {"limits": {"memory": "4Gi"}, "requests": {"memory": "4Gi"}}
RUNTIME = """\
overrides:
  payments:
    ingestion_rate_mb: 4
    retention_period: 720h
"""
TEMPO = """\
overrides:
  payments:
    ingestion:
      rate_limit_bytes: 100
    compaction:
      block_retention: 336h
"""
NEW = "  zoo:\n    ingestion_rate_mb: 4\n    retention_period: 24h\n"


def risks(kind: str, *fields: Field) -> list[tuple[str, str]]:
    """Kinds, and what is lost, of an update of one resource."""
    change = reports.update("us-east", kind, "thing", *fields)
    return [(risk.kind, risk.what.partition(": ")[0]) for risk in of_change(change, leaves(fields))]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (Field("spec.resources", "delete", LIMITS), "spec.resources"),
        (Field("spec.resources", "update", LIMITS, None), "spec.resources"),
        (Field("spec.resources", "update", LIMITS, {"requests": {"memory": "4Gi"}}), "spec.resources"),
        (Field("spec.resources.limits", "delete", LIMITS["limits"]), "spec.resources"),
        (
            Field("spec.template.spec.containers[0].resources.limits", "delete", LIMITS["limits"]),
            "spec.template.spec.containers[0].resources",
        ),
    ],
)
def test_a_memory_limit_that_goes_with_its_block_is_a_risk(field: Field, path: str) -> None:
    assert risks(PROMETHEUS, field) == [("limit-weakened", f"{path}.limits.memory 4Gi -> nothing")]


def test_a_container_takes_its_memory_limit_with_it() -> None:
    container = {"name": "sidecar", "resources": LIMITS}
    assert risks("kubernetes:apps/v1:Deployment", Field("spec.template.spec.containers[1]", "delete", container)) == []


@pytest.mark.parametrize("after", ["overrides: {}\n", "overrides:\n", "{}", "other: 1\nsecond: 2\n", ""])
def test_a_tenant_whose_limits_go_with_its_name_or_what_is_above_is_a_risk(after: str) -> None:
    path = 'data["runtime-config.yaml"] overrides.payments'
    assert risks(reports.CONFIG, Field('data["runtime-config.yaml"]', "update", RUNTIME, after)) == [
        ("limit-weakened", f"{path}.ingestion_rate_mb 4 -> nothing"),
        ("retention-cut", f"{path}.retention_period 720h -> nothing"),
    ]


def test_a_config_map_that_loses_its_limits_with_the_file_is_a_risk() -> None:
    found = risks(reports.CONFIG, Field("data", "delete", {"overrides.yaml": TEMPO}))
    assert found == [
        (
            "retention-cut",
            'data["overrides.yaml"] overrides.payments.compaction.block_retention 336h -> nothing',
        ),
        ("limit-weakened", 'data["overrides.yaml"] overrides.payments.ingestion.rate_limit_bytes 100 -> nothing'),
    ]


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (RUNTIME, f"{RUNTIME}{NEW}", False),
        (TEMPO, TEMPO + TEMPO.removeprefix("overrides:\n").replace("payments", "zoo"), False),
        (RUNTIME, RUNTIME + "  zoo:\n    retention_period: 24h\n", True),
        ("overrides:\n  zoo:\n    ingestion_rate_mb: 4\n", f"overrides:\n{NEW}", True),
        ("overrides: {}\n", f"overrides:\n{NEW}", False),
        ("a: 1\nb: 2\n", f"a: 1\nb: 2\noverrides:\n{NEW}", True),
    ],
    ids=["logs of a new tenant", "traces of a new tenant", "of one that is there", "beside a limit", "first", "no map"],
)
def test_a_retention_where_none_was_is_a_risk_but_for_a_tenant_that_is_new(before: str, after: str, lost: bool) -> None:
    found = [kind for kind, _ in risks(reports.CONFIG, Field('data["x.yaml"]', "update", before, after))]
    assert found == (["retention-cut"] if lost else [])


@pytest.mark.parametrize(
    "field",
    [
        Field("rules[0].expiration", "add", None, {"days": 1}),
        Field("rules[0].expiration.days", "add", None, 1),
        Field("rules[1]", "add", None, {"id": "all", "expiration": {"days": 1}, "status": "Enabled"}),
        Field("rules[0].noncurrentVersionExpiration", "add", None, {"noncurrentDays": 1}),
    ],
    ids=["block", "value", "rule", "versions"],
)
def test_an_expiration_where_none_was_is_a_risk(field: Field) -> None:
    assert [kind for kind, _ in risks(reports.LIFECYCLE, field)] == ["retention-cut"]


def test_an_alert_that_goes_is_a_risk() -> None:
    rules = [{"alert": "Down", "labels": {"severity": "page"}}, {"alert": "Down", "labels": {"severity": "warn"}}]
    groups = [{"name": "service", "rules": rules}]
    fewer = [{"name": "service", "rules": rules[:1]}]
    change = Change(reports.urn("us-east", "kubernetes:monitoring.coreos.com/v1:PrometheusRule", "service"), "update")
    found = list(of_change(change, leaves([Field("spec.groups", "update", groups, fewer)])))
    assert [(risk.kind, risk.what.partition(" is ")[0]) for risk in found] == [("alert-removed", "Down warn")]


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        (
            [
                Field("spec.groups[0].rules[0].alert", "update", "Down", "Full"),
                Field("spec.groups[0].rules[0].expr", "update", "up == 0", "disk == 0"),
                Field("spec.groups[0].rules[1]", "delete", {"alert": "Full", "expr": "disk == 0"}),
            ],
            ["Down"],
        ),
        ([Field("spec.groups[0].rules[1]", "delete", {"record": "job:up", "expr": "up"})], []),
        ([Field("spec.groups[0].rules[1]", "add", None, {"alert": "Full", "expr": "disk == 0"})], []),
        (
            [
                Field("spec.groups[0].rules[1]", "delete", {"alert": "Full", "expr": "disk == 0"}),
                Field("spec.groups[1].rules[1]", "add", None, {"alert": "Full", "expr": "disk == 0"}),
            ],
            [],
        ),
        ([Field("spec.groups[1]", "delete", {"name": "b", "rules": [{"alert": "Full"}]})], ["b", "Full"]),
        ([Field("spec.groups", "delete", [{"name": "b", "rules": [{"alert": "Full"}]}])], ["Full"]),
    ],
    ids=["the first of two", "a recording", "a new one", "moved", "its group", "all groups"],
)
def test_an_alert_that_goes_is_found_though_a_cluster_compares_by_place(fields: list[Field], gone: list[str]) -> None:
    assert risks(RULES, *fields) == [("alert-removed", f"{name} is removed") for name in gone]
