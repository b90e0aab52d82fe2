"""OTLP as JSON, which tests write by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return strings as OTLP/JSON attributes."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
