"""Three production regions in small, each with an engine and API server of its own: what stops a rollout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.journal import Logbook
from tests.automation.kills import Stage
from tests.automation.standing import standing

FAILED, CHANGES = 1, 2
CANARY, SECOND, THIRD = REGIONS = ("ap-southeast", "eu-west", "us-east")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("fleet"), "prod") as fleet:
        yield Stage(fleet)


@pytest.fixture(scope="module")
def said(stage: Stage) -> str:
    """What a rollout said whose canary failed, the first of this fleet."""
    return stage.run("up", code=FAILED, SMALL_FAIL=CANARY)


@pytest.fixture(scope="module")
def up(stage: Stage, said: str) -> Stage:
    """The fleet after that rollout was resumed, when the cause was gone."""
    assert f"{CANARY} is told to fail" in said
    assert statuses(stage) == ["failed", "pending", "pending"]
    assert [region for region in REGIONS if stage.state(region).get("resources")] == []
    stage.run("resume")
    return stage


def statuses(stage: Stage) -> list[str]:
    journal = Logbook(stage.fleet.root / ".fleet" / "prod").read()
    assert journal is not None
    return [str(journal.regions[region].status) for region in REGIONS]


def kept(stage: Stage) -> list[str]:
    """How long each region's objects say that logs are kept."""
    shown = [stage.kubectl("get", "configmap", "part-0", "-o", "yaml", region=region) for region in REGIONS]
    return re.findall(r"retention_period: (\w+)", "\n".join(shown))


def test_a_canary_that_fails_leaves_the_others_alone_and_resume_brings_all_up(up: Stage) -> None:
    assert statuses(up) == ["done"] * 3
    assert kept(up) == ["30d"] * 3
    assert "No change. Nothing to do." in up.run("preview")
    assert [len(up.state(region)["resources"]) for region in REGIONS] == [22] * 3


def test_a_region_that_fails_its_gate_keeps_what_it_has_and_earlier_ones_what_they_got(
    up: Stage, tmp_path: Path
) -> None:
    def longer(platform: dict[str, Any]) -> None:
        platform["retention"]["logs"] = "31d"

    up.fleet.edit(longer)
    before = {region: up.state(region) for region in REGIONS}
    replaced = up.fleet.elsewhere(tmp_path, only=SECOND, SMALL_SERVICE="another")
    refused = up.run("up", "--parallel", "1", code=FAILED, **replaced)
    assert (
        "prod.eu-west: risks that nobody has acknowledged (replace-stateful keeper: StatefulSet is replaced" in refused
    )
    assert "nothing was touched" in refused
    assert statuses(up) == ["done", "failed", "pending"]
    assert kept(up) == ["31d", "30d", "30d"]
    assert [up.state(region) == before[region] for region in REGIONS] == [False, True, True]
    done = up.state(CANARY)

    up.run("resume")
    assert statuses(up) == ["done"] * 3
    assert kept(up) == ["31d"] * 3
    assert up.state(CANARY) == done


def test_what_somebody_changed_in_one_region_is_seen_there_and_only_there(up: Stage) -> None:
    up.kubectl("delete", "configmap", "part-1", region=THIRD)
    assert "delete ConfigMap part-1 in us-east" in up.run("drift", code=CHANGES)
    shown = up.run("preview", code=CHANGES)
    assert "create ConfigMap part-1 in us-east\n" in shown
    assert [line for line in shown.splitlines() if line.startswith("prod.")] == [
        "prod.ap-southeast: same 21",
        "prod.eu-west: same 21",
        "prod.us-east: create 1, same 20",
    ]
    up.run("up")
    assert "No change. Nothing to do." in up.run("drift")
