"""Read charts.yaml: which version of which chart, from where, with which digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StringConstraints

from settings.base import HttpUrl, Model, Words
from settings.problem import Problem, SettingsError

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Words("64 hexadecimal digits")]
FILE = "charts.yaml"


class Version(Model):
    """One pinned version of a chart."""

    sha256: Digest | None = None
    """Digest of the public repository's package; None while nobody has recorded it."""
    mirror_sha256: Digest | None = None
    """Digest of the mirror directory's package; None where the mirror does not hold it."""


class Pin(Model):
    """One chart: where it comes from and which versions may be used."""

    repository: HttpUrl
    """Public chart repository."""
    default: str
    """Version of every region that does not choose another."""
    versions: Annotated[dict[str, Version], Field(min_length=1)]
    """Versions that a region may choose."""


class Pins(Model):
    """All of charts.yaml."""

    mirror: str
    """Folder, relative to the repository, that is used instead of the public repositories when present."""
    charts: dict[str, Pin]
    """Pins by chart name."""


def load(root: Path) -> Pins:
    """Return the pins that charts.yaml in `root` holds.

    Raises:
        pydantic.ValidationError: the file does not fit the model; it is ours, so this is a defect.
    """
    return Pins.model_validate(yaml.safe_load((root / FILE).read_text(encoding="utf-8")))


def choose(pins: Pins, choices: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the version in force of every chart.

    Args:
        pins: charts.yaml.
        choices: versions that differ from the default, by chart name.
        where: path of `choices` in the settings, for messages.

    Raises:
        SettingsError: a chart or version is not in charts.yaml.
    """
    problems = []
    for chart, version in choices.items():
        if chart not in pins.charts:
            problems.append(
                Problem(
                    f"{where}.{chart}",
                    "is no chart of charts.yaml",
                    ", ".join(pins.charts),
                    "correct the name",
                )
            )
        elif version not in pins.charts[chart].versions:
            problems.append(
                Problem(
                    f"{where}.{chart}",
                    f"is {version!r}, which is not in charts.yaml",
                    ", ".join(pins.charts[chart].versions),
                    f"choose one of these, or run: python -m charts pin {chart} {version}",
                )
            )
    if problems:
        raise SettingsError(problems, "settings")
    return {name: choices.get(name, pin.default) for name, pin in pins.charts.items()}
