"""Previews as they are kept for the golden comments, compressed: see `record.py`."""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from automation.report import Preview
from automation.result import Result

FOLDER: Final = Path(__file__).parent / "recorded"
_LEFT_OUT: Final = {"standing": {}, "buckets": [], "outputs": {}, "warnings": [], "seconds": 0.0}
"""What no comment shows, or what differs with every run."""


def write(case: str, found: Sequence[Preview]) -> None:
    """Keep what previews said, but for what no comment shows."""
    documents = [
        {**asdict(each), "results": [{**result.document(), **_LEFT_OUT} for result in each.results]} for each in found
    ]
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(documents, sort_keys=True)
    (FOLDER / f"{case}.json.xz").write_bytes(lzma.compress(text.encode(), preset=lzma.PRESET_EXTREME))


def text(case: str) -> str:
    """Return what was kept of a case, as JSON."""
    return lzma.decompress((FOLDER / f"{case}.json.xz").read_bytes()).decode()


def read(case: str) -> list[Preview]:
    """Return what the previews of a case said."""
    return [
        Preview(
            each["region"],
            tuple(Result.of(result) for result in each["results"]),
            tuple(each["violations"]),
            tuple(each["errors"]),
        )
        for each in json.loads(text(case))
    ]
