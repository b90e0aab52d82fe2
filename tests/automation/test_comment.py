"""The comment under a pull request: what it says first, what gives way, and that it always fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.problem import Exit
from automation.report import Preview, Report, make
from automation.report.markdown import LIMIT, failed, markdown
from automation.result import Change
from settings import load
from tests.automation import reports


def report(previews: list[Preview], *allowed: str) -> Report:
    return make(previews, load.environment_from_file("prod"), allowed)


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


def test_an_error_of_one_region_is_the_reports() -> None:
    previews = reports.no_change()
    previews[1] = reports.preview("eu-west", errors=("prod.eu-west: the disk is full (x); make room",))
    found = report(previews)
    assert found.exit is Exit.FAILED
    assert "> **Failed:** prod.eu-west: the disk is full" in markdown(found)


def test_the_comment_links_the_drawn_dashboards_where_there_are_any() -> None:
    link = "[Dashboards as this change draws them](https://ci.example.com/artifacts/7)"
    plain = markdown(report([]))
    assert markdown(report([]), gallery="https://ci.example.com/artifacts/7") == f"{plain}\n{link}\n"


def test_300_lines_of_errors_in_each_region_are_their_first_ones_and_a_count() -> None:
    lines = [f"{number}: {'x' * 200}" for number in range(300)]
    previews = [
        reports.preview(region, errors=("\n".join([f"{region} failed:", *lines]),)) for region in reports.REGIONS
    ]
    comment = markdown(report(previews))
    assert comment.splitlines()[1] == "### Preview of prod: failed"
    for region in reports.REGIONS:
        assert f"> **Failed:** {region} failed:\n> 0: xxx" in comment
    assert comment.count("> and 296 lines more; the pipeline's log has all of them") == 3
    assert "> 4: " not in comment
    assert len(comment) < 10_000


@pytest.mark.parametrize(("errors", "length"), [(1, 100_000), (400, 4), (400, 400)])
def test_long_errors_and_many_fit(errors: int, length: int) -> None:
    said = tuple(f"{number}: {'x' * length}" for number in range(errors))
    comment = markdown(report([reports.preview("eu-west", errors=said)]))
    assert len(comment) < LIMIT
    assert "> **Failed:** 0: xxxx" in comment
    assert ("> 380 errors more; the pipeline's log has all of them" in comment) == (errors == 400)


def long_names(count: int) -> list[Preview]:
    gone = [
        Change(reports.urn("eu-west", "kubernetes:core/v1:Namespace", f"{number}-{'n' * 80}"), "delete")
        for number in range(count)
    ]
    weaker = reports.update("eu-west", reports.CONFIG, "limits", reports.field("spec.sampleLimit", 5, 6))
    return [reports.preview("eu-west", *gone, weaker)]


def test_risks_whose_names_alone_are_too_long_are_counted_by_kind() -> None:
    found = report(long_names(1000), "limit-weakened")
    comment = markdown(found)
    assert len(comment) < LIMIT
    assert "- **delete-stateful**: 1000\n- **limit-weakened** (acknowledged): 1\n" in comment
    assert "`allow-risk: delete-stateful`" in comment
    assert "**1000 to acknowledge**" in comment.splitlines()[1]


def test_risks_whose_names_fit_are_named() -> None:
    found = report(long_names(700))
    comment = markdown(found)
    assert len(comment) < LIMIT
    assert all(f"`{risk.subject}`" in comment for risk in found.risks)


def test_a_policy_that_is_broken_is_in_the_title_though_nothing_changes() -> None:
    urn = reports.urn("eu-west", "aws:s3/bucket:Bucket", "logs-eu-west")
    broken = {"rule": "no-public-bucket", "urn": urn, "message": "is open; fix: close it"}
    previews = [*reports.no_change()[:2], replace(reports.no_change()[2], violations=(broken,))]
    found = report(previews)
    assert found.exit is Exit.RISKS
    assert markdown(found).splitlines()[1] == "### Preview of prod: no change in 3 regions, **1 to acknowledge**"
    assert (
        markdown(report(previews, "no-public-bucket")).splitlines()[1] == "### Preview of prod: no change in 3 regions"
    )


def test_what_takes_the_place_of_a_comment_that_could_not_be_made_is_found_again_and_fits() -> None:
    assert failed("prod", "Pulumi.prod.yaml: tenants.a is wrong\nPulumi.prod.yaml: tenants.b is wrong") == (
        "<!-- observability-platform preview of prod -->\n"
        "### Preview of prod: failed\n"
        "\n"
        "> **Failed:** Pulumi.prod.yaml: tenants.a is wrong\n"
        "> Pulumi.prod.yaml: tenants.b is wrong\n"
    )
    assert failed("prod", "", "drift").startswith("<!-- observability-platform drift of prod -->\n### Drift of prod: ")
    assert len(failed("prod", "x" * 100_000)) < LIMIT
