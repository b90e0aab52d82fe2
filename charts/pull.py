"""Fetch pinned chart packages, checked against their digest before anything reads them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from charts.pins import Pins, choose, load
from settings.load import ROOT
from settings.problem import Problem, SettingsError

CACHE = Path(".cache/charts")
DOWNLOAD_TIMEOUT_SECONDS = 60


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
    return {name: Package(name, version, _fetch(pins, name, version, root)) for name, version in versions.items()}


def _fetch(pins: Pins, name: str, version: str, root: Path) -> Path:
    mirror = root / pins.mirror
    pinned = pins.charts[name].versions[version]
    path = f"charts.{name}.versions.{version}"
    digest = pinned.mirror_sha256 if mirror.is_dir() else pinned.sha256
    if digest is None:
        field = "mirror_sha256" if mirror.is_dir() else "sha256"
        raise _refusal(
            f"{path}.{field}",
            "is missing, so the package cannot be checked",
            "64 hexadecimal digits",
            f"run: python -m charts pin {name} {version}, and review the change",
        )
    cached = root / CACHE / f"{name}-{version}-{digest[:12]}.tgz"
    if cached.is_file() and _digest(cached.read_bytes()) == digest:
        return cached
    content = _from_mirror(mirror, name, version) if mirror.is_dir() else download(pins, name, version)
    found = _digest(content)
    if found != digest:
        raise _refusal(
            path,
            f"came with the digest {found}",
            f"the pinned {digest}",
            "do not use the package; find out who changed it, and only then pin the new digest",
        )
    store(cached, content)
    return cached


def _from_mirror(mirror: Path, name: str, version: str) -> bytes:
    package = mirror / f"{name}-{version}.tgz"
    if not package.is_file():
        raise _refusal(
            f"charts.{name}",
            f"has version {version} pinned, which the mirror {mirror.name} does not hold",
            ", ".join(sorted(p.stem for p in mirror.glob(f"{name}-[0-9]*.tgz"))) or "no version of it",
            f"put {package.name} into the mirror, or remove the mirror folder to use the public repository",
        )
    return package.read_bytes()


def download(pins: Pins, name: str, version: str) -> bytes:
    """Return a package from its public repository, unchecked.

    Raises:
        SettingsError: the repository cannot be reached or does not hold the version.
    """
    repository = pins.charts[name].repository.rstrip("/")
    try:
        index = requests.get(f"{repository}/index.yaml", timeout=DOWNLOAD_TIMEOUT_SECONDS)
        index.raise_for_status()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        entries = yaml.load(index.text, Loader=loader)["entries"].get(name, [])  # noqa: S506 - a safe loader
        urls = [entry["urls"][0] for entry in entries if entry["version"] == version]
        if not urls:
            raise _refusal(
                f"charts.{name}",
                f"has version {version} pinned, which {repository} does not hold",
                "a published version",
                "correct the version in charts.yaml",
            )
        url = urls[0] if "://" in urls[0] else f"{repository}/{urls[0]}"
        package = requests.get(url, timeout=DOWNLOAD_TIMEOUT_SECONDS)
        package.raise_for_status()
    except requests.RequestException as error:
        raise _refusal(
            f"charts.{name}",
            f"cannot be fetched from {repository}: {type(error).__name__}",
            "a reachable chart repository, a mirror folder or a warm cache",
            "check the network, or run once where the repository can be reached",
        ) from None
    return package.content


def store(path: Path, content: bytes) -> None:
    """Write whole or not at all: another process may read the cache at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(content)
    Path(part.name).replace(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refusal(path: str, what: str, allowed: str, fix: str) -> SettingsError:
    return SettingsError([Problem(path, what, allowed, fix)], "charts.yaml")
