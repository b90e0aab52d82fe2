"""The report of a fleet's previews: risks, groups, sizes; what real previews come to is in test_golden.py."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from automation.problem import Exit
from automation.report import Preview, Report, make
from automation.report.leaves import Leaf, leaves
from automation.report.markdown import markdown
from automation.report.model import allowed_in
from automation.report.text import text
from automation.result import Change, Field
from settings import load
from tests.automation import reports

ROUTE = 'tenant="shop", severity="page" -> shop'


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


def test_a_masked_value_never_parts_into_anything() -> None:
    assert leaves([Field("data.x", "update", "[secret]", "[secret]")]) == [
        Leaf("data.x", "[secret]", "[secret]", "update")
    ]


def test_a_description_acknowledges_in_lines_of_its_own() -> None:
    description = "Shorter logs.\n\n- allow-risk: retention-cut, `alert-removed:rules`\nWe do not allow-risk here\n"
    assert allowed_in(description) == ["retention-cut", "alert-removed:rules"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"allow-risk: route-removed:{ROUTE}", [f"route-removed:{ROUTE}"]),
        (f"allow-risk: `route-removed:{ROUTE}`, retention-cut", [f"route-removed:{ROUTE}", "retention-cut"]),
        (
            f"`allow-risk: retention-cut,pod-security , route-removed:{ROUTE}, alert-removed:a`",
            ["retention-cut", "pod-security", f"route-removed:{ROUTE}", "alert-removed:a"],
        ),
        ("> allow-risk: retention-cut", []),
        ("<!-- allow-risk: retention-cut -->", []),
        ("<!-- Delete:\n\nallow-risk: retention-cut\n\n-->\nallow-risk: alert-removed", ["alert-removed"]),
        ("<!-- one --> text <!-- two\nallow-risk: retention-cut", []),
        ("allow-risk: retention-cut <!-- agreed with the tenants -->\r\nmore", ["retention-cut"]),
    ],
    ids=["a route", "in code", "several", "quoted", "hidden", "of a template", "hidden to the end", "before a comment"],
)
def test_a_description_names_routes_too_and_what_is_hidden_in_it_acknowledges_nothing(
    line: str, expected: list[str]
) -> None:
    assert allowed_in(line) == expected


def test_a_route_is_acknowledged_by_itself() -> None:
    gone = [
        Field(f"alertmanagerConfig.route.routes[{json.dumps(name)}]", "delete", {"receiver": name.rpartition(" ")[2]})
        for name in (ROUTE, 'tenant="zoo" -> zoo')
    ]
    previews = [reports.preview(region, outputs=tuple(gone)) for region in reports.REGIONS]
    found = report(previews, *allowed_in(f"allow-risk: route-removed:{ROUTE}"))
    assert [(risk.subject, risk.acknowledged) for risk in found.risks] == [
        (ROUTE, True),
        ('tenant="zoo" -> zoo', False),
    ]
    assert found.without_risk([f"route-removed:{ROUTE}", "route-removed", "no-such-risk"]) == ["no-such-risk"]


@pytest.mark.parametrize("name", ["in", "ret", "period", "region", "days"])
def test_a_regions_name_within_a_word_hides_no_risk(name: str) -> None:
    platform = load.environment_from_file("prod")
    regions = dict.fromkeys((name, "us-east"), platform.regions["us-east"])

    def one(region: str) -> Preview:
        limits = [f"overrides:\n  shop:\n    ingestion_rate_mb: {n}\n    retention_period: {9 - n}h\n" for n in (4, 8)]
        return reports.preview(
            region,
            reports.update(region, reports.CONFIG, f"limits-{region}", reports.field("data.x", *limits)),
            reports.update(region, reports.LIFECYCLE, "logs", reports.field("rules[0].expiration.days", 33, 32)),
        )

    found = make([one(each) for each in regions], platform.model_copy(update={"regions": regions}))
    path = "data.x overrides.shop"
    assert {(risk.subject, risk.what.partition(":")[0]) for risk in found.risks if risk.regions[0] == name} == {
        ("limits-{region}", f"{path}.ingestion_rate_mb 4 -> 8"),
        ("limits-{region}", f"{path}.retention_period 5h -> 1h"),
        ("logs", f"rules[0].expiration.{'{region}' if name == 'days' else 'days'} 33 -> 32"),
    }
    assert [group.regions for group in found.groups if group.kind == "ConfigMap"] == [(name, "us-east")]


def test_two_resources_of_one_name_in_one_region_are_two_changes_of_that_region() -> None:
    one = reports.update("eu-west", reports.CONFIG, "a", reports.field("data.x", "1", "2"))
    other = replace(one, urn=one.urn.replace("Region$", "Region$platform:Other$"))
    previews = [reports.preview("ap-southeast"), reports.preview("eu-west", one, other)]
    found = report(previews)
    assert [group.regions for group in found.groups] == [("eu-west",), ("eu-west",)]
    assert "update 2 resources in eu-west: 1 value each" in markdown(found)


def test_what_drifted_has_happened_and_asks_for_no_acknowledgement() -> None:
    gone = Change(reports.urn("eu-west", "aws:s3/bucket:Bucket", "logs"), "delete")
    previews = [reports.preview("eu-west", gone, operation="drift"), reports.preview("us-east", operation="drift")]
    found = report(previews)
    assert (found.exit, found.document()["exit"], found.open_risks) == (Exit.CHANGES, 2, [])
    comment = markdown(found)
    assert comment.splitlines()[:2] == [
        "<!-- observability-platform drift of prod -->",
        "### Drift of prod: 1 change in 2 regions",
    ]
    assert "- **delete-stateful** `logs` in eu-west: Bucket is deleted: its data is gone" in comment
    assert "acknowledge" not in comment
    assert text(found, "preview").splitlines()[-1] == "Next: preview"


def test_only_a_preview_is_followed_by_what_takes_acknowledgements() -> None:
    found = report(reports.retention_cut())
    assert text(found, "up").splitlines()[-1] == "Next, when that is meant: up --allow retention-cut"
    assert text(replace(found, operation="upgrade"), "make").splitlines()[-1] == "Next, when that is meant: make"


def test_a_report_is_plain_data() -> None:
    document = json.loads(json.dumps(report(reports.retention_cut()).document()))
    assert document["exit"] == 3
    assert document["risks"][0]["kind"] == "retention-cut"
