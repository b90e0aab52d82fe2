"""How long things are kept and waited for: what no duration says by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.problem import Problem
from settings.units import Duration

if TYPE_CHECKING:
    from settings.platform import Platform

SHORTEST_RETENTION_SECONDS = 24 * 3600
"""Loki's own minimum (docs/sources/operations/storage/retention.md), and one day of a bucket's lifecycle."""
LONGEST_METRICS = Duration("3650d")
"""Ten years on a volume of Prometheus, 224 TiB of it in a large region; longer is a long-term store's."""
LONGEST_WAIT = Duration("10m")
"""What a gateway of a large region keeps for it in memory is 42 GiB."""


def problems(platform: Platform) -> Iterator[Problem]:
    """Yield every duration that its program would refuse or change, or that contradicts another."""
    yield from _retention(platform)
    yield from _tenant_retention(platform)
    yield from _sampling(platform)


def _retention(platform: Platform) -> Iterator[Problem]:
    """Refuse what Loki would refuse at start, or what a bucket's lifecycle, which counts in days, cannot follow."""
    for signal in ("metrics", "logs", "traces"):
        value = getattr(platform.retention, signal)
        if value.seconds < SHORTEST_RETENTION_SECONDS:
            yield _too_short(f"retention.{signal}", value)
    metrics = platform.retention.metrics
    if metrics.seconds > LONGEST_METRICS.seconds:
        yield Problem(
            "retention.metrics",
            f"is {str(metrics)!r}, longer than a volume of Prometheus holds",
            f"at most {LONGEST_METRICS}",
            "shorten it, and keep more in a long-term store: regions.*.remote_write",
        )
    for name, tenant in platform.tenants.items():
        for signal in ("logs", "traces"):
            value = getattr(tenant.retention, signal)
            if value is not None and value.seconds < SHORTEST_RETENTION_SECONDS:
                yield _too_short(f"tenants.{name}.retention.{signal}", value)


def _too_short(path: str, value: str) -> Problem:
    return Problem(path, f"is {str(value)!r}, shorter than a day", "at least 24h", "lengthen it")


def _tenant_retention(platform: Platform) -> Iterator[Problem]:
    for name, tenant in platform.tenants.items():
        for signal in ("logs", "traces"):
            own, maximum = getattr(tenant.retention, signal), getattr(platform.retention, signal)
            if own is not None and own.seconds > maximum.seconds:
                yield Problem(
                    f"tenants.{name}.retention.{signal}",
                    f"is {str(own)!r}, longer than the platform's",
                    f"at most {maximum}",
                    f"shorten it, or raise retention.{signal} for the whole environment",
                )


def _sampling(platform: Platform) -> Iterator[Problem]:
    """Refuse waits of which the sampler would make others: it counts the one in seconds, and ends with the other."""
    path, collection = "collection.decision_wait_after_root", platform.collection
    rooted = collection.decision_wait_after_root
    if collection.decision_wait.milliseconds > LONGEST_WAIT.milliseconds:
        yield Problem(
            "collection.decision_wait",
            f"is {str(collection.decision_wait)!r}, longer than the memory of gateways holds traces",
            f"at most {LONGEST_WAIT}",
            "shorten it",
        )
    if rooted.milliseconds % 1000:
        yield Problem(path, f"is {str(rooted)!r}, no whole seconds", "whole seconds", "round it up")
    if rooted.milliseconds > collection.decision_wait.milliseconds:
        yield Problem(
            path,
            f"is {str(rooted)!r}, longer than the wait for the root itself",
            f"at most {collection.decision_wait}",
            "shorten it, or raise collection.decision_wait",
        )
