"""What another version of a chart would change in every region, rendered with each region's own values."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from automation import rendering, scraping
from automation.paths import MISSING, differences
from automation.problem import AutomationError
from automation.report import Preview, Report, make
from automation.result import Change, Field, Result
from charts import crds as repackaged
from charts import edit, pins
from charts.pull import Package, fetch, store
from charts.repository import Public
from components import crds
from components.values import addresses, releases
from components.values.context import Context
from components.values.releases import Release
from settings import load, names
from settings.platform import Platform

_IMMUTABLE: Final = {
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates", "revisionHistoryLimit"),
    "Deployment": ("selector",),
    "DaemonSet": ("selector",),
    "Job": ("selector", "template"),
}
_CRDS: Final = {
    crds.PROMETHEUS_CHART: crds.PROMETHEUS_CHART,
    crds.OPENTELEMETRY_CHART: addresses.OPERATOR_RELEASE,
}
"""Charts of the stack of CRDs, and their releases there."""
_LOST_OF_CRD: Final = re.compile(r'^spec\.versions\.\w+$|\.(?:properties|enum)(?:\.\w+|\["[^"]*"\])$')
"""Of a CRD's paths: a version, and a field or a value in the schema of one."""
_BUILT: Final = load.ROOT / ".tools" / "bin"
"""Where `python -m tools` builds helm; known by its place, since what ships does not import the tools."""
_USERS: Final = ("rules", "dashboards")
_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*[a-zA-Z0-9_]")


@dataclass(frozen=True)
class Proposal:
    """charts.yaml with another version of a chart as its default, in memory until somebody writes it."""

    chart: str
    version: str
    root: Path
    """Repository, with charts.yaml, rules and dashboards."""
    was: str
    """Text of charts.yaml."""
    text: str
    """Text that it would have."""

    def write(self) -> bool:
        """Write charts.yaml, and return whether that changed it.

        Raises:
            AutomationError: somebody else has changed it since, or it cannot be written.
        """
        if self.text == self.was:
            return False
        file = self.root / pins.FILE
        try:
            if file.read_text(encoding="utf-8") != self.was:
                raise AutomationError("charts.yaml: changed while it was compared; fix: run the same command again")
            store(file, self.text.encode())
        except OSError as error:
            raise AutomationError(
                f"{file}: cannot be written ({error.strerror}); allowed: a file that you may write; "
                "fix: its mode, or free space"
            ) from None
        return True


@dataclass(frozen=True)
class Upgrade:
    """What a version of a chart brings."""

    chart: str
    before: str
    """The default so far."""
    after: str
    kept: Mapping[str, str]
    """Version by region that has its own in the settings: the default does not change it."""
    report: Report
    """The objects that change, alike ones once, risks first."""
    new_crds: tuple[str, ...]
    """CRDs that the package has now and had not, beside those that it installs."""
    lost_fields: tuple[str, ...]
    """Versions, fields and values of CRDs that the API server would no longer know, each `crd path`."""
    lost_targets: tuple[str, ...]
    """ServiceMonitors and PodMonitors that go, each `kind/name`."""
    lost_series: Mapping[str, tuple[str, ...]]
    """Series that are no longer recorded or that are dropped now, and our files that use each."""
    lost_labels: Mapping[str, tuple[str, ...]]
    """Labels that scrapes no longer get, and our files that use each."""

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {**vars(self), "report": self.report.document()}


def propose(chart: str, version: str, root: Path = load.ROOT) -> Proposal:
    """Return charts.yaml with a version as the default, and with its digest where the version is new; write nothing.

    Args:
        chart: key of charts.yaml.
        version: one that is listed there, or that the mirror or the public repository has.
        root: repository.

    Raises:
        SettingsError: the chart is not in charts.yaml, or there is no such package.
        AutomationError: charts.yaml is not laid out as expected.
    """
    known = pins.load(root)
    versions = edit.entry_of(known, chart).versions
    was = text = (root / pins.FILE).read_text(encoding="utf-8")
    if version not in versions:
        origin: edit.Origin = "mirror" if (root / known.mirror).is_dir() else "public"
        text = edit.written(text, chart, version, *edit.measured(known, chart, version, origin, root))
    return Proposal(chart, version, root, was, _with_default(text, chart, version))


