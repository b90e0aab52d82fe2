"""How a rollout goes through its waves, with operations that are told what to answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation import rollout, verification
from automation.problem import AutomationError
from automation.runner import Ended
from tests.automation.rollouts import CUT, FIRST, OPTIONS, REST, begun, resumed, statuses


def test_the_canary_is_up_before_anything_else_is_looked_at(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        assert made.run().finished
    assert runner.asked == FIRST + REST


def test_a_canary_that_fails_stops_the_later_waves(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.failing["ap-southeast up"] = "prod.ap-southeast: no"
        journal = made.run()
    assert runner.asked == FIRST
    assert statuses(journal) == {"ap-southeast": "failed", "eu-west": "pending", "us-east": "pending"}
    assert journal.regions["ap-southeast"].error == "prod.ap-southeast: no"


def test_a_failure_within_a_wave_begins_no_other_region_and_leaves_earlier_ones(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.failing["eu-west preview"] = "prod.eu-west: no"
        journal = made.run()
    assert runner.asked == [*FIRST, "eu-west preview"]
    assert statuses(journal) == {"ap-southeast": "done", "eu-west": "failed", "us-east": "pending"}


def test_resume_leaves_alone_what_is_done(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.failing["eu-west up"] = "prod.eu-west: no"
        made.run()
    with resumed(runner) as (again, left):
        assert left.run().finished
    assert left.options == made.options
    assert again.asked == REST


def test_a_journal_of_another_driver_is_no_traceback(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (_, made):
        journal = made.logbook.journal
    assert journal is not None
    with pytest.raises(AutomationError, match="was begun by another version of the driver; fix: "):
        rollout.options_of(replace(journal, options={**journal.options, "unheard": 1}))


def test_an_open_risk_touches_nothing(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.changes = (CUT,)
        journal = made.run()
    assert runner.asked == ["ap-southeast preview"]
    assert journal.regions["ap-southeast"].error == (
        "prod.ap-southeast: risks that nobody has acknowledged (retention-cut loki: spec.retention 15d -> 10d: what is "
        "older is deleted for good); nothing was touched; fix: take the change back, or --allow retention-cut"
    )


def test_an_acknowledged_risk_is_rolled_out(tmp_path: Path) -> None:
    with begun(tmp_path, replace(OPTIONS, allowed=("retention-cut",))) as (runner, made):
        runner.changes = (CUT,)
        assert made.run().finished


def test_a_driver_killed_while_it_soaks_soaks_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As SIGKILL: nothing behind it runs."""

    settled: list[str] = []

    def settle(*_: object) -> None:
        settled.append("asked")
        if len(settled) == 1:
            raise Killed

    monkeypatch.setattr(verification, "settle", settle)
    with begun(tmp_path, OPTIONS) as (runner, made), pytest.raises(Killed):
        made.run()
    assert runner.asked == FIRST
    with resumed(runner) as (again, left):
        again.before = lambda key: settled.append(key)
        assert left.run().finished
    assert settled == ["asked", "asked", *REST]
    with resumed(runner) as (again, left):
        assert left.run().finished
    assert settled == ["asked", "asked", *REST]


def test_an_interrupt_begins_nothing_more(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.before = lambda key: runner.interrupt() if key == "ap-southeast preview" else None
        journal = made.run()
    assert runner.asked == ["ap-southeast preview"]
    assert "prod.ap-southeast: interrupted before region up; run: resume" in journal.regions["ap-southeast"].error


def test_an_unwritable_journal_ends_the_rollout_before_the_next_step(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        partial = runner.site.folder / ".rollout.json.partial"
        runner.before = lambda key: partial.mkdir() if key == "ap-southeast preview" else None
        with pytest.raises(AutomationError, match="the journal cannot be written"):
            made.run()
    assert runner.asked == ["ap-southeast preview"]


def test_what_a_preview_had_not_shown_fails_the_region(tmp_path: Path) -> None:
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.surprise = CUT
        journal = made.run()
    assert runner.asked == FIRST
    assert journal.regions["ap-southeast"].error == (
        "prod.ap-southeast: did what its preview had not shown (update loki); "
        "fix: look at what changed meanwhile, then run resume"
    )


OLD, NEW = {"crd-chart": "1"}, {"crd-chart": "2"}


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("outputs", "pins", "first"),
    [
        (NEW, ["crd-chart-2"], "region"),
        (OLD, ["crd-chart-1"], "crds"),
        (OLD, ["crd-chart-1", "crd-chart-2"], "crds"),
        (NEW, ["crd-chart-1", "crd-chart-2"], "crds"),
        ({}, [], "crds"),
    ],
    ids=["as pinned", "before", "after a failure", "going back after a failure", "new"],
)
def test_the_crds_are_brought_up_unless_all_of_them_are_as_pinned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resumed: bool,
    outputs: dict[str, str],
    pins: list[str],
    first: str,
) -> None:
    monkeypatch.setattr("automation.preview.pins.choose", lambda *_: NEW)
    monkeypatch.setattr("settings.names.CRDS", {"rules.example.org": "crd-chart"})
    with begun(tmp_path, OPTIONS) as (runner, made):
        runner.crds = Ended("ap-southeast", "crds", None, outputs={"versions": outputs}, pins=tuple(pins))
        crds = runner.site.root / "crds"
        crds.mkdir()
        (crds / "Pulumi.yaml").write_text("name: crds\n")
        made.resumed = resumed
        assert made.run().finished
    assert runner.projects[1] == first
