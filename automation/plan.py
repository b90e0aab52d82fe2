"""Order an environment's regions into waves: the canary first, then the rest; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

from automation.problem import AutomationError
from settings import names
from settings.platform import Platform

PARALLEL: Final = 2
"""Regions of a wave at a time: a mistake that the canary did not show reaches one region more, not all."""


@dataclass(frozen=True)
class Wave:
    """Regions that may be worked on at the same time, after all of the waves before have succeeded."""

    number: int
    regions: tuple[str, ...]
    canary: bool


@dataclass(frozen=True)
class Plan:
    """The waves of one environment."""

    environment: str
    waves: tuple[Wave, ...]
    parallel: int
    """How many regions of a wave are worked on at a time."""

    @property
    def regions(self) -> list[str]:
        """Every region, in the order of the waves."""
        return [region for wave in self.waves for region in wave.regions]

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return wave, stacks and what is special about it, one row per wave."""
        return [
            (
                str(wave.number),
                ", ".join(names.stack(self.environment, region) for region in wave.regions),
                "canary" if wave.canary else f"{min(self.parallel, len(wave.regions))} at a time",
            )
            for wave in self.waves
        ]


def make(platform: Platform, parallel: int = PARALLEL, only: Collection[str] = ()) -> Plan:
    """Return the waves of an environment.

    Args:
        platform: its settings.
        parallel: regions of a wave at a time.
        only: regions to take; all without any.

    Raises:
        AutomationError: a region is none of the environment's, or `parallel` is none.
    """
    if parallel < 1:
        raise AutomationError(f"--parallel is {parallel}; allowed: 1 or more; fix: choose how many regions at a time")
    known = sorted(platform.regions)
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise AutomationError(
            f"--region is {', '.join(unknown)}, which {platform.environment} does not have; "
            f"allowed: {', '.join(known)}; fix: choose among these"
        )
    chosen = [region for region in known if not only or region in only]
    canaries = tuple(region for region in chosen if platform.regions[region].canary)
    rest = tuple(region for region in chosen if region not in canaries)
    groups = [(group, group is canaries) for group in (canaries, rest) if group]
    waves = tuple(Wave(number, group, canary) for number, (group, canary) in enumerate(groups, 1))
    return Plan(str(platform.environment), waves, parallel)
