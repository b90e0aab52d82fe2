"""The same report for a terminal."""

from __future__ import annotations

from typing import Final

from automation.problem import Exit
from automation.report.model import Report

_SHOWN: Final = 40
_FIELDS: Final = 8


def text(report: Report, following: str) -> str:
    """Return the report as plain lines; `following` is the command that comes next."""
    lines = []
    for region, counts in report.counts.items():
        said = ", ".join(f"{op} {count}" for op, count in counts.items() if count) or "nothing"
        lines.append(f"{report.environment}.{region}: {said}")
    for error in report.errors:
        lines += ["", error]
    if report.risks:
        lines += ["", "Risks:"]
    for risk in report.risks:
        seen = " (acknowledged)" if risk.acknowledged else ""
        lines.append(f"  {risk.kind}{seen} {risk.subject} in {', '.join(risk.regions)}: {risk.what}")
    if report.groups:
        lines += ["", "Changes:"]
    for group in report.groups[:_SHOWN]:
        lines.append(f"  {group.op} {group.kind} {group.label} in {', '.join(group.regions)}")
        shown = [line for leaf in group.leaves for line in leaf.lines()]
        lines += [f"    {line}" for line in shown[:_FIELDS]]
        lines += [f"    and {len(shown) - _FIELDS} lines more; --json has them"] if len(shown) > _FIELDS else []
    if len(report.groups) > _SHOWN:
        lines.append(f"  and {len(report.groups) - _SHOWN} changes more; --json has them")
    lines.append("")
    if report.exit is Exit.OK:
        lines.append("No change. Nothing to do.")
    elif report.exit is Exit.RISKS:
        kinds = dict.fromkeys(risk.kind for risk in report.open_risks)
        allow = "".join(f" --allow {kind}" for kind in kinds) if report.operation == "preview" else ""
        lines.append(f"Next, when that is meant: {following}{allow}")
    elif report.exit is Exit.CHANGES:
        lines.append(f"Next: {following}")
    return "\n".join(lines)
