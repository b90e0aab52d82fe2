"""Run this repository's programs on other settings than the shipped ones: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from settings.load import ROOT, config_file

_PROGRAMS: Final = ("__main__.py", "Pulumi.yaml", "crds")


def linked(folder: Path, environment: str, document: Mapping[str, Any]) -> Path:
    """Return a root whose programs are this repository's, by link, and whose settings are given.

    Args:
        folder: made where it is missing; the lab's instances lie below it.
        environment: dev, staging or prod.
        document: the whole content of `Pulumi.<environment>.yaml`, written anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for program in _PROGRAMS:
        link = folder / program
        if not link.is_symlink():
            link.symlink_to(ROOT / program)
    config_file(environment, folder).write_text(yaml.safe_dump(document))
    return folder
