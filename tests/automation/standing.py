"""A fleet in small: the settings that ship, a program of 20 resources, labs of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from automation.private import write_private
from automation.site import HOME, SURROUNDINGS
from lab import fleet
from lab.instance import ROOT
from lab.lifecycle import Lab
from lab.reporter import Reporter
from settings import names
from settings.load import config_file

Edit = Callable[[dict[str, Any]], None]
PROGRAM = Path(__file__).parent / "program" / "__main__.py"


@dataclass(frozen=True)
class Fleet:
    """The repository that the driver works on, and the variables that lead it to the labs."""

    environment: str
    root: Path
    variables: Mapping[str, str]

    def edit(self, *edits: Edit) -> None:
        """Set the settings to the shipped ones with these edits."""
        document = yaml.safe_load(config_file(self.environment).read_text())
        for edit in edits:
            edit(document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"])
        config_file(self.environment, self.root).write_text(yaml.safe_dump(document))

    def elsewhere(self, folder: Path, /, only: str = "", **variables: str) -> dict[str, str]:
        """Return the fleet's own surroundings but for some variables of its regions, or of one."""
        known = json.loads(Path(self.variables[SURROUNDINGS]).read_text())
        changed = {region: {**each, **(variables if only in ("", region) else {})} for region, each in known.items()}
        write_private(folder / "surroundings.json", json.dumps(changed))
        return {SURROUNDINGS: str(folder / "surroundings.json")}

    def lab(self, region: str) -> Lab:
        """Return one region's lab."""
        return Lab(names.stack(self.environment, region), quiet(), root=self.root)


def quiet() -> Reporter:
    """Return a reporter that shows nothing."""
    return Reporter(Console(quiet=True))


def repository(folder: Path, environment: str, *edits: Edit) -> Fleet:
    """Make a repository of the small program, and no lab."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    shutil.copy(PROGRAM, folder / "__main__.py")
    made = Fleet(environment, folder, {})
    made.edit(*edits)
    return made


@contextmanager
def standing(folder: Path, environment: str, *edits: Edit) -> Iterator[Fleet]:
    """Start the labs of all regions, and take everything down at the end."""
    made = repository(folder, environment, *edits)
    platform = made.root
    regions = list(yaml.safe_load(config_file(environment, platform).read_text())["config"][_KEY]["regions"])
    before = dict(os.environ)
    try:
        with fleet.standing(environment, quiet(), folder) as variables:
            yield Fleet(environment, folder, {**variables, HOME: str(folder / ".fleet")})
    finally:
        os.environ.clear()
        os.environ.update(before)
        for region in regions:
            made.lab(region).down()


_KEY = f"{names.PROJECT}:{names.CONFIG_KEY}"
