"""The one way to wait for something that takes a while: the driver's."""

from automation.waiting import INTERVAL, until

__all__ = ["INTERVAL", "until"]
