"""The rules' tests notice what a slip of the pen would change: numbers, comparisons, and how long a thing must last."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.rules.mutation import Mutant, mutants, survivors

EVERY = 12
"""The short form asks one mutant in so many."""
SAMPLED = ("collection", "kubernetes", "service")
"""Areas of the short form: their tests span minutes, those of volumes and certificates hours."""
SHARE = 0.95
ACCEPTED = {
    ("OrphanSpansHigh", "> to >="): "a ratio of two sums of rates, which floating point never makes exactly 0.05",
    ("ServiceErrorRateHigh", "> to >="): "a ratio of two sums of rates, which comes out just below 0.05",
    ("ServiceLatencyHigh", "> to >="): "an interpolated quantile, which comes out just below 1",
    ("TenantSeriesGrowing", "> to >="): "its own pending state adds two series, so that no value stays at the bound",
    ("TenantSeriesGrowing", "0.5 to 0.4"): "the same two series lift what was quiet above 0.5 at once",
    ("VolumeFillingUp", "> to >="): "a regression, which floating point never makes exactly 1",
}
"""Mutants that are known to live, each with the reason."""


def lives(mutant: Mutant) -> str:
    return f"{mutant.area}: {mutant.rule}, {mutant.change}"


def unknown(alive: list[Mutant]) -> list[str]:
    return [lives(each) for each in alive if (each.rule, each.change) not in ACCEPTED]


def test_a_sample_of_mutants_is_killed(tmp_path: Path) -> None:
    sample = [each for each in mutants() if each.area in SAMPLED][::EVERY]
    assert len(sample) >= 8
    assert unknown(survivors(sample, tmp_path)) == []


def test_a_mutant_that_nothing_notices_is_found(tmp_path: Path) -> None:
    """Hand over a rule file as it ships: a change that changes nothing must live."""
    one = next(each for each in mutants() if each.rule == "TargetDown" and each.change == "== to !=")
    rules = [
        {**rule, "expr": rule["expr"].replace("!=", "==")} if rule.get("alert") == one.rule else rule
        for group in one.document["groups"]
        for rule in group["rules"]
    ]
    same = Mutant(one.area, one.rule, "nothing", {"groups": [{"name": "service.requests", "rules": rules}]})
    assert survivors([one, same], tmp_path) == [same]


@pytest.mark.soak
def test_nearly_every_mutant_is_killed(tmp_path: Path) -> None:
    every = mutants()
    alive = survivors(every, tmp_path, workers=2)
    for area, count in Counter(each.area for each in every).items():
        live = [lives(each) for each in alive if each.area == area]
        print(f"{area}: {count - len(live)} of {count} killed; alive: {'; '.join(live) or 'none'}")  # noqa: T201 - the figures are the result
    assert 1 - len(alive) / len(every) >= SHARE
    assert unknown(alive) == []
