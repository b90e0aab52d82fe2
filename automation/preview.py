"""Preview regions side by side, each operation in a process of its own, and save what was reviewed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from automation.private import write_private
from automation.problem import AutomationError
from automation.projects import Project
from automation.report import Preview
from automation.result import UNSURE, Result
from automation.runner import Ended, Runner
from charts import pins
from preflight import cluster
from settings import load, names
from settings.platform import Platform

_VERSION: Final = 2
_OUTPUT: Final = "output"
"""Begins the mark of an output of the stack."""
PARALLEL: Final = 3
"""Previews at a time: they mostly wait, for API servers and for their own interpreters to start."""


def previews(
    runner: Runner, platform: Platform, regions: Sequence[str], *, refresh: bool = True, parallel: int = PARALLEL
) -> list[Preview]:
    """Return the preview of each region, in order; one that fails does not keep the others.

    Args:
        runner: of the environment's site.
        platform: its settings.
        regions: which.
        refresh: look at what is really there first, so that somebody's manual change shows.
        parallel: how many at a time.
    """
    return runner.each(regions, lambda region: _preview(runner, platform, region, refresh=refresh), parallel)


def drifts(runner: Runner, regions: Sequence[str], *, parallel: int = PARALLEL) -> list[Preview]:
    """Return what differs from the state of each region, in order; nothing is written."""

    def look(region: str) -> Preview:
        ended = [runner.run(region, project, "drift") for project in runner.site.projects()]
        results = tuple(each.result for each in ended if each.result is not None)
        return Preview(region, results, (), tuple(each.error for each in ended if each.error))

    return runner.each(regions, look, parallel)


def due(runner: Runner, platform: Platform, region: str) -> list[Project]:
    """Return the programs of a region that need a look: that of the CRDs only when their pins are not what stands."""
    found = runner.site.projects()
    return [each for each in found if each.name != "crds" or not _crds_stand(runner, platform, region, each)]


def _crds_stand(runner: Runner, platform: Platform, region: str, project: Project) -> bool:
    chosen = pins.choose(pins.load(load.ROOT), platform.regions[region].charts, f"regions.{region}.charts")
    wanted = {chart: chosen[chart] for chart in set(names.CRDS.values())}
    ended = runner.run(region, project, "outputs")
    # After a failure the outputs are still the old ones, while some CRDs may be new: going back must find those.
    whole = set(ended.pins) == {names.chart_version(chart, version) for chart, version in wanted.items()}
    return whole and ended.outputs.get("versions") == wanted


def _preview(runner: Runner, platform: Platform, region: str, *, refresh: bool) -> Preview:
    def look(project: Project) -> Ended:
        protection = platform.deletion_protection
        return runner.run(region, project, "preview", refresh=refresh, protection=protection)

    ended = [look(runner.site.projects()[-1])]
    if not ended[0].ok or _notes_a_pin(ended[0]):
        # Only then can the CRDs be due: the region's program looks at those that the cluster has, which costs less than
        # to read what a state of megabytes says of them.
        for project in due(runner, platform, region)[:-1]:
            ended.insert(0, look(project))
            result = ended[0].result
            if result is not None and not result.counts.get("same"):
                # Without the CRDs the API server knows few of the region's kinds, so its program has refused.
                ended[-1] = replace(ended[-1], result=None, error=_without_crds(ended[-1].error))
    return Preview(
        region,
        tuple(each.result for each in ended if each.result is not None),
        tuple(violation for each in ended for violation in each.violations),
        tuple(each.error for each in ended if each.error),
    )


def _without_crds(error: str) -> str:
    """Return what a region's refusal says beside that it has no CRDs; empty when that is all."""
    if cluster.ALL_CRDS not in error:
        return error
    first, *lines = [line for line in error.splitlines() if cluster.ALL_CRDS not in line]
    return "\n".join([first, *lines]) if lines else ""


