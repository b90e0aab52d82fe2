"""SIGKILL of driver, engine and API server at seeded moments: resume reaches what an undisturbed run does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from automation.paths import differences
from tests.automation.kills import API_SERVER, DRIVER, ENGINE, REGION, Stage
from tests.automation.standing import standing

DESTROY = ("destroy", "--region", REGION, "--confirm", f"dev.{REGION}")
UP = ("up",)
SHORT = [
    (DRIVER, UP, 1),
    (ENGINE, DESTROY, 2),
    (ENGINE, UP, 3),
    (DRIVER, DESTROY, 4),
    (API_SERVER, UP, 5),
    (API_SERVER, DESTROY, 6),
]
LONG = [
    (victim, operation, 100 + 10 * turn + number)
    for turn in range(5)
    for number, (victim, operation, _) in enumerate(SHORT)
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
    assert len(made["objects"]) == 14
    assert stage.buckets() == []
    return made


def _survives(stage: Stage, undisturbed: dict[str, Any], victim: str, operation: tuple[str, ...], seed: int) -> None:
    said = stage.killed(victim, operation, seed)
    if seed % 2:
        # Whoever resumes may be killed as well.
        said += stage.killed(DRIVER, ("resume",), seed + 1) if stage.locks or victim == DRIVER else ""
    said += stage.run("resume")
    if operation is UP:
        assert list(differences(undisturbed, stage.standing())) == []
    else:
        assert stage.state().get("resources", []) == []
        assert (stage.objects(), stage.buckets()) == ({}, [])
    assert stage.locks == []
    assert not stage.state().get("pending_operations")
    shown = {**stage.debris(), "said": said.encode()}
    assert [place for place, content in shown.items() if any(secret in content for secret in stage.secrets())] == []
    assert sorted(file.name for file in stage.fleet.root.glob("Pulumi*")) == ["Pulumi.dev.yaml", "Pulumi.yaml"]


@pytest.mark.parametrize(("victim", "operation", "seed"), SHORT)
def test_a_killed_rollout_is_resumed_to_the_same_end(
    stage: Stage, undisturbed: dict[str, Any], victim: str, operation: tuple[str, ...], seed: int
) -> None:
    _survives(stage, undisturbed, victim, operation, seed)


@pytest.mark.soak
@pytest.mark.parametrize(("victim", "operation", "seed"), LONG)
def test_thirty_more_moments(
    stage: Stage, undisturbed: dict[str, Any], victim: str, operation: tuple[str, ...], seed: int
) -> None:
    _survives(stage, undisturbed, victim, operation, seed)
