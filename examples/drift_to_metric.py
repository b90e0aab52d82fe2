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
    fleet = Fleet(environment, root)
    lines = [f"# HELP {NAME} Resources that differ from the stack's state.", f"# TYPE {NAME} gauge"]
    codes = {0}
    for region in fleet.plan().regions:
        report = fleet.drift([region])
        if report.errors:
            # No value is what an alert on absence sees; 0 would be a lie.
            print(*report.errors, sep="\n", file=sys.stderr)
            codes.add(1)
            continue
        drifted = sum(count for operation, count in report.counts[region].items() if operation != "same")
        lines.append(f'{NAME}{{environment="{environment}",region="{region}"}} {drifted}')
        codes.add(2 if drifted else 0)
    partial = file.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n")
    partial.rename(file)
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
