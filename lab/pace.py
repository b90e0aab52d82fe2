"""Doing things at a rate."""

from __future__ import annotations

import time


def hold(started: float, seconds: float) -> None:
    """Wait until so many seconds after a moment of the monotonic clock, and not at all when they have passed."""
    time.sleep(max(0.0, started + seconds - time.monotonic()))
