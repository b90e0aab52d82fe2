"""What a preview of three regions costs against one of them, through the driver, as a shell runs it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from automation.problem import Exit
from automation.site import HOME
from lab import fleet
from lab.lifecycle import Lab
from lab.reporter import Reporter
from lab.roots import linked
from settings import names
from settings.load import ROOT, config_file, environment_from_file

ENVIRONMENT: Final = "prod"
ONE: Final = "eu-west"
RATIO: Final = "preview of three regions / of one"
RUNS: Final = 3


def measure() -> dict[str, Any]:
    """Return the figures; labs of all regions are brought up first and taken down at the end."""
    with tempfile.TemporaryDirectory() as folder:
        root = linked(Path(folder), ENVIRONMENT, yaml.safe_load(config_file(ENVIRONMENT).read_text()))
        quiet = Reporter(Console(quiet=True))
        try:
            with fleet.standing(ENVIRONMENT, quiet, root) as variables:
                env = {**os.environ, **variables, HOME: str(root / ".fleet")}
                _driver(env, root, "up")
                return timed(env, root)
        finally:
            for region in environment_from_file(ENVIRONMENT, root).regions:
                Lab(names.stack(ENVIRONMENT, region), quiet, root=root).down()


def timed(env: Mapping[str, str], root: Path) -> dict[str, Any]:
    """Return medians of previews without a change, one region and all three in turn, on labs that stand."""
    one, three = [], []
    for _ in range(RUNS):
        one.append(_driver(env, root, "preview", "--region", ONE))
        three.append(_driver(env, root, "preview"))
    single, whole = statistics.median(one), statistics.median(three)
    return {
        "driver's preview of one region (s)": round(single, 2),
        "driver's preview of three regions (s)": round(whole, 2),
        RATIO: round(whole / single, 2),
    }


def _driver(env: Mapping[str, str], root: Path, *arguments: str) -> float:
    """Run a command of the driver, and return its seconds.

    Raises:
        subprocess.CalledProcessError: it failed, or a preview found a change.
    """
    command = [sys.executable, "-m", "automation", *arguments, "--env", ENVIRONMENT, "--root", str(root)]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=dict(env), stdout=subprocess.DEVNULL, check=False)
    if done.returncode != Exit.OK:
        raise subprocess.CalledProcessError(done.returncode, command)
    return time.monotonic() - started
