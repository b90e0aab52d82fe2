"""The report of a fleet's previews: risks, groups, sizes; what real previews come to is in test_golden.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from automation.problem import Exit
from automation.report import Preview, Report, make
from automation.report.leaves import Leaf, leaves
from automation.report.markdown import LIMIT, markdown
from automation.report.model import allowed_in
from automation.report.risks import Found, of_change, of_outputs
from automation.report.text import text
from automation.result import Change, Field
from settings import load
from tests.automation import reports


def report(previews: list[Preview], *allowed: str) -> Report:
    return make(previews, load.environment_from_file("prod"), allowed)


def test_no_change_says_so_and_ends_well() -> None:
    found = report(reports.no_change())
    assert found.exit is Exit.OK
    assert "no change in 3 regions" in markdown(found)
    assert text(found, "up").endswith("No change. Nothing to do.")


def test_a_retention_cut_is_a_risk_once_for_all_regions_with_both_values() -> None:
    found = report(reports.retention_cut())
    assert found.exit is Exit.RISKS
    assert [(risk.kind, risk.subject, risk.regions) for risk in found.risks] == [
        ("retention-cut", "loki:observability/loki", reports.REGIONS),
        ("retention-cut", "store-logs-lifecycle", reports.REGIONS),
    ]
    assert "limits_config.retention_period 720h -> 696h" in found.risks[0].what
    assert "33 -> 32" in found.risks[1].what
    assert len(found.groups) == 2, "a region's own name in a text does not part what is the same"


def test_a_longer_retention_is_no_risk() -> None:
    leaf = Leaf('data["config.yaml"] limits_config.retention_period', "720h", "744h", "update")
    assert list(of_change(Change(reports.urn("us-east", reports.CONFIG, "loki"), "update"), [leaf])) == []


@pytest.mark.parametrize("allowed", ["retention-cut", "retention-cut:loki:observability/loki"])
def test_an_acknowledged_risk_stays_in_sight_and_no_longer_stops(allowed: str) -> None:
    found = report(reports.retention_cut(), allowed)
    assert f"**retention-cut** (acknowledged) `{found.risks[0].subject}`" in markdown(found)
    whole = allowed == "retention-cut"
    assert found.exit is (Exit.CHANGES if whole else Exit.RISKS)
    assert len(found.open_risks) == (0 if whole else 1)


def test_what_is_alike_in_several_resources_stands_once_with_their_names() -> None:
    def labelled(region: str, name: str, version: str) -> Change:
        return reports.update(region, reports.CONFIG, name, reports.field("metadata.labels.version", "1", version))

    previews = [
        reports.preview(region, labelled(region, "a", "2"), labelled(region, "b", "2"), labelled(region, "c", "3"))
        for region in reports.REGIONS
    ]
    comment = markdown(report(previews))
    assert (
        "<summary>update 2 resources in all regions: 1 value each</summary>\n\nConfigMap `a`, ConfigMap `b`\n"
        in comment
    )
    assert "<details><summary>update ConfigMap `c` in all regions: 1 value</summary>" in comment


def test_digests_that_differ_between_regions_do_not_part_what_is_the_same() -> None:
    previews = [
        reports.preview(
            region, reports.update(region, reports.CONFIG, "a", reports.field("digest", f"{n}" * 64, f"{n + 1}" * 64))
        )
        for n, region in enumerate(reports.REGIONS)
    ]
    found = report(previews)
    assert [group.regions for group in found.groups] == [reports.REGIONS]
    assert "! digest: [digest], another one" in markdown(found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([{"a": 1}, {"a": 2}], [{"a": 0}, {"a": 1}, {"a": 2}], [("x[0]", None, {"a": 0}, "add")]),
        ([{"a": 1}, {"a": 2}], [{"a": 2}], [("x[0]", {"a": 1}, None, "delete")]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], [("x[1].a", 2, 3, "update")]),
        (["one", "two"], ["zero", "one", "two"], [("x.zero", None, "zero", "add")]),
        (["one", "two"], ["two", "one"], [("x", ["one", "two"], ["two", "one"], "update")]),
        (["one", "one"], ["one"], [("x[1]", "one", None, "delete")]),
    ],
    ids=["before all", "the first", "inside", "a text", "their order", "twice the same"],
)
def test_one_entry_of_a_list_is_one_difference(before: list[Any], after: list[Any], expected: list[Any]) -> None:
    assert leaves([Field("x", "update", before, after)]) == [Leaf(*each) for each in expected]


def test_one_tenant_more_is_no_risk_and_one_difference() -> None:
    found = report(reports.tenants(1, "zoo"))
    assert (found.exit, found.risks) == (Exit.CHANGES, ())
    runtime = next(group for group in found.groups if group.kind == "ConfigMap")
    assert [(leaf.path, leaf.kind) for leaf in runtime.leaves] == [
        ('data["runtime-config.yaml"] overrides.zoo0', "add")
    ]


def test_a_replaced_statefulset_names_its_region_its_reason_and_what_it_costs() -> None:
    found = report(reports.statefulset_replaced())
    assert found.exit is Exit.RISKS
    assert found.risks[0].token == "replace-stateful:loki:observability/loki-ingester"
    assert found.risks[0].regions == ("eu-west",)
    assert "because of spec.volumeClaimTemplates[0].spec.storageClassName: its pods stop" in found.risks[0].what
    assert markdown(found).index("replace-stateful") < markdown(found).index("#### Changes")


def test_400_tenants_changed_are_summed_up_and_no_risk_is_lost() -> None:
    found = report(reports.many_tenants_changed())
    assert len(found.risks) == 400
    comment = markdown(found)
    assert len(comment) < LIMIT
    for risk in found.risks:
        assert f"`{risk.subject}`" in comment
    assert "- update ConfigMap: 400" in comment


@pytest.mark.parametrize("count", [1, 30, 120, 400])
def test_the_comment_shrinks_in_steps_and_names_every_risk(count: int) -> None:
    found = report(reports.many_tenants_changed(count))
    comment = markdown(found)
    assert len(comment) < LIMIT
    assert all(f"`{risk.subject}`" in comment for risk in found.risks)
    assert ("```diff" in comment) == (count < 120)


def test_a_masked_value_never_parts_into_anything() -> None:
    assert leaves([Field("data.x", "update", "[secret]", "[secret]")]) == [
        Leaf("data.x", "[secret]", "[secret]", "update")
    ]


@pytest.mark.parametrize(
    ("path", "before", "after", "kind", "expected"),
    [
        ("overrides.shop.ingestion_rate_mb", 4, 8, "update", "limit-weakened"),
        ("overrides.shop.ingestion_rate_mb", 8, 4, "update", None),
        ("overrides.shop.ingestion_rate_mb", 8, 0, "update", "limit-weakened"),
        ("overrides.shop.ingestion_rate_mb", None, 4, "add", None),
        ("spec.sampleLimit", 5000, None, "delete", "limit-weakened"),
        ("resources.limits.memory", "1Gi", "2Gi", "update", None),
        ("resources.limits.memory", "1Gi", None, "delete", "limit-weakened"),
        ("spec.retention", "15d", "360h0m0s", "update", None),
        ("spec.retention", "15d", "10d", "update", "retention-cut"),
        ("compactor.compaction.block_retention", "168h", "24h", "update", "retention-cut"),
        ("overrides.shop.retention_period", "336h", None, "delete", "retention-cut"),
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


TREE = {
    "receivers": [
        {"name": "shop", "slack_configs": [{"channel": "#shop"}], "pagerduty_configs": [{}]},
        {"name": "zoo"},
    ],
    "route": {
        "receiver": "platform",
        "routes": [{"receiver": "shop", "matchers": ['tenant="shop"', 'severity="page"']}],
    },
}


def _tree(change: Callable[[dict[str, Any]], None]) -> list[Found]:
    after = json.loads(json.dumps(TREE))
    change(after)
    return list(of_outputs(leaves([Field("alertmanagerConfig", "update", TREE, after)])))


def test_a_receiver_that_goes_is_a_risk() -> None:
    found = _tree(lambda tree: tree["receivers"].pop())
    assert [(risk.kind, risk.subject) for risk in found] == [("receiver-removed", "zoo")]


def test_a_receiver_that_tells_fewer_is_a_risk() -> None:
    found = _tree(lambda tree: tree["receivers"][0].pop("pagerduty_configs"))
    assert [(risk.kind, risk.subject) for risk in found] == [("receiver-removed", "shop")]
    assert "pagerduty_configs" in found[0].what


def test_a_route_that_goes_is_a_risk() -> None:
    found = _tree(lambda tree: tree["route"]["routes"].pop())
    assert [risk.kind for risk in found] == ["route-removed"]
    assert found[0].subject == 'tenant="shop", severity="page" -> shop'


def test_a_channel_that_is_another_one_is_none() -> None:
    def rename(tree: dict[str, Any]) -> None:
        tree["receivers"][0]["slack_configs"][0]["channel"] = "#other"

    assert _tree(rename) == []


def test_an_alert_that_goes_is_a_risk() -> None:
    rules = [{"alert": "Down", "labels": {"severity": "page"}}, {"alert": "Down", "labels": {"severity": "warn"}}]
    groups = [{"name": "service", "rules": rules}]
    fewer = [{"name": "service", "rules": rules[:1]}]
    change = Change(reports.urn("us-east", "kubernetes:monitoring.coreos.com/v1:PrometheusRule", "service"), "update")
    found = list(of_change(change, leaves([Field("spec.groups", "update", groups, fewer)])))
    assert [(risk.kind, risk.what.partition(" is ")[0]) for risk in found] == [("alert-removed", "Down warn")]


def test_an_error_of_one_region_is_the_reports() -> None:
    previews = reports.no_change()
    previews[1] = reports.preview("eu-west", errors=("prod.eu-west: the disk is full (x); make room",))
    found = report(previews)
    assert found.exit is Exit.FAILED
    assert "> **Failed:** prod.eu-west: the disk is full" in markdown(found)


def test_a_description_acknowledges_in_lines_of_its_own() -> None:
    description = "Shorter logs.\n\n- allow-risk: retention-cut, `alert-removed:rules`\nWe do not allow-risk here\n"
    assert allowed_in(description) == ["retention-cut", "alert-removed:rules"]


def test_a_report_is_plain_data() -> None:
    document = json.loads(json.dumps(report(reports.retention_cut()).document()))
    assert document["exit"] == 3
    assert document["risks"][0]["kind"] == "retention-cut"


def test_the_comment_links_the_drawn_dashboards_where_there_are_any() -> None:
    link = "[Dashboards as this change draws them](https://ci.example.com/artifacts/7)"
    plain = markdown(report([]))
    assert markdown(report([]), gallery="https://ci.example.com/artifacts/7") == f"{plain}\n{link}\n"
