"""What another version of a chart would change in every region, rendered with each region's own values."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from automation import rendering, scraping
from automation.paths import MISSING, differences
from automation.problem import AutomationError
from automation.report import Preview, Report, make
from automation.result import Change, Field, Result
from charts import pins
from charts.pull import Package, fetch, store
from charts.repository import Public
from components.values import releases
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
_USERS: Final = ("rules", "dashboards")
_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*[a-zA-Z0-9_]")


@dataclass(frozen=True)
class Upgrade:
    """What a version of a chart brings."""

    chart: str
    before: Mapping[str, str]
    """Version in force, by region."""
    after: str
    report: Report
    """The objects that change, alike ones once, risks first."""
    new_crds: tuple[str, ...]
    """CRDs that the package has now and had not."""
    lost_targets: tuple[str, ...]
    """ServiceMonitors and PodMonitors that go, each `kind/name`."""
    lost_series: Mapping[str, tuple[str, ...]]
    """Series that are no longer recorded or that are dropped now, and our files that use each."""
    lost_labels: Mapping[str, tuple[str, ...]]
    """Labels that scrapes no longer get, and our files that use each."""

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {**vars(self), "report": self.report.document()}


def compare(chart: str, version: str, platform: Platform, root: Path = load.ROOT) -> Upgrade:
    """Return what a pinned version of a chart would change.

    Args:
        chart: key of charts.yaml.
        version: one of its versions there.
        platform: the environment whose regions are rendered.
        root: repository, with charts.yaml, rules and dashboards.

    Raises:
        SettingsError: the version is not pinned, or there is no package.
        AutomationError: helm is missing or refuses, or no region installs the chart.
    """
    known, public = pins.load(root), Public()
    previews, before, crds = [], {}, set[str]()
    users, lost = _words(root), []
    target = fetch(pins.load(root), chart, pins.choose(known, {chart: version}, "charts")[chart], root, public)
    for region, settings in sorted(platform.regions.items()):
        chosen = pins.choose(known, settings.charts, f"regions.{region}.charts")[chart]
        found = [each for each in releases.all_of(Context(platform, region)) if each.chart == chart]
        if not found:
            continue
        before[region] = chosen
        package = fetch(known, chart, chosen, root, public)
        crds |= set(_crds(target)) - set(_crds(package))
        changes: list[Change] = []
        for release in found:
            old, new = _objects(release, package), _objects(release, target)
            lost.append(scraping.lost(scraping.scraped(old.values()), scraping.scraped(new.values()), users))
            changes += _changes(names.stack(str(platform.environment), region), release.name, old, new)
        counts = {op: sum(change.op == op for change in changes) for op in ("create", "update", "replace", "delete")}
        result = Result("region", "upgrade", True, 0.0, counts, changes, [], [], [], {}, [])
        previews.append(Preview(region, (result,)))
    if not previews:
        raise AutomationError(f"{chart}: no region of {platform.environment} installs it; fix: choose another --env")
    return Upgrade(
        chart,
        before,
        version,
        make(previews, platform),
        tuple(sorted(crds)),
        tuple(sorted({name for each in lost for name in each.targets})),
        {name: users[name] for name in sorted({name for each in lost for name in each.series})},
        {name: users[name] for name in sorted({name for each in lost for name in each.labels})},
    )


def set_default(chart: str, version: str, root: Path = load.ROOT) -> bool:
    """Make a pinned version the default in charts.yaml, and return whether that changed it; comments stay.

    Raises:
        AutomationError: charts.yaml is not laid out as expected.
    """
    file = root / pins.FILE
    text = file.read_text(encoding="utf-8")
    if pins.parse(text).charts[chart].default == version:
        return False
    pattern = re.compile(rf"(^  {re.escape(chart)}:.*\n(?:    .*\n)*?    default: )\S+", re.MULTILINE)
    written = pattern.sub(lambda match: match[1] + version, text, count=1)
    if pins.parse(written).charts[chart].default != version:
        raise AutomationError(f"charts.yaml: charts.{chart}.default cannot be edited; fix: write {version} by hand")
    store(file, written.encode())
    return True


def _objects(release: Release, package: Package) -> dict[str, dict[str, Any]]:
    done = rendering.template(_helm(), release.name, package, release.values, release.namespace)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason"]
        raise AutomationError(
            f"{package.name} {package.version}: helm refuses its values ({said[0]}); fix: migrate them"
        )
    return {_key(each): each for each in rendering.objects(done.stdout) if not rendering.is_hook(each)}


def _crds(package: Package) -> list[str]:
    done = subprocess.run(
        [_helm(), "show", "crds", str(package.path)],
        text=True,
        capture_output=True,
        timeout=rendering.TIMEOUT_SECONDS,
        check=False,
    )
    return re.findall(r"^  name: (\S+\.\S+)$", done.stdout, re.MULTILINE)


def _helm() -> str:
    found = os.environ.get("HELM_BIN") or shutil.which("helm")
    if found is None:
        raise AutomationError("helm is not on PATH; allowed: helm 3.18 or later; fix: install it, or set HELM_BIN")
    return found


def _key(thing: Mapping[str, Any]) -> str:
    return f"kubernetes:{thing['apiVersion']}:{thing['kind']}::{thing['metadata']['name']}"


def _changes(
    stack: str, release: str, old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]
) -> list[Change]:
    found = []
    for key in sorted({*old, *new}):
        kind, _, name = key.partition("::")
        urn = f"urn:pulumi:{stack}::{names.PROJECT}::{kind}::{release}:{name}"
        if key not in old or key not in new:
            found.append(Change(urn, "delete" if key in old else "create"))
            continue
        fields = tuple(_field(kind, *each) for each in differences(old[key], new[key]))
        if fields:
            replaced = any(field.replaces for field in fields)
            paths = tuple(field.path for field in fields)
            found.append(Change(urn, "replace" if replaced else "update", paths, fields))
    return found


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
