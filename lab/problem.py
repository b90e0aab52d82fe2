"""The one error of the lab: a sentence with its fix."""

from __future__ import annotations

from automation.problem import AutomationError


class LabError(AutomationError):
    """Something that the lab cannot do; the message says what, and what to do about it."""
