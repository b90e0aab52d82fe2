"""The comment on a pull request: risks first and always whole, diffs folded, and never longer than GitHub takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from automation.report.model import Group, Report, Risk

LIMIT: Final = 65_536
"""Characters that GitHub takes in a comment."""
_ROOM: Final = 500
"""Characters kept free for what a pipeline adds, such as a link to its run."""
_FEW: Final = 12
"""Lines of a diff that still show when not all do."""


def marker(environment: str) -> str:
    """Return the line by which a pipeline finds its comment again."""
    return f"<!-- observability-platform preview of {environment} -->"


def markdown(report: Report, limit: int = LIMIT, gallery: str = "") -> str:
    """Return the comment.

    Diffs get shorter, then go, then changes are only counted, until it fits; risks are named in any case.

    Args:
        report: the regions.
        limit: characters that it may have.
        gallery: address of the dashboards as this change draws them; no link without it.
    """
    link = [f"[Dashboards as this change draws them]({gallery})", ""] if gallery else []
    shapes: list[tuple[Callable[[Sequence[Risk]], list[str]], Callable[[Sequence[Group], int], list[str]]]] = [
        (_risks, _whole),
        (_risks, _short),
        (_risks, _names_only),
        (_risks, _counted),
        (_risk_names, _counted),
    ]
    text = ""
    for risks, changes in shapes:
        lines = [marker(report.environment), _title(report), "", *_table(report)]
        lines += [line for error in report.errors for line in ("", f"> **Failed:** {error.replace(chr(10), ' ')}")]
        lines += risks(report.risks) + changes(report.groups, len(report.regions)) + ["", *link]
        text = "\n".join(lines)
        if len(text) <= limit - _ROOM:
            break
    return text


def _title(report: Report) -> str:
    regions = f"{len(report.regions)} region{'s' if len(report.regions) != 1 else ''}"
    if report.errors:
        return f"### Preview of {report.environment}: failed"
    if not report.groups:
        return f"### Preview of {report.environment}: no change in {regions}"
    risks = f", **{len(report.open_risks)} to acknowledge**" if report.open_risks else ""
    return f"### Preview of {report.environment}: {report.changes} changes in {regions}{risks}"


def _table(report: Report) -> list[str]:
    kinds = ["create", "update", "replace", "delete", "same"]
    lines = ["| region | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for region, counts in report.counts.items():
        known = {**counts, "replace": counts.get("replace", 0) or counts.get("create-replacement", 0)}
        lines.append(f"| {region} | " + " | ".join(str(known.get(kind, 0)) for kind in kinds) + " |")
    return lines


def _risks(risks: Sequence[Risk]) -> list[str]:
    if not risks:
        return []
    lines = ["", "#### Risks", ""]
    for risk in risks:
        seen = " (acknowledged)" if risk.acknowledged else ""
        lines.append(f"- **{risk.kind}**{seen} `{risk.subject}` in {', '.join(risk.regions)}: {risk.what}")
    return lines + _how(risks)


def _risk_names(risks: Sequence[Risk]) -> list[str]:
    lines = ["", "#### Risks", ""]
    for kind in dict.fromkeys(risk.kind for risk in risks):
        named = dict.fromkeys(risk.subject for risk in risks if risk.kind == kind)
        lines.append(f"- **{kind}**: {', '.join(f'`{name}`' for name in named)}")
    return lines + _how(risks)


def _how(risks: Sequence[Risk]) -> list[str]:
    kinds = ", ".join(dict.fromkeys(risk.kind for risk in risks if not risk.acknowledged))
    return ["", f"To acknowledge, write into the description: `allow-risk: {kinds}`"] if kinds else []


def _heading(group: Group, regions: int) -> str:
    where = "all regions" if len(group.regions) == regions and regions > 1 else ", ".join(group.regions)
    return f"{group.op} {group.kind} `{group.label}` in {where}"


def _whole(groups: Sequence[Group], regions: int) -> list[str]:
    return _diffs(groups, regions, None)


def _short(groups: Sequence[Group], regions: int) -> list[str]:
    return _diffs(groups, regions, _FEW)


def _diffs(groups: Sequence[Group], regions: int, most: int | None) -> list[str]:
    lines = ["", "#### Changes", ""] if groups else []
    for group in groups:
        shown = [line for leaf in group.leaves for line in leaf.lines()]
        if not shown:
            lines.append(f"- {_heading(group, regions)}")
            continue
        more = len(shown) - most if most is not None and len(shown) > most else 0
        lines += [
            f"<details><summary>{_heading(group, regions)}: {len(group.leaves)} values</summary>",
            "",
            "```diff",
            *(shown[:most]),
            *([f"  and {more} lines more; the preview's JSON has them"] if more else []),
            "```",
            "</details>",
        ]
    return lines


def _names_only(groups: Sequence[Group], regions: int) -> list[str]:
    lines = ["", "#### Changes", "", "Too many for their values to fit here; the preview's JSON has them.", ""]
    return lines + [f"- {_heading(group, regions)}: {len(group.leaves)} values" for group in groups]


def _counted(groups: Sequence[Group], regions: int) -> list[str]:
    del regions
    lines = ["", "#### Changes", "", "Too many to name here; the preview's JSON has them.", ""]
    counted = Counter((group.op, group.kind) for group in groups)
    return lines + [f"- {op} {kind}: {count}" for (op, kind), count in counted.items()]
