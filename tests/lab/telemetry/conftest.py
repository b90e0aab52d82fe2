"""One pipeline for every test of signals: starting it takes longer than what most of them ask of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.telemetry.pipeline import Pipeline, standing


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Start agents, gateways and stores, and end them."""
    with standing(tmp_path_factory.mktemp("telemetry") / "pipeline") as made:
        yield made
