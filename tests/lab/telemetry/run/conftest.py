"""One run for every test of signals: starting it takes longer than what most of them ask of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.telemetry.standing import Standing
from tests.lab.telemetry.standing import standing as started


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Bring a region up with its telemetry, and end both."""
    with started(tmp_path_factory.mktemp("telemetry")) as made:
        yield made
