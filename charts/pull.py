"""Fetch pinned chart packages, checked against their digest before anything reads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from charts.pins import FILE, Pins, choose, load
from charts.repository import Public, digest, from_mirror
from settings.load import ROOT
from settings.problem import Problem, SettingsError

CACHE = Path(".cache/charts")


@dataclass(frozen=True)
class Package:
    """A chart package on this machine whose digest is the pinned one."""

    name: str
    version: str
    path: Path


Packages = Mapping[str, Package]


def resolve(choices: Mapping[str, str], where: str = "charts", root: Path = ROOT) -> Packages:
    """Return the package of every chart, fetched where the cache lacks it.

    Args:
        choices: versions that differ from charts.yaml's default, by chart name.
        where: path of `choices` in the settings, for messages.
        root: folder of charts.yaml; the cache lies below it.

    Raises:
        SettingsError: unknown version, no package, or a digest that differs from the pin.
    """
    pins = load(root)
    versions = choose(pins, choices, where)
    public = Public()
    packages: dict[str, Package] = {}
    problems: list[Problem] = []
    for name, version in versions.items():
        try:
            packages[name] = fetch(pins, name, version, root, public)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems, FILE)
    return packages


def fetch(pins: Pins, name: str, version: str, root: Path, public: Public) -> Package:
    """Return one package: from the cache, else from the mirror directory where there is one, else from the public.

    Args:
        pins: charts.yaml.
        name: chart.
        version: one of the versions pinned for it.
        root: folder of charts.yaml; the cache lies below it.
        public: the repositories read so far.

    Raises:
        SettingsError: no digest is pinned, there is no package, or its digest differs from the pin.
    """
    mirror = root / pins.mirror
    field = "mirror_sha256" if mirror.is_dir() else "sha256"
    path = f"charts.{name}.versions.{version}"
    pinned: str | None = getattr(pins.charts[name].versions[version], field)
    if pinned is None:
        problem = Problem(
            f"{path}.{field}",
            "is missing, so the package cannot be checked",
            "64 hexadecimal digits",
            f"run: python -m charts pin {name} {version}, and review the change",
        )
        raise SettingsError([problem], FILE)
    cached = root / CACHE / f"{name}-{version}-{pinned[:12]}.tgz"
    if not (cached.is_file() and digest(cached.read_bytes()) == pinned):
        content = from_mirror(mirror, name, version) if mirror.is_dir() else public.package(pins, name, version)
        if (found := digest(content)) != pinned:
            problem = Problem(
                f"{path}.{field}",
                f"is {pinned}, but the package came with {found}",
                "a package with the pinned digest",
                "do not use the package; find out who changed it, and only then pin the new digest",
            )
            raise SettingsError([problem], FILE)
        store(cached, content)
    return Package(name, version, cached)


def store(path: Path, content: bytes) -> None:
    """Write whole or not at all: another process may read the cache at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).chmod(0o644)  # mkstemp's 0600 would hide charts.yaml from others
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)
