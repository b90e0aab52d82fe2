"""The one way to wait for something that takes a while."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL = 0.05
"""Seconds between two looks: an API server is ready within 2 s, so that this is noise in it."""


def until(condition: Callable[[], bool], seconds: float, interval: float = INTERVAL) -> bool:
    """Look until the condition holds, and return whether it did before the deadline.

    Args:
        condition: looked at least once; what it raises is raised.
        seconds: the deadline from now.
        interval: seconds between two looks.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(interval)
    return True
