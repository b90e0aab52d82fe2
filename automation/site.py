"""Where the driver works: which repository, which environment, what each region's operations see, what is kept."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from automation import locks
from automation.problem import AutomationError
from automation.projects import Project, projects
from settings import names
from settings.load import ROOT, environment_from_file
from settings.platform import Platform
from settings.problem import SettingsError

SURROUNDINGS: Final = "FLEET_SURROUNDINGS"
"""Environment variable: a private JSON file of environment variables by region, for what differs between regions."""
HOME: Final = "FLEET_HOME"
"""Environment variable: folder of journals and saved plans, instead of `.fleet` in the repository."""
SECRETS_PROVIDER: Final = "FLEET_SECRETS_PROVIDER"
"""Environment variable: who encrypts a new stack's secrets, such as awskms://alias/pulumi?region=eu-west-1."""
BACKEND: Final = "PULUMI_BACKEND_URL"
"""Environment variable, Pulumi's own: where the states are."""


@dataclass(frozen=True)
class Site:
    """One environment of one repository, as the driver's operations see it."""

    environment: str
    root: Path = ROOT
    home: Path = ROOT / ".fleet"
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Environment variables of a region's operations, added to the driver's own."""

    @classmethod
    def of(cls, environment: str, root: Path = ROOT) -> Site:
        """Return the site that the process' environment describes.

        Raises:
            AutomationError: FLEET_SURROUNDINGS names no private file of the form {"region": {"VARIABLE": "value"}}.
        """
        home = os.environ.get(HOME)
        file = os.environ.get(SURROUNDINGS)
        variables = _read(Path(file)) if file else {}
        return cls(environment, root.resolve(), Path(home).resolve() if home else root.resolve() / ".fleet", variables)

    @property
    def folder(self) -> Path:
        """What is kept of this environment."""
        return self.home / self.environment

    def settings(self) -> Platform:
        """Return the environment's settings.

        Raises:
            SettingsError: they are refused.
            AutomationError: FLEET_SURROUNDINGS has variables of a region that is none.
        """
        platform = environment_from_file(self.environment, self.root)
        if unknown := set(self.variables) - set(platform.regions):
            self._refuse(unknown - self._others(), sorted(platform.regions))
        return platform

    def _others(self) -> set[str]:
        """Return the regions of the other environments, which may be in the same file of surroundings."""
        found: set[str] = set()
        for file in self.root.glob("Pulumi.*.yaml"):
            # What is wrong with another environment's settings is said when that one is worked on.
            with suppress(SettingsError):
                found |= set(environment_from_file(file.name.split(".")[1], self.root).regions)
        return found

    def _refuse(self, unknown: set[str], regions: list[str]) -> None:
        if unknown:
            raise AutomationError(
                f"{SURROUNDINGS} has variables of {', '.join(sorted(unknown))}, which is no region of any environment; "
                f"allowed: {', '.join(regions)}, and those of other environments; fix: correct the name in that file"
            )

    def stack(self, region: str) -> str:
        """Return the name of a region's stacks."""
        return names.stack(self.environment, region)

    def projects(self) -> list[Project]:
        """Return the programs of a region, in the order they come up."""
        return projects(self.root)

    def environ(self, region: str) -> dict[str, str]:
        """Return the whole environment of a region's operations.

        Each works in a folder of its own, so a backend that is a relative folder is taken from this process' folder.
        """
        found = {**os.environ, **self.variables.get(region, {})}
        backend = found.get(BACKEND, "")
        if backend.startswith("file://") and not backend.startswith("file:///"):
            where = urlsplit(backend)._replace(netloc="", path=quote(str(locks.folder(backend))))
            found[BACKEND] = urlunsplit(where)
        return found

    def create(self) -> Path:
        """Make the folder that only its owner may read, and return it.

        Raises:
            AutomationError: it cannot be made.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise AutomationError(
                f"{self.folder}: cannot be made ({error.strerror}); allowed: a folder that you may write; "
                f"fix: set {HOME} to one"
            ) from None
        return self.folder


def _read(file: Path) -> dict[str, dict[str, str]]:
    wanted = (
        f'{SURROUNDINGS} is {file}, %s; allowed: a file of mode 0600 with {{"region": {{"VARIABLE": "value"}}}}; %s'
    )
    try:
        mode = file.stat().st_mode
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AutomationError(wanted % (f"which cannot be read ({error.strerror})", "fix: correct the path")) from None
    except ValueError:
        raise AutomationError(wanted % ("which is no JSON", "fix: correct it")) from None
    if stat.S_IMODE(mode) & 0o077:
        raise AutomationError(wanted % ("which others may read", f"fix: chmod 600 {file}"))
    maps = document.values() if isinstance(document, dict) else [None]
    if not all(isinstance(each, dict) and all(isinstance(value, str) for value in each.values()) for each in maps):
        raise AutomationError(wanted % ("which is laid out otherwise", "fix: correct it"))
    return {str(region): dict(each) for region, each in document.items()}
