"""One refusal: where, what, what is allowed, and the fix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what an operator wrote."""

    path: str
    """Path of the field (`regions.us-east.size`)."""
    what: str
    """What is wrong, starting with a verb, value included (`is 30, ...`); never a secret's value."""
    allowed: str
    """What may stand there."""
    fix: str
    """What to do."""

    def __str__(self) -> str:
        """Return the whole sentence, which is interface: tests assert it."""
        return f"{self.path} {self.what}; allowed: {self.allowed}; fix: {self.fix}"


class SettingsError(Exception):
    """Settings, or the world that they describe, are refused before anything is touched."""

    def __init__(self, problems: list[Problem], source: str) -> None:
        """Keep the problems; `source` is the file or the check that found them."""
        self.problems = problems
        self.source = source
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
