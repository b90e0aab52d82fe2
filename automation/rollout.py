"""Bring regions up wave by wave, or down: gate, apply what was looked at, verify, and stop at the first failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from automation import verification
from automation.journal import Journal, Logbook, Region, Status, alive
from automation.locks import start_time
from automation.plan import Plan
from automation.preview import Reviewed, due, named
from automation.problem import AutomationError
from automation.projects import Project
from automation.report import Preview, make
from automation.runner import Ended, Runner
from automation.waiting import until
from settings.platform import Platform

_ORPHAN_SECONDS: Final = 180.0
"""How long a killed driver's operations get to end what they had begun."""


@dataclass(frozen=True)
class Options:
    """How a rollout goes, beside its waves; kept in the journal, for `resume`."""

    parallel: int
    allowed: tuple[str, ...] = ()
    """Risks that were acknowledged."""
    plan: str = ""
    """File of what was reviewed; empty applies what the regions' own previews say, if it holds no open risk."""
    verify: tuple[str, ...] = ()
    """Commands that must end well after each region; {env} and {region} are filled in."""
    rollout: str = verification.AVAILABLE
    """What a workload must reach before its region counts as up: `available`, `applied` or `off`."""
    soak: float = 0.0
    """Seconds between a wave and the next."""
    slo: tuple[str, ...] = ()
    """Queries, `address expression`, that must give nothing before the next wave."""


