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
from bench import distance
from lab import fleet
from lab.lifecycle import Lab
from lab.reporter import Reporter
from lab.roots import linked
from settings import names
from settings.load import ROOT, config_file, environment_from_file

ENVIRONMENT: Final = "prod"
ONE: Final = "eu-west"
ROUND_TRIPS: Final = (0.0, 0.08, 0.16)
"""Seconds to each region's API server and back: labs' own, across an ocean, across two."""
RUNS: Final = 3


def ratio(round_trip: float) -> str:
    """Return the name of the figure that is to be small."""
    return f"preview of three regions / of one{_away(round_trip)}"


def measure() -> dict[str, Any]:
    """Return the figures; labs of all regions are brought up first and taken down at the end."""
    with tempfile.TemporaryDirectory() as folder:
        root = linked(Path(folder), ENVIRONMENT, yaml.safe_load(config_file(ENVIRONMENT).read_text()))
        quiet = Reporter(Console(quiet=True))
        regions = environment_from_file(ENVIRONMENT, root).regions
        labs = [Lab(names.stack(ENVIRONMENT, region), quiet, root=root) for region in regions]
        try:
            with fleet.standing(ENVIRONMENT, quiet, root) as variables:
                env = {**os.environ, **variables, HOME: str(root / ".fleet")}
                _driver(env, root, "up")
                figures: dict[str, Any] = {}
                for round_trip in ROUND_TRIPS:
                    with distance.apart([lab.instance.kubeconfig for lab in labs], round_trip):
                        figures |= _timed(env, root, round_trip)
                return figures
        finally:
            for lab in labs:
                lab.down()


def _timed(env: Mapping[str, str], root: Path, round_trip: float) -> dict[str, Any]:
    """Return medians of previews without a change, one region and all three in turn, on labs that stand."""
    one, three = [], []
    for _ in range(RUNS):
        one.append(_driver(env, root, "preview", "--region", ONE))
        three.append(_driver(env, root, "preview"))
    single, whole = statistics.median(one), statistics.median(three)
    return {
        f"driver's preview of one region{_away(round_trip)} (s)": round(single, 2),
        f"driver's preview of three regions{_away(round_trip)} (s)": round(whole, 2),
        ratio(round_trip): round(whole / single, 2),
    }


def _away(round_trip: float) -> str:
    return f", {round_trip * 1000:g} ms away" if round_trip else ""


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
