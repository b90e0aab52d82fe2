"""Read charts.yaml: which version of which chart, from where, with which digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from settings import document, refusal
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

    @model_validator(mode="after")
    def _defaults_are_pinned(self) -> Self:
        problems = [
            Problem(
                f"charts.{name}.default",
                f"is {pin.default!r}, which has no entry under versions",
                ", ".join(pin.versions),
                f"choose one of these, or run: python -m charts pin {name} {pin.default}",
            )
            for name, pin in self.charts.items()
            if pin.default not in pin.versions
        ]
        if problems:
            raise PydanticCustomError("consistency", "charts.yaml contradicts itself", {"problems": problems})
        return self


def load(root: Path) -> Pins:
    """Return the pins that charts.yaml in `root` holds.

    Raises:
        SettingsError: there is no such file, or it does not say what it should.
    """
    path = root / FILE
    if not path.is_file():
        raise SettingsError([Problem("file", "is missing", "the pins of every chart", f"restore {FILE}")], FILE)
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Pins:
    """Return the pins that the text of a charts.yaml holds.

    Raises:
        SettingsError: with one problem per mistake.
    """
    try:
        return Pins.model_validate(document.read(text, FILE))
    except ValidationError as error:
        raise SettingsError(refusal.problems_of(error, Pins), FILE) from None


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