def compare(proposal: Proposal, platform: Platform) -> Upgrade:
    """Return what a proposal would change.

    Args:
        proposal: another default of a chart.
        platform: the environment whose regions are rendered.

    Raises:
        SettingsError: a region chooses a version that is not pinned, or there is no package.
        AutomationError: helm is missing or refuses, or no region installs the chart.
    """
    chart, public = proposal.chart, Public()
    before, known = pins.parse(proposal.was).charts[chart].default, pins.parse(proposal.text)
    package = fetch(known, chart, before, proposal.root, public)
    target = fetch(known, chart, proposal.version, proposal.root, public)
    # What the stack of CRDs has is alike in every region, and takes longest to render.
    both = (package, target)
    old_crds, new_crds = [_crd_objects(each, proposal.root) if chart in _CRDS else {} for each in both]
    previews, kept, installed = list[Preview](), dict[str, str](), set(_CRDS)
    users, lost, fields = _words(proposal.root), list[scraping.Lost](), set[str]()
    for region, settings in sorted(platform.regions.items()):
        all_of = releases.all_of(Context(platform, region))
        installed |= {each.chart for each in all_of}
        found = [each for each in all_of if each.chart == chart]
        if not found and chart not in _CRDS:
            continue
        if chart in settings.charts:
            kept[region] = pins.choose(known, settings.charts, f"regions.{region}.charts")[chart]
            continue
        stack, changes = names.stack(str(platform.environment), region), list[Change]()
        for release in found:
            old, new = _objects(release, package), _objects(release, target)
            lost.append(scraping.lost(scraping.scraped(old.values()), scraping.scraped(new.values()), users))
            changes += _changes(f"{stack}::{names.PROJECT}", release.name, old, new)
        crd_changes = _changes(f"{stack}::{names.PROJECT}-crds", _CRDS.get(chart, chart), old_crds, new_crds)
        fields |= {name for change in crd_changes for name in _lost_fields(change)}
        previews.append(Preview(region, (_result("crds", crd_changes), _result("region", changes))))
    if not previews and not kept:
        raise AutomationError(
            f"{chart}: no region of {platform.environment} installs it; allowed: {', '.join(sorted(installed))}; "
            "fix: choose another --env"
        )
    return Upgrade(
        chart,
        before,
        proposal.version,
        kept,
        make(previews, platform),
        tuple(sorted({*_shipped_crds(target)} - {*_shipped_crds(package)})),
        tuple(sorted(fields)),
        tuple(sorted({name for each in lost for name in each.targets})),
        {name: users[name] for name in sorted({name for each in lost for name in each.series})},
        {name: users[name] for name in sorted({name for each in lost for name in each.labels})},
    )


def _with_default(text: str, chart: str, version: str) -> str:
    """Return the text of charts.yaml with a pinned version as the default; comments stay."""
    pattern = re.compile(rf"(^  {re.escape(chart)}:.*\n(?:    .*\n)*?    default: )\S+", re.MULTILINE)
    written = pattern.sub(lambda match: match[1] + version, text, count=1)
    if pins.parse(written).charts[chart].default != version:
        raise AutomationError(f"charts.yaml: charts.{chart}.default cannot be edited; fix: write {version} by hand")
    return written


def _objects(release: Release, package: Package) -> dict[str, dict[str, Any]]:
    done = rendering.template(_helm(), release.name, package, release.values, release.namespace)
    if done.returncode != 0:
        raise AutomationError(
            f"{package.name} {package.version}: helm refuses its values ({_reason(done.stderr)}); "
            "fix: migrate them in components/values/"
        )
    return {_key(each): each for each in rendering.objects(done.stdout) if not rendering.is_hook(each)}


