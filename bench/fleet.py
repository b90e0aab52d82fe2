"""Make an environment with many tenants, from the shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lab.roots import linked
from settings import names
from settings.load import config_file


def root_with(tenants: int, environment: str, folder: Path) -> Path:
    """Return a folder that runs this repository's programs on an environment of `tenants` tenants."""
    return linked(folder, environment, document(tenants, environment))


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
