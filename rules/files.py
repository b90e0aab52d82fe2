"""The files of this folder and the pages of runbooks/, as they were written."""

from __future__ import annotations

from pathlib import Path

RULES = Path(__file__).resolve().parent
RUNBOOKS = RULES.parent / "runbooks"
SUFFIX = ".rules.yaml"
TESTS_SUFFIX = ".rules_test.yaml"


def sources() -> dict[str, str]:
    """Return the text of every rule file, by area (`service` for service.rules.yaml), in the order of their names."""
    return {
        path.name.removesuffix(SUFFIX): path.read_text(encoding="utf-8") for path in sorted(RULES.glob(f"*{SUFFIX}"))
    }


def tests(area: str) -> str:
    """Return the text of an area's promtool tests."""
    return (RULES / f"{area}{TESTS_SUFFIX}").read_text(encoding="utf-8")


def runbooks() -> dict[str, str]:
    """Return the text of every runbook, by the alert it is about, in the order of their names."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
