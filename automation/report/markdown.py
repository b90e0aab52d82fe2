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
_FIRST: Final = 5
"""Lines that are shown of an error: what the engine says first."""
_LINE: Final = 400
"""Characters of one of them."""
_ERRORS: Final = 20
"""Errors that still show when not all do."""


def marker(environment: str, operation: str = "preview") -> str:
    """Return the line by which a pipeline finds its comment again."""
    return f"<!-- observability-platform {operation} of {environment} -->"


def failed(environment: str, sentence: str, operation: str = "preview") -> str:
    """Return what takes the comment's place when nothing could be looked at: that of the push before is not of this."""
    title = f"### {operation.capitalize()} of {environment}: failed"
    return "\n".join([marker(environment, operation), title, *_errors([sentence]), ""])


def markdown(report: Report, limit: int = LIMIT, gallery: str = "") -> str:
    """Return the comment.

    Diffs get shorter, then go, then changes are only counted, until it fits. Risks are named in any case, but for
    so many that their names alone are too long.

    Args:
        report: the regions.
        limit: characters that it may have.
        gallery: address of the dashboards as this change draws them; no link without it.
    """
    link = [f"[Dashboards as this change draws them]({gallery})", ""] if gallery else []
    shapes: list[tuple[Callable[[Sequence[Risk]], list[str]], Callable[[Sequence[Group], int], list[str]]]] = [
        (_risks, _whole),
        (_risks, _short),
        (_risks_together, _short),
        (_risks_together, _names_only),
        (_risks_together, _counted),
        (_risk_names, _counted),
        (_risk_counts, _counted),
    ]
    text = ""
    for risks, changes in shapes:
        lines = [marker(report.environment, report.operation), _title(report), "", *_table(report)]
        lines += _errors(report.errors)
        if report.risks:
            lines += ["", "#### Risks", "", *risks(report.risks), *_how(report.open_risks)]
        lines += [*changes(report.groups, len(report.regions)), "", *link]
        text = "\n".join(lines)
        if len(text) <= limit - _ROOM:
            break
    return text


def _title(report: Report) -> str:
    said = f"### {report.operation.capitalize()} of {report.environment}"
    if report.errors:
        return f"{said}: failed"
    risks = f", **{len(report.open_risks)} to acknowledge**" if report.open_risks else ""
    changes = _many(report.changes, "change") if report.groups else "no change"
    return f"{said}: {changes} in {_many(len(report.regions), 'region')}{risks}"