def _reason(said: str) -> str:
    """Return on one line why helm refused, without the warnings before and the advice on --debug behind."""
    warnings, _, error = f"\n{said}".partition("\nError: ")
    return " ".join((error or warnings).partition("\nUse --debug")[0].split()) or "no reason"


def _crd_objects(package: Package, root: Path) -> dict[str, dict[str, Any]]:
    """Return the CRDs that the program of CRDs makes of a package."""
    values = crds.prometheus_values if package.name == crds.PROMETHEUS_CHART else crds.opentelemetry_values
    return _objects(Release(_CRDS[package.name], package.name, values(package)), repackaged.only(package, root))


def _shipped_crds(package: Package) -> list[str]:
    done = subprocess.run(
        [_helm(), "show", "crds", str(package.path)],
        text=True,
        capture_output=True,
        timeout=rendering.TIMEOUT_SECONDS,
        check=False,
    )
    return re.findall(r"^  name: (\S+\.\S+)$", done.stdout, re.MULTILINE)


def _helm() -> str:
    """Return the helm to run: HELM_BIN, the project's own build, or that on PATH."""
    chosen = os.environ.get("HELM_BIN")
    found = shutil.which(chosen) if chosen else shutil.which("helm", path=_BUILT) or shutil.which("helm")
    if found is None:
        what = f"HELM_BIN is {chosen}, which cannot be run" if chosen else "helm is neither built nor on PATH"
        raise AutomationError(
            f"{what}; allowed: helm 3.18 or later; fix: run python -m tools build helm, or set HELM_BIN to another one"
        )
    return found


def _key(thing: Mapping[str, Any]) -> str:
    return f"kubernetes:{thing['apiVersion']}:{thing['kind']}::{thing['metadata']['name']}"


def _changes(
    program: str, release: str, old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]
) -> list[Change]:
    found = []
    for key in sorted({*old, *new}):
        kind, _, name = key.partition("::")
        urn = f"urn:pulumi:{program}::{kind}::{release}:{name}"
        if key not in old or key not in new:
            found.append(Change(urn, "delete" if key in old else "create"))
            continue
        fields = tuple(_field(kind, *each) for each in differences(old[key], new[key]))
        if fields:
            replaced = any(field.replaces for field in fields)
            paths = tuple(field.path for field in fields)
            found.append(Change(urn, "replace" if replaced else "update", paths, fields))
    return found


def _result(project: str, changes: list[Change]) -> Result:
    counts = {op: sum(change.op == op for change in changes) for op in ("create", "update", "replace", "delete")}
    return Result(project, "upgrade", True, 0.0, counts, changes, [], [], [], {}, [])


def _lost_fields(change: Change) -> Iterator[str]:
    """Yield what a CRD no longer has: objects that use it are refused, or lose it."""
    for field in change.fields:
        unserved = field.path.endswith(".served") and field.after is False
        if unserved or (field.kind == "delete" and _LOST_OF_CRD.search(field.path)):
            yield f"{change.label.rpartition(':')[2]} {field.path}"


def _field(kind: str, path: str, before: Any, after: Any) -> Field:
    immutable = _IMMUTABLE.get(kind.rpartition(":")[2], ())
    how = "add" if before is MISSING else "delete" if after is MISSING else "update"
    forced = any(re.match(rf"spec\.{name}\b", path) for name in immutable)
    shown = [None if value is MISSING else value for value in (before, after)]
    return Field(path, how + ("-replace" if forced else ""), *shown)


def _words(root: Path) -> dict[str, tuple[str, ...]]:
    """Return what may be the name of a series or label in our rules and dashboards, and the files that have each."""
    found: dict[str, list[str]] = {}
    for folder in _USERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".py", ".yaml"}:
                for word in set(_WORD.findall(file.read_text(encoding="utf-8"))):
                    found.setdefault(word, []).append(str(file.relative_to(root)))
    return {word: tuple(files) for word, files in found.items()}
