"""What was reviewed is rolled out, or nothing, also behind a crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation.preview import Reviewed
from automation.report import Preview
from automation.rollout import Options
from tests.automation.rollouts import CUT, OPTIONS, PLATFORM, begun, result, resumed, statuses


def test_what_was_not_reviewed_touches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    Reviewed.of("prod", [Preview("ap-southeast", (result("preview"),))], ["retention-cut"]).save(file)
    with begun(tmp_path, replace(OPTIONS, plan=str(file))) as (runner, made):
        runner.changes = (CUT,)
        journal = made.run()
    assert runner.asked == ["ap-southeast preview"]
    assert journal.regions["ap-southeast"].error == (
        "prod.ap-southeast: the plan no longer fits (not reviewed: update loki); region was not touched; "
        "fix: preview again with --save-plan, have it reviewed, and roll that out"
    )


def test_what_was_reviewed_is_rolled_out_with_its_acknowledgements(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    seen = [Preview(region, (result("preview", CUT),)) for region in PLATFORM.regions]
    Reviewed.of("prod", seen, ["retention-cut"]).save(file)
    with begun(tmp_path, replace(OPTIONS, plan=str(file))) as (runner, made):
        runner.changes = (CUT,)
        assert made.run().finished


def reviewed(tmp_path: Path) -> Options:
    """Options of a rollout that is held to one change, the same in each region."""
    seen = [Preview(region, (result("preview", CUT),)) for region in PLATFORM.regions]
    Reviewed.of("prod", seen, ["retention-cut"]).save(tmp_path / "plan.json")
    return replace(OPTIONS, plan=str(tmp_path / "plan.json"))


@pytest.mark.parametrize("failing", ["eu-west preview", "eu-west up"])
def test_resume_is_held_to_what_was_reviewed(tmp_path: Path, failing: str) -> None:
    with begun(tmp_path, reviewed(tmp_path)) as (runner, made):
        runner.changes = (CUT,)
        runner.failing[failing] = "prod.eu-west: no"
        made.run()
    # What is reviewed next lies in the same file.
    Reviewed.of("prod", [], []).save(tmp_path / "plan.json")
    with resumed(runner) as (again, left):
        again.changes = (replace(CUT, digest="somebody's edit"),)
        journal = left.run()
    assert again.asked == ["eu-west preview"]
    assert "the plan no longer fits (differs: update loki)" in journal.regions["eu-west"].error
    with resumed(runner) as (again, left):
        again.changes = (CUT,)
        assert left.run().finished


def test_what_a_killed_update_has_done_is_no_longer_due_and_no_misfit(tmp_path: Path) -> None:
    with begun(tmp_path, reviewed(tmp_path)) as (runner, made):
        runner.changes = (CUT,)
        runner.failing["eu-west up"] = "prod.eu-west: no"
        made.run()
    with resumed(runner) as (again, left):
        journal = left.run()
    assert again.asked == ["eu-west preview", "eu-west up", "us-east preview"]
    assert statuses(journal) == {"ap-southeast": "done", "eu-west": "done", "us-east": "failed"}
    assert "the plan no longer fits (no longer due: update loki)" in journal.regions["us-east"].error


def test_a_region_that_the_plan_could_not_show_yet_is_named_as_such(tmp_path: Path) -> None:
    crds = replace(result("preview"), project="crds")
    Reviewed.of("prod", [Preview("ap-southeast", (crds,))], []).save(tmp_path / "plan.json")
    with begun(tmp_path, replace(OPTIONS, plan=str(tmp_path / "plan.json"))) as (runner, made):
        journal = made.run()
    assert runner.asked == ["ap-southeast preview"]
    assert journal.regions["ap-southeast"].error == (
        "prod.ap-southeast: the plan says nothing of region, as when its CRDs are not there yet; nothing of it was "
        "touched; fix: preview again with --save-plan, have it reviewed, and roll that out"
    )
