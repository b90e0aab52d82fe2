"""A small valid document, a way to change it in one place, and its refusal."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from settings import load
from settings.problem import SettingsError

SMALL: dict[str, Any] = {
    "environment": "dev",
    "organization": "acme",
    "domain": "obs.acme.example",
    "alerting": {"platform_team": {"slack": "#platform", "email": "platform@acme.example"}},
    "regions": {
        "us-east": {
            "aws_region": "us-east-1",
            "aws_account_id": "111111111111",
            "cluster": {"name": "dev-us-east", "context": "dev-us-east"},
            "size": "small",
        },
        "eu-west": {
            "aws_region": "eu-west-1",
            "aws_account_id": "111111111111",
            "cluster": {"name": "dev-eu-west", "context": "dev-eu-west"},
            "size": "small",
        },
    },
    "tenants": {
        "shop": {
            "namespaces": ["shop"],
            "owners": ["team-shop"],
            "channels": {"slack": "#shop"},
            "limits": {"active_series": 50_000, "log_mb_per_second": 1, "spans_per_second": 500},
        },
        "payments": {
            "namespaces": ["payments"],
            "owners": ["team-payments"],
            "channels": {"slack": "#payments"},
            "limits": {"active_series": 20_000, "log_mb_per_second": 0.5, "spans_per_second": 200},
        },
    },
}

DELETED = object()
"""Stands for a key that is left out."""


def at(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the small document with each path (`tenants.shop.namespaces[0]`) set to its value."""
    document = copy.deepcopy(SMALL)
    for path, value in changes.items():
        way: list[Any] = [int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", path.rstrip("]"))]
        last = way.pop()
        here: Any = document
        for part in way:
            here = here[part] if isinstance(here, list) else here.setdefault(part, {})
        if value is DELETED:
            del here[last]
        else:
            here[last] = value
    return document


def refusal(document: object) -> str:
    """Return the whole sentence, or sentences, with which a document is refused."""
    with pytest.raises(SettingsError) as caught:
        load.parse(document, "Pulumi.dev.yaml")
    return str(caught.value)
