"""What the driver decides without an engine: waves, sites, locks, journals, saved plans, sentences, exit codes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tools
from automation import cli, diagnosis, plan, verification
from automation.journal import Journal, Logbook, Region, Status
from automation.preview import Reviewed
from automation.problem import AutomationError, Exit
from automation.report import Preview
from automation.result import Change, Field, Result
from lab.instance import ROOT
from settings import load
from tests.automation import reports


def test_the_canary_is_the_first_wave_and_the_rest_the_second() -> None:
    made = plan.make(load.environment_from_file("prod"))
    assert made.rows() == [
        ("1", "prod.ap-southeast", "canary"),
        ("2", "prod.eu-west, prod.us-east", "2 at a time"),
    ]


def test_regions_without_a_canary_are_one_wave() -> None:
    made = plan.make(load.environment_from_file("prod"), only=["us-east", "eu-west"])
    assert [(wave.regions, wave.canary) for wave in made.waves] == [(("eu-west", "us-east"), False)]


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(AutomationError) as refused:
        plan.make(load.environment_from_file("prod"), only=["mars"])
    assert str(refused.value) == (
        "--region is mars, which prod does not have; allowed: ap-southeast, eu-west, us-east; fix: choose among these"
    )


def test_plan_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan", "--env", "prod", "--json"]) == Exit.OK
    assert [wave["canary"] for wave in json.loads(capsys.readouterr().out)["waves"]] == [True, False]


def test_an_interrupt_is_a_failure_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a command that has begun nothing: what typer makes of it, 130, is no exit code of ours."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "make", interrupted)
    assert cli.run(["plan", "--env", "prod"]) == Exit.FAILED
    assert capsys.readouterr().err == "Interrupted; the same command can be run again.\n"


def test_plan_refuses_an_environment_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan", "--env", "mars"]) == Exit.FAILED
    assert "environment mars has no settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("error: incorrect passphrase", "the passphrase does not open the stack's secrets"),
        ("api error InvalidCiphertextException: ", "the KMS key cannot be used for the stack's secrets"),
        ("KMS: Decrypt, KeyUnavailableException: ", "the KMS key of the stack's secrets is switched off"),
        ("api error ExpiredToken: The provided token has expired.", "the AWS credentials have expired"),
        ("error: write /state: no space left on device", "the disk is full"),
        ("error: could not list bucket: blob (code=Unknown)", "the backend that keeps the state cannot be reached"),
        (
            'error: read "x": blob (key "x") (code=Unknown): refused',
            "the backend that keeps the state cannot be reached",
        ),
        ("error: failed to load checkpoint: EOF", "a killed command has left an empty file beside the state"),
        ('error: Apply failed with 2 conflicts: conflicts with "x"', "somebody else has set fields of an object"),
    ],
)
def test_a_broken_environment_is_one_sentence_with_its_fix(output: str, expected: str) -> None:
    said = diagnosis.sentence("prod.us-east", f"some noise\n{output}\nmore")
    assert said.startswith(f"prod.us-east: {expected} (")
    assert "; " in said
    assert "\n" not in said


def test_what_is_not_understood_stays_as_it_is() -> None:
    assert diagnosis.sentence("prod.us-east", "error: something new") == ""


def journal() -> Journal:
    return Journal("prod", "up", {"parallel": 2}, [["us-east"]], {"us-east": Region()})


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    book = Logbook(tmp_path)
    assert book.read() is None
    book.begin(journal())
    book.note("us-east", status=Status.RUNNING, step="region up", processes=[[1, 2.0]])
    read = Logbook(tmp_path).read()
    assert read is not None
    assert read == book.journal
    assert not read.finished
    book.note("us-east", status=Status.DONE)
    assert (Logbook(tmp_path).read() or journal()).finished


def test_two_drivers_do_not_work_on_one_environment(tmp_path: Path) -> None:
    first, second = Logbook(tmp_path), Logbook(tmp_path)
    first.begin(replace(journal(), owner={"user": "somebody", "host": "elsewhere", "pid": 1}))
    with first.held("refresh"), pytest.raises(AutomationError) as refused, second.held("up"):
        pytest.fail("both hold it")
    assert f"@{socket.gethostname()} (pid {os.getpid()}) has been at work on it since" in str(refused.value)
    assert "(refresh); wait until it ends" in str(refused.value)
    with second.held("up"):
        assert second.read() is not None


def test_an_unwritable_journal_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    (tmp_path / ".rollout.json.partial").mkdir()
    with pytest.raises(AutomationError) as refused:
        Logbook(tmp_path).begin(journal())
    assert "the journal cannot be written (Is a directory), and without it nobody could go on" in str(refused.value)


def test_a_broken_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rollout.json").write_text('{"half": ')
    with pytest.raises(AutomationError, match="the journal cannot be read"):
        Logbook(tmp_path).read()


def result(*changes: Change) -> Result:
    return Result("region", "preview", True, 1.0, {}, list(changes), [], [], [], {}, [])


def change(name: str, digest: str) -> Change:
    return Change(reports.urn("us-east", reports.CONFIG, name), "update", digest=digest)


@pytest.mark.parametrize(
    ("changes", "begun", "misfit"),
    [
        ([("a", "1"), ("b", "2"), ("d", "unknown:1")], False, ""),
        ([("a", "1"), ("d", "unknown:1")], False, "no longer due: update b"),
        ([("a", "1"), ("d", "unknown:1")], True, ""),
        ([("a", "1"), ("b", "3"), ("d", "unknown:1")], False, "differs: update b"),
        ([("a", "1"), ("b", "3")], True, "differs: update b"),
        ([("a", "1"), ("b", "2"), ("d", "5")], False, "differs: update d"),
        ([("a", "1"), ("b", "2"), ("d", "5")], True, ""),
        ([("a", "1"), ("b", "2"), ("c", "4")], True, "not reviewed: update c"),
    ],
)
def test_a_plan_fits_what_was_reviewed_and_nothing_else(
    tmp_path: Path, changes: list[tuple[str, str]], begun: bool, misfit: str
) -> None:
    seen = Preview("us-east", (result(change("a", "1"), change("b", "2"), change("d", "unknown:1")),))
    Reviewed.of("prod", [seen], ["retention-cut"]).save(tmp_path / "plan.json")
    read = Reviewed.read(tmp_path / "plan.json", "prod")
    assert read.allowed == ("retention-cut",)
    assert read.misfit("us-east", result(*(change(*each) for each in changes)), begun=begun) == misfit


def test_a_plan_holds_the_outputs_to_what_was_reviewed() -> None:
    """Where an alert goes is a secret of its object; the output has it in the open."""

    def told(channel: str) -> Result:
        return replace(result(), output_fields=(Field("alertmanagerConfig", "update", "#old", channel),))

    reviewed = Reviewed.of("prod", [Preview("us-east", (told("#payments"),))], [])
    assert reviewed.misfit("us-east", told("#payments")) == ""
    assert reviewed.misfit("us-east", told("#nobody")) == "differs: output alertmanagerConfig"
    assert reviewed.misfit("us-east", result()) == "no longer due: output alertmanagerConfig"


def test_a_plan_of_another_environment_is_refused(tmp_path: Path) -> None:
    Reviewed.of("dev", [], []).save(tmp_path / "plan.json")
    with pytest.raises(AutomationError, match="is of dev; allowed: what preview --save-plan wrote for prod"):
        Reviewed.read(tmp_path / "plan.json", "prod")


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"version": 1}, "is of version 1, another driver's"),
        ({"version": 2, "environment": "prod", "created": "", "allowed": [], "regions": []}, "is no saved plan"),
        ({"version": 2, "environment": "prod", "created": "", "allowed": [], "regions": {"a": 1}}, "is no saved plan"),
        ([], "is no saved plan"),
    ],
)
def test_what_is_no_plan_of_this_driver_is_refused(tmp_path: Path, document: object, what: str) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(AutomationError, match=f"{what}; allowed: .*; fix: preview again"):
        Reviewed.read(tmp_path / "plan.json", "prod")


@pytest.mark.parametrize(
    ("workload", "mode", "lack"),
    [
        (
            {"metadata": {"generation": 2}, "status": {"observedGeneration": 1}},
            "applied",
            "its controller has not seen",
        ),
        ({"metadata": {"generation": 2}, "status": {"observedGeneration": 2}}, "applied", ""),
        ({"spec": {"replicas": 3}, "status": {"updatedReplicas": 2}}, "available", "2 of 3 pods are updated"),
        (
            {"spec": {"replicas": 3}, "status": {"updatedReplicas": 3, "availableReplicas": 1}},
            "available",
            "1 of 3 pods are ready",
        ),
        ({"spec": {"replicas": 3}, "status": {"updatedReplicas": 3, "availableReplicas": 3}}, "available", ""),
        ({"status": {"desiredNumberScheduled": 5, "updatedNumberScheduled": 5}}, "available", "0 of 5 pods are ready"),
    ],
)
def test_what_a_workload_still_lacks(workload: dict[str, Any], mode: str, lack: str) -> None:
    assert verification.lagging(workload, mode).startswith(lack)
    assert bool(verification.lagging(workload, mode)) is bool(lack)


def test_the_workflows_pass_actionlint() -> None:
    files = sorted(map(str, (ROOT / ".github" / "workflows").glob("*.yaml")))
    assert len(files) == 4
    done = subprocess.run(
        [str(tools.ensure("actionlint")["actionlint"]), "-no-color", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_make_target_of_a_workflow_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    workflows = [file.read_text() for file in (ROOT / ".github" / "workflows").glob("*.yaml")]
    used = {name for text in workflows for name in re.findall(r"\bmake ([a-z]+)", text)}
    assert used == {"gallery", "kubeconfigs", "review", "comment", "rollout", "resume", "drift"}
    assert used <= targets
