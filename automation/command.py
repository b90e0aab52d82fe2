"""The Pulumi CLI that operations run: which version it is, asked once, since each start takes a third of a second."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Final

from automation.problem import AutomationError

LEAST: Final = (3, 206)
"""From here on events come over a connection; before, they lay in a file meanwhile, with what the engine debugs."""


def version(environ: Mapping[str, str]) -> str:
    """Return the version of the `pulumi` that an environment leads to, such as 3.259.0.

    Raises:
        AutomationError: there is none, or it is too old.
    """
    wanted = f"allowed: {LEAST[0]}.{LEAST[1]} or later; fix: install the version of the SDK in pyproject.toml"
    found = shutil.which("pulumi", path=environ.get("PATH", ""))
    if found is None:
        raise AutomationError(f"pulumi is not on PATH; {wanted}")
    quiet = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    said = subprocess.run([found, "version"], env=quiet, capture_output=True, text=True, check=False).stdout.strip()
    numbers = re.fullmatch(r"v?((\d+)\.(\d+)\.\d+\S*)", said)
    if numbers is None or (int(numbers[2]), int(numbers[3])) < LEAST:
        raise AutomationError(f"{found} is version {said or 'unknown'}; {wanted}")
    return numbers[1]
