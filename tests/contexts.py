"""Contexts of the shipped environments, with what a test wants to differ."""

from __future__ import annotations

from typing import Any

from components.values.context import Context
from settings import load
from settings.vocabulary import Size

SIZED = [(stack, size) for stack in ("dev.us-east", "prod.us-east") for size in Size]
"""Each topology with each size."""


def context(stack: str = "prod.us-east", *, platform: dict[str, Any] | None = None, **region: Any) -> Context:
    """Return a stack's context.

    Args:
        stack: `<env>.<region>` of the shipped settings.
        platform: fields of the platform that differ.
        region: fields of the region that differ.
    """
    loaded, name = load.from_file(stack)
    changed = loaded.regions[name].model_copy(update=region)
    regions = {**loaded.regions, name: changed}
    return Context(loaded.model_copy(update={**(platform or {}), "regions": regions}), name)


def collecting(stack: str = "prod.us-east", **collection: Any) -> dict[str, Any]:
    """Return the field of a stack's platform that says what collectors keep, with what differs, for `context`."""
    return {"collection": context(stack).platform.collection.model_copy(update=collection)}
