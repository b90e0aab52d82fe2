"""Roll the canary region out, look at it, and go on only when somebody says so.

Run: python examples/canary_then_ask.py ENVIRONMENT
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from automation import Fleet
from settings.load import ROOT


def main(environment: str, agreed: Callable[[str], bool], root: Path = ROOT) -> int:
    """Return 0 when every region is up, 1 when one failed, 2 when somebody said no."""
    fleet = Fleet(environment, root, say=lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        return waves(fleet, agreed, Path(folder) / "plan.json")


def waves(fleet: Fleet, agreed: Callable[[str], bool], plan: Path) -> int:
    """Go through the waves; what somebody agreed to is what is rolled out, or nothing."""
    for wave in fleet.plan().waves:
        report = fleet.preview(wave.regions, save=plan)
        if report.errors:
            print(*report.errors, sep="\n")
            return 1
        for risk in report.risks:
            print(f"{risk.kind}: {risk.what}")
        if not agreed(f"wave {wave.number}: {report.changes} changes in {', '.join(wave.regions)}; go on?"):
            return 2
        allowed = {risk.token for risk in report.risks}
        journal = fleet.up(wave.regions, allowed, plan=plan, rollout_status="applied")
        if not journal.finished:
            print(*(region.error for region in journal.regions.values()), sep="\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], lambda question: input(f"{question} [y/N] ") == "y"))
