"""The files of this folder and the pages of runbooks/, as they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rules.filling import DASHBOARD

RULES = Path(__file__).resolve().parent
RUNBOOKS = RULES.parent / "runbooks"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SUFFIX = ".rules.yaml"
TESTS_SUFFIX = ".rules_test.yaml"
_UID = re.compile(r"/d/([a-z0-9-]+)")


def sources() -> dict[str, str]:
    """Return the text of every rule file, by area (`service` for service.rules.yaml), in the order of their names."""
    return {
        path.name.removesuffix(SUFFIX): path.read_text(encoding="utf-8") for path in sorted(RULES.glob(f"*{SUFFIX}"))
    }


@cache
def documents() -> Mapping[str, dict[str, Any]]:
    """Return every rule file as it is parsed, by area; read once, shared by all who ask, and changed by nobody."""
    return {area: yaml.load(text, _LOADER) for area, text in sources().items()}  # noqa: S506 - a safe one, in C


def alerts() -> Iterator[dict[str, Any]]:
    """Yield every alert of every rule file, as it was written."""
    for document in documents().values():
        for group in document["groups"]:
            yield from (rule for rule in group["rules"] if "alert" in rule)


@cache
def dashboards() -> Mapping[str, str]:
    """Return the uid of the dashboard that each alert leads to, by alert; some lead to a page of Grafana's own."""
    found = {rule["alert"]: _UID.search(rule["annotations"].get(DASHBOARD, "")) for rule in alerts()}
    return {alert: uid[1] for alert, uid in found.items() if uid is not None}


def tests(area: str) -> str:
    """Return the text of an area's promtool tests."""
    return (RULES / f"{area}{TESTS_SUFFIX}").read_text(encoding="utf-8")


def runbooks() -> dict[str, str]:
    """Return the text of every runbook, by the alert it is about, in the order of their names."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
