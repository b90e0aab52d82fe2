"""What holds for every test."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let one warning pass that is nobody's mistake here: importing pulumi_aws.s3 warns of its own old classes."""
    config.addinivalue_line("filterwarnings", r"ignore:.*has been deprecated in favor of:DeprecationWarning:pulumi_aws")
