"""Gather the previews of an environment's regions into one report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from automation.paths import parts
from automation.problem import Exit
from automation.report.leaves import Leaf, leaves, renamed, substituted
from automation.report.risks import Found, of_change
from automation.report.routing import of_outputs
from automation.result import Change, Result
from settings.platform import Platform

_ORDER: Final = ("replace", "delete", "update", "create")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BETWEEN: Final = re.compile(r",(?=[\s`]*[a-z]+(?:-[a-z]+)+[\s`]*(?:[:,]|$))")
"""A comma with another risk behind it; within a route's name there may be others."""


@dataclass(frozen=True)
class Preview:
    """What the previews of one region's programs said."""

    region: str
    results: tuple[Result, ...] = ()
    violations: tuple[Mapping[str, str], ...] = ()
    """Policies that are broken: `rule`, `urn`, `message`."""
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """One change, and every region that it happens in alike."""

    project: str
    op: str
    type: str
    label: str
    """Name of the resource; a region's own names stand as {region}, {aws_region}, {account} and {cluster}."""
    regions: tuple[str, ...]
    leaves: tuple[Leaf, ...]

    @property
    def kind(self) -> str:
        """The last part of the type."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True)
class Risk:
    """Something that somebody has to acknowledge, and every region that it happens in."""

    kind: str
    subject: str
    what: str
    regions: tuple[str, ...]
    acknowledged: bool

    @property
    def token(self) -> str:
        """What `--allow` takes for this one risk; the kind alone allows all of its kind."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True)
class Report:
    """All regions of an environment, or those that were asked for."""

    operation: str
    """What was run: `preview`, `drift` or `upgrade`."""
    environment: str
    counts: Mapping[str, Mapping[str, int]]
    """Resources by what happens to them, by region."""
    risks: tuple[Risk, ...]
    groups: tuple[Group, ...]
    errors: tuple[str, ...]

    @property
    def regions(self) -> list[str]:
        """Every region, as given."""
        return list(self.counts)

    @property
    def changes(self) -> int:
        """How many different changes there are."""
        return len(self.groups)

    @property
    def open_risks(self) -> list[Risk]:
        """Risks that nobody has acknowledged; of drift, which has happened, there is nothing to acknowledge."""
        return [risk for risk in self.risks if not risk.acknowledged and self.operation != "drift"]

    @property
    def exit(self) -> Exit:
        """The exit code of a preview or a look for drift."""
        if self.errors:
            return Exit.FAILED
        if self.open_risks:
            return Exit.RISKS
        return Exit.CHANGES if self.groups else Exit.OK

    def without_risk(self, allowed: Iterable[str]) -> list[str]:
        """Return those of some acknowledgements that are of no risk here."""
        known = {name for risk in self.risks for name in (risk.kind, risk.token)}
        return [each for each in dict.fromkeys(allowed) if each not in known]

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {**asdict(self), "exit": int(self.exit)}


def make(previews: Sequence[Preview], platform: Platform, allowed: Collection[str] = (), operation: str = "") -> Report:
    """Return the report of some previews.

    Args:
        previews: one per region, in the order to be shown.
        platform: the settings, for each region's own names.
        allowed: acknowledged risks, each `kind` or `kind:subject`.
        operation: what was run; without it, what the results say.
    """
    said = (result.operation for preview in previews for result in preview.results)
    grouped: dict[tuple[str, str], tuple[Group, list[str]]] = {}
    risky: dict[Found, list[str]] = {}
    for preview in previews:
        names = _names(platform, preview.region)
        for result in preview.results:
            outputs = leaves(result.output_fields)
            risks = list(of_outputs(outputs))
            groups = [("", group) for group in _of_outputs(result.project, outputs, names)]
            for change in result.changes:
                found = leaves(change.fields)
                risks += of_change(change, found)
                # With all of its parents' types: two components may each have one of this type and name.
                groups.append((change.urn.split("::")[2], _of_change(result.project, change, found, names)))
            for risk in risks:
                risky.setdefault(_alike(risk, names), []).append(preview.region)
            for types, group in groups:
                grouped.setdefault((types, repr(group)), (group, []))[1].append(preview.region)
        for violation in preview.violations:
            broken = Found(violation["rule"], violation["urn"].rpartition("::")[2], violation["message"])
            risky.setdefault(_alike(broken, names), []).append(preview.region)
    return Report(
        operation=operation or next(said, "preview"),
        environment=str(platform.environment),
        counts={preview.region: _counts(preview.results) for preview in previews},
        risks=tuple(
            Risk(
                found.kind,
                found.subject,
                found.what,
                tuple(dict.fromkeys(regions)),
                found.kind in allowed or f"{found.kind}:{found.subject}" in allowed,
            )
            for found, regions in sorted(risky.items(), key=lambda item: (item[0].kind, item[0].subject, item[0].what))
        ),
        groups=tuple(
            sorted(
                (replace(group, regions=tuple(regions)) for group, regions in grouped.values()),
                key=lambda group: (_ORDER.index(group.op) if group.op in _ORDER else 0, group.type, group.label),
            )
        ),
        errors=tuple(dict.fromkeys(error for preview in previews for error in preview.errors)),
    )


def allowed_in(text: str) -> list[str]:
    """Return the risks that a pull request's text acknowledges, in lines like `allow-risk: retention-cut`.

    What nobody sees acknowledges nothing: comments go first, and one that does not end hides all behind it.
    """
    found = []
    for line in _COMMENT.sub("", text).splitlines():
        key, _, value = line.strip().lstrip("-*` ").partition(":")
        if key.strip().lower() == "allow-risk":
            found += [each.strip(" `") for each in _BETWEEN.split(value) if each.strip(" `")]
    return found


def _alike(risk: Found, names: Mapping[str, str]) -> Found:
    """Return a risk as it is in every region. Its names are replaced last: no rule knows a field by a placeholder."""
    return Found(risk.kind, substituted(risk.subject, names), substituted(risk.what, names))


def _of_change(project: str, change: Change, found: Iterable[Leaf], names: Mapping[str, str]) -> Group:
    bare = [Leaf(path, None, None, "update") for path in change.paths] if not change.fields else []
    shown = tuple(renamed(leaf, names) for leaf in (*found, *bare))
    return Group(project, change.op, change.type, substituted(change.label, names), (), shown)


def _of_outputs(project: str, found: Iterable[Leaf], names: Mapping[str, str]) -> list[Group]:
    """Return the stack's outputs that differ as changes, for among them is what a masked Secret does not show."""
    by_name: dict[str, list[Leaf]] = {}
    for leaf in found:
        by_name.setdefault(str(parts(leaf.path)[0]), []).append(renamed(leaf, names))
    return [Group(project, "update", "Output", name, (), tuple(each)) for name, each in sorted(by_name.items())]


def _counts(results: Iterable[Result]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for result in results:
        counted.update(result.counts)
    return dict(sorted(counted.items()))


def _names(platform: Platform, region: str) -> dict[str, str]:
    entry = platform.regions[region]
    return {
        entry.aws_region: "{aws_region}",
        entry.cluster.name: "{cluster}",
        entry.aws_account_id: "{account}",
        region: "{region}",
    }
