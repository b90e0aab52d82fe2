"""Gather the previews of an environment's regions into one report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from automation.problem import Exit
from automation.report.leaves import Leaf, leaves, renamed, substituted
from automation.report.risks import Found, of_change, of_outputs
from automation.result import Change, Result
from settings.platform import Platform

_ORDER: Final = ("replace", "delete", "update", "create")


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
        """Risks that nobody has acknowledged."""
        return [risk for risk in self.risks if not risk.acknowledged]

    @property
    def exit(self) -> Exit:
        """The exit code of a preview."""
        if self.errors:
            return Exit.FAILED
        if self.open_risks:
            return Exit.RISKS
        return Exit.CHANGES if self.groups else Exit.OK

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {**asdict(self), "exit": int(self.exit)}


def make(previews: Sequence[Preview], platform: Platform, allowed: Collection[str] = ()) -> Report:
    """Return the report of some previews.

    Args:
        previews: one per region, in the order to be shown.
        platform: the settings, for each region's own names.
        allowed: acknowledged risks, each `kind` or `kind:subject`.
    """
    grouped: dict[tuple[str, ...], tuple[Group, list[str]]] = {}
    risky: dict[Found, list[str]] = {}
    for preview in previews:
        names = _names(platform, preview.region)
        for result in preview.results:
            for change, found in _changes(result, names):
                group = Group(result.project, change.op, change.type, change.label, (), tuple(found))
                key = (group.project, group.op, group.type, group.label, repr(group.leaves))
                grouped.setdefault(key, (group, []))[1].append(preview.region)
                for risk in of_change(change, found):
                    risky.setdefault(risk, []).append(preview.region)
            outputs = [renamed(leaf, names) for leaf in leaves(result.output_fields)]
            for risk in of_outputs(outputs):
                risky.setdefault(risk, []).append(preview.region)
            for group in _of_outputs(result.project, outputs):
                key = (group.project, group.op, group.type, group.label, repr(group.leaves))
                grouped.setdefault(key, (group, []))[1].append(preview.region)
        for violation in preview.violations:
            label = substituted(violation["urn"].rpartition("::")[2], names)
            risky.setdefault(Found(violation["rule"], label, violation["message"]), []).append(preview.region)
    return Report(
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
                (
                    Group(group.project, group.op, group.type, group.label, tuple(regions), group.leaves)
                    for group, regions in grouped.values()
                ),
                key=lambda group: (_ORDER.index(group.op) if group.op in _ORDER else 0, group.type, group.label),
            )
        ),
        errors=tuple(dict.fromkeys(error for preview in previews for error in preview.errors)),
    )


def allowed_in(text: str) -> list[str]:
    """Return the risks that a pull request's text acknowledges, in lines like `allow-risk: retention-cut`."""
    found = []
    for line in text.splitlines():
        key, _, value = line.strip().lstrip("-*` ").partition(":")
        if key.strip().lower() == "allow-risk":
            found += [each.strip(" `") for each in value.split(",") if each.strip(" `")]
    return found


def _changes(result: Result, names: Mapping[str, str]) -> Iterable[tuple[Change, list[Leaf]]]:
    for change in result.changes:
        label = substituted(change.label, names)
        urn = "::".join([*change.urn.split("::", 3)[:3], label])
        found = [renamed(leaf, names) for leaf in leaves(change.fields)]
        bare = [Leaf(path, None, None, "update") for path in change.paths] if not change.fields else []
        yield Change(urn, change.op, change.paths, change.fields), found or bare


def _of_outputs(project: str, found: Iterable[Leaf]) -> list[Group]:
    """Return the stack's outputs that differ as changes, for among them is what a masked Secret does not show."""
    by_name: dict[str, list[Leaf]] = {}
    for leaf in found:
        by_name.setdefault(re.split(r"[.\[]", leaf.path, maxsplit=1)[0], []).append(leaf)
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
