"""The examples do what they say on a fleet in a lab."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.instance import ROOT
from tests.automation.standing import Fleet, standing


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with standing(tmp_path_factory.mktemp("examples"), "dev") as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.variables.items():
            patch.setitem(os.environ, name, value)
        yield made


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_canary_then_ask_stops_at_a_no_and_rolls_out_at_a_yes(fleet: Fleet) -> None:
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    run = example("canary_then_ask").main
    assert run("dev", no, fleet.root) == 2
    assert asked == ["wave 1: 24 changes in us-east; go on?"]
    assert run("dev", lambda _: True, fleet.root) == 0


def test_drift_to_metric_counts_per_region(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "drift.prom"
    assert example("drift_to_metric").main("dev", file, fleet.root) == 0
    assert file.read_text().splitlines()[-1] == (
        'observability_platform_drifted_resources{environment="dev",region="us-east"} 0'
    )
