"""The driver: regions planned, previewed, rolled out and watched, from a shell or from a team's own pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automation.fleet import Fleet as Fleet

__all__ = ["Fleet"]


def __getattr__(name: str) -> Any:
    """Import the library's one name when it is asked for: Pulumi's SDK takes a second that plan need not wait."""
    if name != "Fleet":
        raise AttributeError(f"module 'automation' has no attribute {name!r}")
    from automation.fleet import Fleet

    return Fleet
