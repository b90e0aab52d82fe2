"""What holds for every test."""

from __future__ import annotations

from typing import Any

import pytest
from xdist import scheduler  # type: ignore[import-untyped]  # pytest-xdist ships no types

SHARED = ("tests/lab/telemetry/run/",)
"""Folders whose files share a fixture of the session that is dear to start: one worker has them all."""


def pytest_configure(config: pytest.Config) -> None:
    """Let one warning pass that is nobody's mistake here: importing pulumi_aws.s3 warns of its own old classes."""
    config.addinivalue_line("filterwarnings", r"ignore:.*has been deprecated in favor of:DeprecationWarning:pulumi_aws")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give the tests of a file to one worker, as `--dist loadfile` does, and those of a folder in SHARED."""
    if config.getvalue("dist") != "loadfile":
        return None
    made = scheduler.LoadFileScheduling(config, log)
    # How xdist has a scope changed.
    by_file = made._split_scope

    def by_folder(nodeid: str) -> str:
        return next((folder for folder in SHARED if nodeid.startswith(folder)), by_file(nodeid))

    made._split_scope = by_folder
    return made
