"""What is asked of a region behind its update, and of the platform behind a wave."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from automation import verification
from automation.problem import AutomationError
from automation.rollout import Options
from automation.runner import Runner
from automation.waiting import until
from tests.automation.rollouts import FIRST, OPTIONS, begun


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