@dataclass
class Rollout:
    """One rollout under way."""

    runner: Runner
    platform: Platform
    logbook: Logbook
    options: Options
    say: Callable[[str], None]
    resumed: bool = False

    def __post_init__(self) -> None:
        """Prepare what every region needs."""
        verification.commands(self.options.verify)
        verification.questions(self.options.slo)
        self._reviewed: Reviewed | None = None
        if self.options.plan:
            given = self.logbook.plan if self.resumed else Path(self.options.plan)
            self._reviewed = Reviewed.read(given, self._environment)
            if not self.resumed:
                # The file that was given may go, or become that of another review.
                self._reviewed.save(self.logbook.plan)
            allowed = tuple(dict.fromkeys((*self.options.allowed, *self._reviewed.allowed)))
            self.options = replace(self.options, allowed=allowed)
        self.runner.started = self._started

    @property
    def _environment(self) -> str:
        return self.runner.site.environment

    def run(self) -> Journal:
        """Go through the waves, and return the journal; what failed is in there.

        Raises:
            AutomationError: the journal cannot be written.
        """
        journal = self.logbook.journal
        if journal is None:
            raise AutomationError(f"{self._environment}: no rollout was begun; fix: report it")
        work = {"up": self._up, "destroy": self._destroy}[journal.operation]
        for number, wave in enumerate(journal.waves, 1):
            left = [region for region in wave if journal.regions[region].status is not Status.DONE]
            if left:
                self.say(f"wave {number} of {len(journal.waves)}: {', '.join(left)}")
                self.runner.each(left, lambda region: self._region(region, work), self.options.parallel)
            if any(journal.regions[region].status is not Status.DONE for region in wave):
                break
            if journal.settled < number < len(journal.waves) and journal.operation == "up":
                try:
                    verification.settle(self.options.soak, self.options.slo, self.runner, self.say)
                except verification.NotSettledError as error:
                    self.logbook.note(wave[-1], status=Status.FAILED, step="soak", error=str(error))
                    break
                self.logbook.settled(number)
        return journal

    def _region(self, region: str, work: Callable[[str], None]) -> None:
        journal = self.logbook.journal
        others = journal.regions if journal else {}
        if any(each.status is Status.FAILED for name, each in others.items() if name != region):
            # Somebody of the same wave has failed meanwhile: what was not begun is not begun.
            return
        self._orphans(region)
        self.logbook.note(region, status=Status.RUNNING, error="")
        try:
            work(region)
        except AutomationError as error:
            self.logbook.note(region, status=Status.FAILED, error=str(error))
            self.say(f"{region}: FAILED\n{error}")
        else:
            self.logbook.note(region, status=Status.DONE, step="", processes=[])
            self.say(f"{region}: done")

    def _up(self, region: str) -> None:
        for project in due(self.runner, self.platform, region):
            begun = self._known(region).begun
            self._step(region, f"{project.name} preview")
            seen = self._must(
                self.runner.run(
                    region,
                    project,
                    "preview",
                    refresh=True,
                    recover=True,
                    protection=self.platform.deletion_protection,
                )
            )
            self._gate(region, project, seen, begun=project.name in begun)
            self._step(region, f"{project.name} up", begun=[*begun, project.name])
            done = self._must(self.runner.run(region, project, "up", refresh=True))
            if done.result is not None:
                self._over(region, done.result.summary())
                self._as_seen(region, seen, done)
        self._step(region, "verification")
        missing = verification.verify(
            self.runner, self.platform, region, self.options.rollout, self.options.verify, self.say
        )
        if missing:
            raise AutomationError(f"{self.runner.site.stack(region)}: {missing}")

    def _gate(self, region: str, project: Project, seen: Ended, *, begun: bool) -> None:
        """Stop before anything is touched when what is about to happen is not what somebody agreed to."""
        if seen.result is None:
            raise AutomationError(f"{self.runner.site.stack(region)}: the preview of {project.name} told nothing")
        stack = self.runner.site.stack(region)
        report = make([Preview(region, (seen.result,), seen.violations)], self.platform, self.options.allowed)
        if report.open_risks:
            named = "; ".join(f"{risk.kind} {risk.subject}: {risk.what}" for risk in report.open_risks[:3])
            more = f"; and {len(report.open_risks) - 3} more" if len(report.open_risks) > 3 else ""  # enough to decide
            raise AutomationError(
                f"{stack}: risks that nobody has acknowledged ({named}{more}); nothing was touched; "
                f"fix: take the change back, or --allow {report.open_risks[0].kind}"
            )
        if self._reviewed is None:
            return
        again = "fix: preview again with --save-plan, have it reviewed, and roll that out"
        if not self._reviewed.holds(region, seen.result):
            raise AutomationError(
                f"{stack}: the plan says nothing of {project.name}, as when its CRDs are not there yet; "
                f"nothing of it was touched; {again}"
            )
        misfit = self._reviewed.misfit(region, seen.result, begun=begun)
        if misfit:
            raise AutomationError(
                f"{stack}: the plan no longer fits ({misfit}); {project.name} was not touched; {again}"
            )

    def _as_seen(self, region: str, seen: Ended, done: Ended) -> None:
        """Stop when something was done that the preview had not shown: somebody changed the world meanwhile."""
        if seen.result is None or done.result is None:
            return
        shown = {(each.op, each.urn) for each in seen.result.changes}
        more = [f"{each.op} {each.urn}" for each in done.result.changes if (each.op, each.urn) not in shown]
        if more:
            raise AutomationError(
                f"{self.runner.site.stack(region)}: did what its preview had not shown ({named(more)}); "
                "fix: look at what changed meanwhile, then run resume"
            )

    def _destroy(self, region: str) -> None:
        for project in reversed(self.runner.site.projects()):
            self._step(region, f"{project.name} destroy")
            done = self._must(self.runner.run(region, project, "destroy", recover=True))
            kept = f", {len(done.protected)} protected kept" if done.protected else ""
            if done.result is not None:
                self._over(region, done.result.summary() + kept)

    def _must(self, ended: Ended) -> Ended:
        for urn in ended.adopted:
            self.say(f"{ended.region}: took over {urn.rpartition('::')[2]}, which a killed operation had made")
        if not ended.ok:
            raise AutomationError(ended.error)
        return ended

    def _step(self, region: str, step: str, **noted: Any) -> None:
        if self.runner.interrupted:
            raise AutomationError(f"{self.runner.site.stack(region)}: interrupted before {step}; run: resume")
        self.logbook.note(region, step=step, **noted)
        self.say(f"{region}: {step}")

    def _known(self, region: str) -> Region:
        return self.logbook.journal.regions[region] if self.logbook.journal else Region()

    def _over(self, region: str, line: str) -> None:
        self.logbook.note(region, done=[*self._known(region).done, line])
        self.say(f"{region}: {line}")

    def _started(self, region: str, pid: int) -> None:
        journal = self.logbook.journal
        if journal is not None and region in journal.regions:
            recorded = journal.regions[region].processes
            self.logbook.note(region, processes=[*recorded, [pid, start_time(pid) or time.time()]])

    def _orphans(self, region: str) -> None:
        """Wait for what a killed driver had started: it was asked to end by the driver's own end."""
        recorded = self._known(region).processes
        if alive(recorded):
            self.say(f"{region}: waits for an operation that is still ending")
        if not until(lambda: not alive(recorded), _ORPHAN_SECONDS):
            pids = ", ".join(map(str, alive(recorded)))
            self.logbook.note(region, status=Status.FAILED, error=f"pid {pids} does not end")
            raise AutomationError(
                f"{self.runner.site.stack(region)}: pid {pids} of an earlier rollout does not end; "
                "fix: end it, then run resume"
            )


def begin(logbook: Logbook, plan: Plan, operation: str, options: Options, only: Collection[str] = ()) -> None:
    """Write down a new rollout before anything is touched.

    Raises:
        AutomationError: the journal cannot be written.
    """
    waves: Sequence[Sequence[str]] = [list(wave.regions) for wave in plan.waves]
    regions = {region: Region() for wave in waves for region in wave if not only or region in only}
    logbook.begin(Journal(plan.environment, operation, vars(options), waves, regions))


def options_of(journal: Journal) -> Options:
    """Return the options that a journal's rollout was begun with.

    Raises:
        AutomationError: it was begun by a driver that has other ones.
    """
    given: dict[str, Any] = dict(journal.options)
    for name in ("allowed", "verify", "slo"):
        given[name] = tuple(given.get(name, ()))
    try:
        return Options(**given)
    except TypeError:
        raise AutomationError(
            f"{journal.environment}: the rollout to resume was begun by another version of the driver; "
            "fix: resume it with that one, or look at each region with preview and start anew with up"
        ) from None
