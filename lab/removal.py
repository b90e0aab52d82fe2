"""What `down` did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from automation.result import Change, Result

_COSTS: Final = {
    "CustomResourceDefinition": ", since every object of its kind would go with it",
    "aws:s3": ", since what it holds cannot be brought back",
    "aws:secretsmanager": ", since what it holds cannot be brought back",
    "aws:kms": ", since what it encrypted could not be read any more",
}
"""What the deletion of a resource costs, by a part of its type."""


@dataclass(frozen=True)
class Kept:
    """A resource that `down` did not delete, and why."""

    type: str
    name: str
    reason: str

    @classmethod
    def of(cls, urn: str, fate: str) -> Kept:
        """Return why a resource stays: what happened to it, and what its deletion would cost."""
        kind, name = Change(urn, "").name.split(" ", 1)
        cost = next((cost for part, cost in _COSTS.items() if part in kind), "")
        return cls(kind, name, f"{fate}{cost}")


@dataclass(frozen=True)
class Removal:
    """What `down` did: the engine's results, what it did not delete, and how many processes it ended."""

    existed: bool
    results: list[Result]
    kept: list[Kept]
    skipped: str
    """Why nothing was destroyed resource by resource; empty when it was."""
    ended: int