def _notes_a_pin(ended: Ended) -> bool:
    """Return whether a region's program has warned that a pin is not what stands."""
    warnings = ended.result.warnings if ended.result is not None else []
    return any(each.startswith(f"{pins.FILE}.") for each in warnings)


@dataclass(frozen=True)
class Reviewed:
    """What was previewed and looked at; `up` applies this or nothing."""

    environment: str
    created: str
    allowed: tuple[str, ...]
    """Risks that were acknowledged."""
    regions: Mapping[str, Mapping[str, Mapping[str, str]]]
    """What changes: a digest by operation and URN, by project, by region."""

    @classmethod
    def of(cls, environment: str, found: Sequence[Preview], allowed: Collection[str]) -> Reviewed:
        """Return what some previews said."""
        return cls(
            environment,
            datetime.now(UTC).isoformat(timespec="seconds"),
            tuple(sorted(allowed)),
            {each.region: {result.project: marks(result) for result in each.results} for each in found},
        )

    @classmethod
    def read(cls, file: Path, environment: str) -> Reviewed:
        """Return what was saved.

        Raises:
            AutomationError: the file is none, or of another environment.
        """
        wanted = f"--plan: {file} %s; allowed: what preview --save-plan wrote for {environment}; fix: preview again"
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            version = document.pop("version")
            if version != _VERSION:
                raise AutomationError(wanted % f"is of version {version}, another driver's")
            regions = {
                region: {project: dict(found) for project, found in projects.items()}
                for region, projects in document.pop("regions").items()
            }
            made = cls(**{**document, "allowed": tuple(document["allowed"]), "regions": regions})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise AutomationError(wanted % "is no saved plan") from None
        if made.environment != environment:
            raise AutomationError(wanted % f"is of {made.environment}")
        return made

    def save(self, file: Path) -> None:
        """Write it down.

        Raises:
            AutomationError: the file cannot be written.
        """
        document: dict[str, Any] = {"version": _VERSION, **vars(self)}
        try:
            write_private(file, json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise AutomationError(
                f"--save-plan: {file} cannot be written ({error.strerror}); fix: name another file"
            ) from None

    def holds(self, region: str, result: Result) -> bool:
        """Return whether this program of a region was previewed at all."""
        return result.project in self.regions.get(region, {})

    def misfit(self, region: str, result: Result, *, begun: bool = False) -> str:
        """Return why a preview of now is not what was reviewed; empty when it is.

        Args:
            region: whose preview.
            result: it.
            begun: whether a part of what was reviewed may have been done already, as after a crash. What is done is no
                longer due then, and what was not known until that part was there may be known.
        """
        then, now = self.regions.get(region, {}).get(result.project, {}), marks(result)
        new = [key for key in now if key not in then and not (begun and key.startswith(_OUTPUT))]
        other = [
            key for key in now if key in then and now[key] != then[key] and not (begun and then[key].startswith(UNSURE))
        ]
        missing = [] if begun else [key for key in then if key not in now]
        told = [
            f"{what}: {named(keys)}"
            for what, keys in (("not reviewed", new), ("differs", other), ("no longer due", missing))
            if keys
        ]
        return "; ".join(told)


def marks(result: Result) -> dict[str, str]:
    """Return a digest of each change, by operation and URN, and of each output that differs."""
    changes = {f"{change.op} {change.urn}": change.digest for change in result.changes}
    outputs = {
        f"{_OUTPUT} {each.path}": hashlib.sha256(
            json.dumps(each.after, sort_keys=True, default=str).encode()
        ).hexdigest()
        for each in result.output_fields
    }
    return {**changes, **outputs}


def named(keys: Sequence[str]) -> str:
    """Return the first of some marks' keys, fit for a sentence."""
    return f"{', '.join(_short(key) for key in keys[:3])}{' and more' if len(keys) > 3 else ''}"


def _short(key: str) -> str:
    operation, _, urn = key.partition(" ")
    return f"{operation} {urn.rpartition('::')[2]}"
