"""The report of a fleet's previews: golden files, and what each must say whatever its layout."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
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

GOLDEN = Path(__file__).parent / "golden"
CASES: dict[str, Callable[[], list[Preview]]] = {
    "no-change": reports.no_change,
    "retention-cut": reports.retention_cut,
    "chart-bump": reports.chart_bump,
    "tenant-added": lambda: reports.tenants(1, "zoo"),
    "statefulset-replaced": reports.statefulset_replaced,
    "400-tenants-changed": reports.many_tenants_changed,
}


def report(previews: list[Preview], *allowed: str) -> Report:
    return make(previews, load.environment_from_file("prod"), allowed)


@pytest.mark.parametrize("case", CASES)
def test_the_comment_is_the_golden_one_and_fits(case: str) -> None:
    comment = markdown(report(CASES[case]()))
    assert len(comment) < LIMIT
    golden = GOLDEN / f"{case}.md"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(comment)
    assert comment == golden.read_text()


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


def test_a_chart_bump_is_no_risk_and_shown_once() -> None:
    found = report(reports.chart_bump())
    assert (found.exit, found.risks, len(found.groups)) == (Exit.CHANGES, (), 3)
    comment = markdown(found)
    assert comment.count("<summary>") == 3
    assert comment.count("in all regions") == 3
    assert (
        "- spec.template.spec.containers[0].image: loki:3.7.5\n+ spec.template.spec.containers[0].image: loki:3.7.6"
        in comment
    )


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
