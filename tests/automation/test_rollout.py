"""How a rollout goes through its waves, with operations that are told what to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from automation import plan, rollout, verification
from automation.journal import Journal, Logbook, Status
from automation.preview import Reviewed
from automation.problem import AutomationError
from automation.projects import Project
from automation.report import Preview
from automation.result import Change, Field, Result
from automation.rollout import Options, Rollout
from automation.runner import Ended, Runner
from automation.site import Site
from automation.waiting import until
from settings import load
from tests.automation import reports

PLATFORM = load.environment_from_file("prod")


def result(operation: str, *changes: Change) -> Result:
    counts = {"update": len(changes)} if changes else {"same": 21}
    return Result("region", operation, True, 1.0, counts, list(changes), [], [], [], {}, [])


@dataclass
class Told(Runner):
    """Answers as told, and remembers what it was asked."""

    asked: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    surprise: Change | None = None
    failing: dict[str, str] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    crds: Ended | None = None
    """What it says of the stack of the CRDs when its outputs are asked for."""

    def run(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        key = f"{region} {operation}"
        self.asked.append(key)
        self.projects.append(project.name)
        self.before(key)
        if key in self.failing:
            return Ended(region, project.name, None, self.failing[key])
        if operation == "outputs" and self.crds is not None:
            return self.crds
        changes = self.changes if operation == "preview" else (self.surprise,) if self.surprise else ()
        return Ended(region, project.name, result(operation, *changes))


@contextmanager
def begun(tmp_path: Path, options: Options, operation: str = "up") -> Iterator[tuple[Told, Rollout]]:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text("name: observability-platform\n")
    runner = Told(Site("prod", root, tmp_path / "home"))
    book = Logbook(runner.site.create())
    with book.held("test"):
        made = Rollout(runner, PLATFORM, book, options, lambda _: None)
        rollout.begin(book, plan.make(PLATFORM, 2), operation, made.options)
        yield runner, made


def statuses(journal: Journal) -> dict[str, str]:
    return {name: str(region.status) for name, region in journal.regions.items()}


OPTIONS = Options(parallel=1, rollout="off")
FIRST = ["ap-southeast preview", "ap-southeast up"]
REST = ["eu-west preview", "eu-west up", "us-east preview", "us-east up"]


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


@contextmanager
def resumed(runner: Told) -> Iterator[tuple[Told, Rollout]]:
    """Go on with what a driver left, as `resume` does, with a runner that has been asked nothing yet."""
    book = Logbook(runner.site.folder)
    journal = book.read()
    assert journal is not None
    for region in journal.regions.values():
        region.status = Status.DONE if region.status is Status.DONE else Status.PENDING
    again = Told(runner.site)
    with book.held("test"):
        book.begin(journal)
        yield again, Rollout(again, PLATFORM, book, rollout.options_of(journal), lambda _: None, resumed=True)


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


CUT = Change(
    reports.urn("ap-southeast", reports.CONFIG, "loki"),
    "update",
    ("spec.retention",),
    (Field("spec.retention", "update", "15d", "10d"),),
    digest="d",
)


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


def test_a_verification_that_fails_stops_the_rollout(tmp_path: Path) -> None:
    command = "python3 -c 'import sys; sys.exit(\"{region} is not well\")'"
    with begun(tmp_path, replace(OPTIONS, verify=(command,))) as (runner, made):
        journal = made.run()
    assert runner.asked == FIRST
    assert journal.regions["ap-southeast"].error.endswith("ended with 1: ap-southeast is not well")


@pytest.mark.parametrize("command", ['echo {"a": {}}', "awk '{print $1}' {region}", "echo {x}"])
def test_a_verification_has_its_own_braces(tmp_path: Path, command: str) -> None:
    seen = verification.commands([command], "prod", "eu-west")
    assert "".join(seen[0]).count("{") == command.replace("{region}", "").count("{")
    assert ("eu-west" in seen[0]) is ("{region}" in command)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (replace(OPTIONS, verify=("echo 'half",)), "--verify: 'echo 'half' no closing quotation"),
        (replace(OPTIONS, verify=(" ",)), "--verify: ' ' is empty"),
        (replace(OPTIONS, slo=("up == 0",)), "--slo: '== 0' is asked of no address"),
        (replace(OPTIONS, slo=("http://127.0.0.1:9",)), "--slo: '(nothing)' is asked of no address"),
        (replace(OPTIONS, slo=("http://me:c4nary@host up",)), "--slo: the address of 'up' has a user's name or passw"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_touched(
    tmp_path: Path, options: Options, sentence: str
) -> None:
    with pytest.raises(AutomationError) as refused, begun(tmp_path, options):
        pytest.fail("was begun")
    assert str(refused.value).startswith(sentence)
    assert "; fix: " in str(refused.value)
    assert "c4nary" not in str(refused.value)


@pytest.mark.parametrize("stubborn", [False, True], ids=["once", "twice"])
def test_an_interrupt_ends_a_verification_too(tmp_path: Path, stubborn: bool) -> None:
    script = tmp_path / "verify"
    ignore = "trap '' TERM\n" if stubborn else ""
    script.write_text(f"#!/bin/sh\n{ignore}touch {tmp_path}/reached\nsleep 600 & wait\n")
    script.chmod(0o755)

    def interrupt(runner: Runner) -> None:
        assert until((tmp_path / "reached").exists, 60)
        for _ in range(1 + stubborn):
            runner.interrupt()

    with begun(tmp_path, replace(OPTIONS, verify=(str(script),))) as (runner, made):
        somebody = threading.Thread(target=interrupt, args=(runner,))
        somebody.start()
        journal = made.run()
        somebody.join()
    assert journal.regions["ap-southeast"].error.endswith("was interrupted; run: resume")


def test_an_slo_that_cannot_be_asked_stops_the_rollout(tmp_path: Path) -> None:
    with begun(tmp_path, replace(OPTIONS, slo=("http://127.0.0.1:9 up == 0",))) as (runner, made):
        journal = made.run()
    assert runner.asked == FIRST
    assert journal.regions["ap-southeast"].error == (
        "http://127.0.0.1:9 does not answer 'up == 0'; fix: check the address"
    )


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
