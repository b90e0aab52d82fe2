"""All regions of an environment as one thing, for a platform team's own pipelines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from automation import plan as planning
from automation import preview as previewing
from automation import rollout, verification
from automation.journal import Journal, Logbook
from automation.plan import Plan
from automation.report import Report, make
from automation.rollout import Options, Rollout
from automation.runner import Progress, Runner
from automation.site import Site
from settings.load import ROOT


class Fleet:
    """Plan, preview, roll out and watch an environment's regions.

    Each operation runs in a process of its own, so that a caller may use Pulumi for other things. Backend, credentials
    and passphrase come from the environment, as for the `pulumi` command; FLEET_SURROUNDINGS adds what differs between
    regions.

    Example:
        fleet, plan = Fleet("prod"), Path("prod.json")
        report = fleet.preview(save=plan)
        if not report.errors and not report.open_risks:
            journal = fleet.up(plan=plan)
    """

    def __init__(
        self,
        environment: str,
        root: Path = ROOT,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Read the settings; nothing is started.

        Args:
            environment: dev, staging or prod.
            root: repository with the programs and `Pulumi.<environment>.yaml`.
            progress: told of every operation: region, project, resources done, resources begun, the latest one.
            say: told of every step, in a line.

        Raises:
            SettingsError: the settings are refused.
            AutomationError: FLEET_SURROUNDINGS names no private file of variables.
        """
        self.site = Site.of(environment, root)
        self.settings = self.site.settings()
        self._progress: Progress = progress or (lambda *_: None)
        self._say = say

    def plan(self, parallel: int = planning.PARALLEL, regions: Collection[str] = ()) -> Plan:
        """Return the waves in which `up` would go.

        Raises:
            AutomationError: a region is none of the environment's.
        """
        return planning.make(self.settings, parallel, regions)

    def preview(
        self,
        regions: Collection[str] = (),
        allowed: Collection[str] = (),
        *,
        refresh: bool = True,
        save: Path | None = None,
    ) -> Report:
        """Return what `up` would change, region by region; errors are in the report.

        Args:
            regions: which; all without any.
            allowed: acknowledged risks, each `kind` or `kind:resource`.
            refresh: look at what is really there first.
            save: file for what was seen, which `up` may be held to.

        Raises:
            AutomationError: a region is none of the environment's, or the file cannot be written.
        """
        names = self.plan(1, regions).regions
        with self._runner() as runner:
            found = previewing.previews(runner, self.settings, names, refresh=refresh)
        report = make(found, self.settings, allowed)
        if save is not None and not report.errors:
            previewing.Reviewed.of(self.site.environment, found, allowed).save(save)
        return report

    def up(
        self,
        regions: Collection[str] = (),
        allowed: Collection[str] = (),
        *,
        plan: Path | None = None,
        parallel: int = planning.PARALLEL,
        rollout_status: str = verification.AVAILABLE,
        verify: Collection[str] = (),
        soak: float = 0.0,
        slo: Collection[str] = (),
    ) -> Journal:
        """Roll out wave by wave, and return the journal: `finished`, or with the error of the region that failed.

        Args:
            regions: which; all without any.
            allowed: acknowledged risks.
            plan: what `preview(save=...)` wrote: this or nothing.
            parallel: regions of a wave at a time.
            rollout_status: `available`, `applied` or `off`: what workloads must reach.
            verify: commands that must end well per region; {env} and {region} are filled in.
            soak: seconds between a wave and the next.
            slo: `address expression` of a Prometheus, each of which must give nothing before the next wave.

        Raises:
            AutomationError: another driver is at work, or journal or plan cannot be used; nothing was touched then.
        """
        reviewed = str(plan.resolve()) if plan else ""
        options = Options(parallel, tuple(allowed), reviewed, tuple(verify), rollout_status, soak, tuple(slo))
        logbook = Logbook(self.site.create())
        with logbook.held("up"), self._runner() as runner:
            made = Rollout(runner, self.settings, logbook, options, self._say)
            rollout.begin(logbook, self.plan(parallel, regions), "up", made.options)
            return made.run()

    def drift(self, regions: Collection[str] = ()) -> Report:
        """Return what was changed behind the stacks' backs; nothing is written.

        Raises:
            AutomationError: a region is none of the environment's.
        """
        names = self.plan(1, regions).regions
        with self._runner() as runner:
            return make(previewing.drifts(runner, names), self.settings, operation="drift")

    def _runner(self) -> Runner:
        return Runner(self.site, self._progress)
