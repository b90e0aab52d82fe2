"""SIGKILL of driver, engine and API server at seeded moments: resume reaches what an undisturbed run does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from automation.paths import differences
from tests.automation.kills import API_SERVER, DRIVER, ENGINE, REGION, Stage
from tests.automation.standing import standing

DESTROY = ("destroy", "--region", REGION, "--confirm", f"dev.{REGION}")
UP = ("up",)
RESUME = ("resume",)
CHANGES = 2


@dataclass(frozen=True)
class Moment:
    """Who is killed at which operation, when, and who of those that resume it."""

    victim: str
    operation: tuple[str, ...]
    seed: int
    again: str = ""

    def __str__(self) -> str:
        again = f", again {self.again}" if self.again else ""
        return f"{self.victim} at {self.operation[0]} {self.seed}{again}"


SHORT = [
    Moment(DRIVER, UP, 1),
    Moment(ENGINE, DESTROY, 2),
    Moment(ENGINE, UP, 3),
    Moment(API_SERVER, DESTROY, 4),
    Moment(API_SERVER, UP, 5, again=ENGINE),
    Moment(DRIVER, DESTROY, 6),
]
LONG = [
    Moment(victim, operation, 100 + 10 * turn + number, again)
    for turn, again in enumerate(("", DRIVER, "", ENGINE, "", API_SERVER))
    for number, (victim, operation) in enumerate(
        [(DRIVER, UP), (DRIVER, DESTROY), (ENGINE, UP), (ENGINE, DESTROY), (API_SERVER, UP), (API_SERVER, DESTROY)]
    )
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("kills"), "dev") as fleet:
        yield Stage(fleet)


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> dict[str, Any]:
    """What stands after an up that nobody disturbs; the stack is empty again behind it."""
    stage.run("up")
    made = stage.standing()
    stage.run(*DESTROY)
    assert len(made["objects"]) == 15
    assert stage.buckets() == []
    return made


def _survives(stage: Stage, undisturbed: dict[str, Any], moment: Moment) -> None:
    operation = moment.operation
    if operation is UP:
        # As pipelines do: what was reviewed or nothing, also behind the crash.
        plan = str(stage.fleet.root / "plan.json")
        stage.run("preview", "--save-plan", plan, code=CHANGES)
        operation = ("up", "--plan", plan)
    said = stage.killed(moment.victim, operation, moment.seed)
    if moment.again:
        said += stage.killed(moment.again, RESUME, moment.seed + 1)
    said += stage.run(*RESUME)
    if moment.operation is UP:
        assert list(differences(undisturbed, stage.standing())) == []
    else:
        assert stage.state().get("resources", []) == []
        assert (stage.objects(), stage.buckets()) == ({}, [])
    assert stage.locks == []
    assert stage.half_written == []
    assert not stage.state().get("pending_operations")
    shown = {**stage.debris(), "said": said.encode()}
    assert [place for place, content in shown.items() if any(secret in content for secret in stage.secrets())] == []
    assert sorted(file.name for file in stage.fleet.root.glob("Pulumi*")) == ["Pulumi.dev.yaml", "Pulumi.yaml"]


@pytest.mark.parametrize("moment", SHORT, ids=str)
def test_a_killed_rollout_is_resumed_to_the_same_end(stage: Stage, undisturbed: dict[str, Any], moment: Moment) -> None:
    _survives(stage, undisturbed, moment)


@pytest.mark.soak
@pytest.mark.parametrize("moment", LONG, ids=str)
def test_thirty_six_more_moments(stage: Stage, undisturbed: dict[str, Any], moment: Moment) -> None:
    _survives(stage, undisturbed, moment)
