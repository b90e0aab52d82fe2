"""Make an environment with many tenants, from the shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from settings import names
from settings.load import ROOT, config_file

PROGRAMS = ("__main__.py", "Pulumi.yaml", "crds")
"""What a root needs beside the settings; linked, so that it is the same program."""


def root_with(tenants: int, environment: str, folder: Path) -> Path:
    """Return a folder that runs this repository's programs on an environment of `tenants` tenants."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        link = folder / program
        if not link.exists():
            link.symlink_to(ROOT / program)
    (folder / config_file(environment).name).write_text(yaml.safe_dump(document(tenants, environment)))
    return folder


def document(tenants: int, environment: str) -> dict[str, Any]:
    """Return the shipped file with that many tenants, sizes and channels as the shipped ones in turn."""
    shipped: dict[str, Any] = yaml.safe_load(config_file(environment).read_text())
    platform = shipped["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"]
    models = list(platform["tenants"].values())
    platform["tenants"] = {
        f"tenant-{number:03}": {**models[number % len(models)], "namespaces": [f"tenant-{number:03}"], "regions": None}
        for number in range(tenants)
    }
    return shipped
