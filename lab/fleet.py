"""All regions of an environment, each in a lab of its own, for the driver to work on as it would on clusters."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from automation.private import write_private
from automation.site import SURROUNDINGS
from lab.instance import ROOT
from lab.lifecycle import Lab, Providers
from lab.reporter import Reporter
from settings import names
from settings.load import environment_from_file

_FILE: Final = "surroundings.json"


@contextmanager
def standing(
    environment: str,
    reporter: Reporter,
    root: Path = ROOT,
    only: Collection[str] = (),
    providers: Providers = Providers.STAND_IN,
) -> Iterator[dict[str, str]]:
    """Start the labs of an environment, and give the variables that lead the driver to them.

    The labs stay when this ends; `python -m lab down` ends each. Other commands of the lab wait outside meanwhile.

    Args:
        environment: dev, staging or prod.
        reporter: where progress goes.
        root: repository whose settings are run.
        only: regions to start; all without any.
        providers: who answers for resources.

    Raises:
        SettingsError: the settings are refused.
        LabError, ToolError: something does not start or build.
    """
    regions = [region for region in environment_from_file(environment, root).regions if not only or region in only]
    with ExitStack() as stack:
        variables = {}
        for region in regions:
            lab = Lab(names.stack(environment, region), reporter, providers, root)
            variables[region] = stack.enter_context(lab.surroundings())
        file = root / ".lab" / _FILE
        write_private(file, json.dumps(variables))
        try:
            yield {SURROUNDINGS: str(file), "FLEET_ROLLOUT": "applied"}
        finally:
            file.unlink(missing_ok=True)
