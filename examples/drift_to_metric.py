"""Count drifted resources per region, as a text file that node-exporter's textfile collector picks up.

Run: python examples/drift_to_metric.py ENVIRONMENT FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from automation import Fleet
from settings.load import ROOT

NAME = "observability_platform_drifted_resources"


def main(environment: str, file: Path, root: Path = ROOT) -> int:
    """Write the file; return 0 when nothing drifted, 1 when a region could not be asked, 2 when something did."""
    report = Fleet(environment, root).drift()
    lines = [f"# HELP {NAME} Resources that differ from the stack's state.", f"# TYPE {NAME} gauge"]
    for region, counts in report.counts.items():
        drifted = sum(count for operation, count in counts.items() if operation != "same")
        lines.append(f'{NAME}{{environment="{environment}",region="{region}"}} {drifted}')
    partial = file.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n")
    partial.rename(file)
    return 1 if report.errors else 2 if report.groups else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