def _errors(errors: Sequence[str]) -> list[str]:
    """Return the first lines of errors; all of them are in the log of whoever ran this."""
    lines = []
    for error in errors[:_ERRORS]:
        said = error.splitlines() or [""]
        shown = [line if len(line) <= _LINE else f"{line[:_LINE]}..." for line in said[:_FIRST]]
        more = len(said) - len(shown)
        shown += [f"and {_many(more, 'line')} more; the pipeline's log has all of them"] if more else []
        lines += ["", f"> **Failed:** {shown[0]}", *(f"> {line}" for line in shown[1:])]
    more = len(errors) - _ERRORS
    return lines + (["", f"> {_many(more, 'error')} more; the pipeline's log has all of them"] if more > 0 else [])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _table(report: Report) -> list[str]:
    kinds = ["create", "update", "replace", "delete", "same"]
    lines = ["| region | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for region, counts in report.counts.items():
        known = {**counts, "replace": counts.get("replace", 0) or counts.get("create-replacement", 0)}
        lines.append(f"| {region} | " + " | ".join(str(known.get(kind, 0)) for kind in kinds) + " |")
    return lines


def _risks(risks: Sequence[Risk]) -> list[str]:
    return [
        f"- **{risk.kind}**{_seen(risk)} `{risk.subject}` in {', '.join(risk.regions)}: {risk.what}" for risk in risks
    ]


def _seen(risk: Risk) -> str:
    return " (acknowledged)" if risk.acknowledged else ""


def _risks_together(risks: Sequence[Risk]) -> list[str]:
    """Return every risk, what is said of each once where one resource has many of a kind."""
    found: dict[tuple[str, str], list[str]] = {}
    for risk in risks:
        what, _, cost = risk.what.rpartition(": ")
        head = f"- **{risk.kind}**{_seen(risk)} `{risk.subject}` in {', '.join(risk.regions)}:"
        found.setdefault((head, cost), []).append(what)
    lines = []
    for (head, cost), whats in found.items():
        files = {what.partition(" ")[0] for what in whats}
        where = f"{files.pop()} " if len(files) == 1 < len(whats) else ""
        lines.append(f"{head} {where}{'; '.join(what.removeprefix(where) for what in whats)}: {cost}")
    return lines


def _risk_names(risks: Sequence[Risk]) -> list[str]:
    lines = []
    for kind in dict.fromkeys(risk.kind for risk in risks):
        named = Counter(risk.subject for risk in risks if risk.kind == kind)
        many = {name: f" ({count} times)" if count > 1 else "" for name, count in named.items()}
        lines.append(f"- **{kind}**: {', '.join(f'`{name}`{more}' for name, more in many.items())}")
    return lines


def _risk_counts(risks: Sequence[Risk]) -> list[str]:
    counted = Counter(f"**{risk.kind}**{_seen(risk)}" for risk in risks)
    return [
        "Too many to name here; the preview's JSON has them.",
        "",
        *(f"- {kind}: {n}" for kind, n in counted.items()),
    ]


def _how(risks: Sequence[Risk]) -> list[str]:
    """Return how to acknowledge open risks."""
    kinds = ", ".join(dict.fromkeys(risk.kind for risk in risks))
    return ["", f"To acknowledge, write into the description: `allow-risk: {kinds}`"] if kinds else []


def _heading(group: Group, regions: int) -> str:
    return f"{group.op} {group.kind} `{group.label}` in {_where(group, regions)}"


def _where(group: Group, regions: int) -> str:
    return "all regions" if len(group.regions) == regions and regions > 1 else ", ".join(group.regions)


def _alike(groups: Sequence[Group]) -> list[list[Group]]:
    """Return groups, with those together that change the same values in the same regions."""
    found: dict[tuple[object, ...], list[Group]] = {}
    for group in groups:
        own = (repr(group.leaves),) if group.leaves else (group.type, group.label)
        found.setdefault((group.op, group.regions, *own), []).append(group)
    return list(found.values())


def _whole(groups: Sequence[Group], regions: int) -> list[str]:
    return _diffs(groups, regions, None)


def _short(groups: Sequence[Group], regions: int) -> list[str]:
    return _diffs(groups, regions, _FEW)


def _diffs(groups: Sequence[Group], regions: int, most: int | None) -> list[str]:
    lines = ["", "#### Changes", ""] if groups else []
    for alike in _alike(groups):
        group = alike[0]
        shown = [line for leaf in group.leaves for line in leaf.lines()]
        if not shown:
            lines.append(f"- {_heading(group, regions)}")
            continue
        more = len(shown) - most if most is not None and len(shown) > most else 0
        named = [f"{', '.join(f'{each.kind} `{each.label}`' for each in alike)}", ""] if len(alike) > 1 else []
        what = f"{group.op} {len(alike)} resources in {_where(group, regions)}" if named else _heading(group, regions)
        lines += [
            f"<details><summary>{what}: {_many(len(group.leaves), 'value')}{' each' if named else ''}</summary>",
            "",
            *named,
            "```diff",
            *(shown[:most]),
            *([f"  and {more} lines more; the preview's JSON has them"] if more else []),
            "```",
            "</details>",
        ]
    return lines


def _names_only(groups: Sequence[Group], regions: int) -> list[str]:
    lines = ["", "#### Changes", "", "Too many for their values to fit here; the preview's JSON has them.", ""]
    return lines + [f"- {_heading(group, regions)}: {_many(len(group.leaves), 'value')}" for group in groups]


def _counted(groups: Sequence[Group], regions: int) -> list[str]:
    del regions
    lines = ["", "#### Changes", "", "Too many to name here; the preview's JSON has them.", ""]
    counted = Counter((group.op, group.kind) for group in groups)
    return lines + [f"- {op} {kind}: {count}" for (op, kind), count in counted.items()]
