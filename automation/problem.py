"""How a command of the driver ends: its exit codes, and the one error that it reports."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, which are interface: pipelines branch on them."""

    OK = 0
    """Done, or nothing to do."""
    FAILED = 1
    """Refused or failed; standard error says why in one sentence."""
    CHANGES = 2
    """A preview or a drift check found changes, none of them a risk."""
    RISKS = 3
    """A preview found changes that somebody has to acknowledge."""
    USAGE = 64
    """Wrong arguments (EX_USAGE of sysexits.h, since 2 is taken)."""


class AutomationError(Exception):
    """Something that the driver refuses or cannot do; the message says what, what is allowed, and the fix."""
