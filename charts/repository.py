"""Get a chart package from where it is published, unchecked: a public repository, or a mirror directory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
import yaml

from charts.pins import FILE, Pins
from settings.problem import Problem, SettingsError

TIMEOUT_SECONDS = (10, 60)
"""To connect, and between two pieces of an answer. The largest public index has 6 MB (August 2026)."""


class Public:
    """Public chart repositories; the index of each is read once."""

    def __init__(self) -> None:
        """Start with no index read."""
        self._indexes: dict[str, Any] = {}

    def package(self, pins: Pins, name: str, version: str) -> bytes:
        """Return a package, whose digest is the one its repository's index gives.

        Raises:
            SettingsError: the repository cannot be reached, is none, or does not hold the version.
        """
        repository = pins.charts[name].repository.rstrip("/") + "/"
        entry = self._entry(repository, name, version)
        content = _get(urljoin(repository, entry["urls"][0]), repository, name)
        found = digest(content)
        if entry.get("digest", found) != found:
            raise refused(
                name,
                f"came from {repository} with the digest {found}",
                f"the digest of its index, {entry['digest']}",
                "try again; if it stays so, tell the repository's maintainers and do not use the package",
            )
        return content

    def _entry(self, repository: str, name: str, version: str) -> dict[str, Any]:
        if repository not in self._indexes:
            self._indexes[repository] = _index(repository, name)
        entries = self._indexes[repository].get(name) or []
        held = [entry for entry in entries if entry.get("version") == version and entry.get("urls")]
        if not held:
            newest = ", ".join(str(entry.get("version")) for entry in entries[:5])
            raise refused(
                name,
                f"has no version {version} in {repository}",
                f"a published version, such as {newest}" if newest else "a chart that this repository publishes",
                "correct the version, or the repository in charts.yaml",
            )
        return dict(held[0])


def _index(repository: str, name: str) -> dict[str, Any]:
    # The C loader reads the largest index about ten times as fast; it is safe as well.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        index = yaml.load(_get(urljoin(repository, "index.yaml"), repository, name), Loader=loader)  # noqa: S506 - safe
    except yaml.YAMLError:
        index = None
    if not isinstance(index, dict) or not isinstance(index.get("entries"), dict):
        raise refused(
            name,
            f"cannot be looked up in {repository}: its index.yaml is no chart index",
            "a Helm chart repository",
            "correct the repository in charts.yaml, or look whether a proxy answers in its place",
        )
    return dict(index["entries"])


def _get(url: str, repository: str, name: str) -> bytes:
    try:
        answer = requests.get(url, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
    except requests.HTTPError as error:
        reason = f"the answer is {error.response.status_code}"
    except requests.Timeout:
        reason = f"no answer within {sum(TIMEOUT_SECONDS)} s"
    except requests.RequestException as error:
        reason = "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
    else:
        return answer.content
    raise refused(
        name,
        f"cannot be fetched from {repository}: {reason}",
        "a repository that can be reached, a mirror directory or a warm cache",
        "check the network, or run python -m charts pull where the repository can be reached",
    )


def from_mirror(mirror: Path, name: str, version: str) -> bytes:
    """Return a package of a mirror directory.

    Raises:
        SettingsError: the directory does not hold the version.
    """
    package = mirror / f"{name}-{version}.tgz"
    if not package.is_file():
        raise refused(
            name,
            f"has no version {version} in the mirror {mirror.name}",
            ", ".join(sorted(p.stem for p in mirror.glob(f"{name}-[v0-9]*.tgz"))) or "no version of it",
            f"put {package.name} into the mirror, or remove the mirror directory to use the public repository",
        )
    return package.read_bytes()


def digest(content: bytes) -> str:
    """Return the sha256 of a package, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def refused(name: str, what: str, allowed: str, fix: str) -> SettingsError:
    """Return a refusal about one chart."""
    return SettingsError([Problem(f"charts.{name}", what, allowed, fix)], FILE)
