"""Bring an instance up, use it, and take it down: each step may be done again, and after a crash at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pulumi import automation

import tools
from automation.problem import AutomationError
from automation.result import Result
from lab import cloud, cluster, prerequisites, standins
from lab.engine import Engine, EngineError, backend, projects
from lab.facts import Facts
from lab.instance import ROOT, Instance
from lab.problem import LabError
from lab.process import Processes
from lab.removal import Kept, Removal
from lab.reporter import Reporter
from lab.telemetry import ending

TOOLS: Final = ("pulumi", "helm", "kubectl", *cluster.NAMES)
"""What is built where it is missing."""


class Providers(StrEnum):
    """Who answers for the resources."""

    STAND_IN = "stand-in"
    """This repository's own, attached to the engine."""
    REAL = "real"
    """The plugins that Pulumi finds on PATH or in its home."""


class Part(StrEnum):
    """One of the two programs of a region, by the name of its project."""

    CRDS = "crds"
    """The CRDs: megabytes that change with a chart's version only."""
    REGION = "region"
    """Everything else."""


class Lab:
    """One instance, with everything that works on it."""

    def __init__(
        self,
        stack: str,
        reporter: Reporter,
        providers: Providers = Providers.STAND_IN,
        root: Path = ROOT,
    ) -> None:
        """Describe an instance; nothing is started.

        Args:
            stack: `<env>.<region>`.
            reporter: where progress goes.
            providers: who answers for the resources.
            root: repository whose settings and programs are run; the instance lies below it.
        """
        self.instance = Instance.of(stack, root)
        self.processes = Processes(self.instance)
        self.reporter = reporter
        self._providers = providers
        self._root = root

    def up(self, only: Part | None = None) -> list[Result]:
        """Start what does not run, then bring up the CRDs and the region, or only one of them.

        Raises:
            SettingsError: the settings are refused; nothing was started then.
            LabError, ToolError: something does not start or build, or the engine failed.
        """
        with self.standing() as engines:
            return [self._operate(engine, "up") for name, engine in engines.items() if only in (None, name)]

    def preview(self, only: Part | None = None) -> list[Result]:
        """Start what does not run, then show what `up` would do. Raises as `up` does.

        The CRDs are looked at when they are asked for, or when their pin is not what stands.
        """
        with self.standing() as engines:
            results = []
            for name, engine in engines.items():
                if only not in (None, name) or (only is None and name == "crds" and self._pinned_crds_stand(engine)):
                    continue
                results.append(self._operate(engine, "preview"))
                if name == "crds" and not results[-1].counts.get("same"):
                    # Without the CRDs the API server knows few of the region's kinds, and its program refuses.
                    self.reporter.say("  the CRDs come first; run 'make up', then preview shows the region too")
                    break
            return results

    def _pinned_crds_stand(self, engine: Engine) -> bool:
        facts = Facts.kept(self.instance)
        return facts is not None and engine.outputs().get("versions") == facts.crds

    def refresh(self) -> list[Result]:
        """Start what does not run, then take over what is really there. Raises as `up` does."""
        with self.standing() as engines:
            return [self._operate(engine, "refresh") for engine in engines.values() if engine.exists()]

    def down(self) -> Removal:
        """Delete what the stacks hold, end the processes, and remove every file.

        Works without settings, and after any process or command was killed: then the resources, which live in those
        processes, go with them.

        Raises:
            LabError: another command is at work on the instance.
        """
        if not self.instance.exists():
            return Removal(False, [], [], "", 0)
        with self.instance.locked():
            ended = len(self.processes.end_strays())
            results: list[Result] = []
            kept: list[Kept] = []
            facts = Facts.kept(self.instance)
            skipped = "it never came up" if facts is None else self._unreachable()
            try:
                # Before the region is destroyed: pods that its programs run as would hold their workloads back.
                ended += self._end_telemetry()
            except LabError as error:
                skipped = skipped or str(error)
            if facts is not None and not skipped:
                results, kept, skipped = self._destroy(facts)
            with self.reporter.step("ending processes"):
                ended += len([child for child in self.processes.recorded().values() if child.alive()])
                self.processes.stop()
                ended += len(self.processes.end_strays())
                self.instance.remove()
            return Removal(True, results, kept, skipped, ended)

    @contextmanager
    def standing(self) -> Iterator[dict[str, Engine]]:
        """Start what does not run, and give the engine of each project, by name, for as many operations as wanted.

        Raises:
            SettingsError: the settings are refused; nothing was started then.
            LabError, ToolError: something does not start or build.
        """
        with self._started() as (facts, binaries, new), self._engines(facts, binaries) as engines:
            if new:
                self._forget_lost(engines)
            yield engines

    @contextmanager
    def surroundings(self) -> Iterator[dict[str, str]]:
        """Start what does not run, and give the variables with which any engine works on this lab. Raises likewise."""
        with self._started() as (facts, binaries, _), self._environment(facts, binaries) as env:
            yield {
                **env,
                "PATH": os.pathsep.join([str(binaries["pulumi"].parent), os.environ["PATH"]]),
                **backend(self.instance),
            }

    @contextmanager
    def _started(self) -> Iterator[tuple[Facts, Mapping[str, Path], bool]]:
        """Start what does not run; give what it was started for, the tools, and whether the cloud is new and empty."""
        facts = Facts.of(self.instance.stack, self._root)
        binaries = tools.ensure(*TOOLS)
        self.instance.create()
        with self.instance.locked():
            facts.keep(self.instance)
            self.processes.end_strays()
            stood = not self._unreachable()
            with self.reporter.step("API server"):
                api = cluster.start(self.instance, self.processes, binaries, facts.context)
            with self.reporter.step("cloud"):
                aws, new = cloud.start(self.processes, facts.aws_region, facts.aws_account)
                aws.seed(facts.secrets)
            if not (stood and ending.is_attended(self.instance)):
                # Nobody is there to end it, or what it was started from went with the cluster or the cloud.
                self._end_telemetry()
            with self.reporter.step("CRDs of cert-manager and External Secrets"):
                prerequisites.install(api)
            yield facts, binaries, new

    def _end_telemetry(self) -> int:
        """End the telemetry run, if there is one, and return how many processes that were."""
        if not ending.stands(self.instance, self.processes):
            return 0
        with self.reporter.step("ending telemetry"):
            return ending.end(self.instance, self.processes)

    @contextmanager
    def _environment(self, facts: Facts, binaries: Mapping[str, Path]) -> Iterator[dict[str, str]]:
        env = {
            **cloud.running(self.processes, facts.aws_region).environment(),
            "KUBECONFIG": str(self.instance.kubeconfig),
            "HELM_BIN": str(binaries["helm"]),
        }
        with self._attached(env) as variables:
            yield {**env, **variables}

    @contextmanager
    def _engines(self, facts: Facts, binaries: Mapping[str, Path]) -> Iterator[dict[str, Engine]]:
        folder = binaries["pulumi"].parent
        # Without a root it is looked for on PATH, which is where it was found if not in a folder named bin.
        command = automation.PulumiCommand(root=str(folder.parent) if folder.name == "bin" else None)
        with self._environment(facts, binaries) as env:
            yield {project.name: Engine(self.instance, project, command, env) for project in projects(self._root)}

    def _attached(self, env: Mapping[str, str]) -> AbstractContextManager[dict[str, str]]:
        if self._providers is Providers.STAND_IN:
            return standins.attached(self.instance, env)
        own, users = self.instance.home / "plugins", Path.home() / ".pulumi" / "plugins"
        if users.is_dir() and not own.exists():
            own.symlink_to(users)
        return nullcontext({})

    def _forget_lost(self, engines: Mapping[str, Engine]) -> None:
        """Refresh stacks whose cloud was lost with its process, so that `up` makes their things again."""
        for engine in engines.values():
            if engine.exists():
                self._operate(engine, "refresh")

    def _operate(self, engine: Engine, operation: str) -> Result:
        run = {"up": engine.up, "preview": engine.preview, "refresh": engine.refresh, "destroy": engine.destroy}
        with self.reporter.operation(f"{engine.name} {operation}") as watch:
            result = run[operation](watch)
        self.reporter.say(f"  {result.summary()}")
        return result

    def _destroy(self, facts: Facts) -> tuple[list[Result], list[Kept], str]:
        """Destroy the stacks, the last first; return what that did, what it kept, and why it was given up."""
        results: list[Result] = []
        kept: list[Kept] = []
        try:
            binaries = {name: tools.path(name) for name in ("pulumi", "helm")}
            with self._engines(facts, binaries) as engines:
                for engine in reversed([engine for engine in engines.values() if engine.exists()]):
                    try:
                        results.append(self._operate(engine, "destroy"))
                    except EngineError as error:
                        results.append(error.result)
                        kept += [Kept.of(urn, "could not be deleted") for urn in error.result.failed]
                    kept += [Kept.of(urn, "is protected") for urn in engine.protected()]
        except (AutomationError, tools.ToolError, automation.CommandError) as error:
            return results, kept, str(error)
        return results, kept, ""

    def _unreachable(self) -> str:
        """Return which processes that hold the resources are gone, as a reason; empty when all run."""
        gone = [name for name in (*cluster.NAMES, cloud.NAME) if not self.processes.running(name)]
        return f"{', '.join(gone)} had ended, and the resources with it" if gone else ""

    def status(self) -> dict[str, Any]:
        """Return what runs: processes with ports and memory, and the last result of each project."""
        children = self.processes.recorded() if self.instance.exists() else {}
        return {
            "stack": self.instance.stack,
            "exists": self.instance.exists(),
            "kubeconfig": str(self.instance.kubeconfig),
            "processes": [
                {
                    "name": child.name,
                    "pid": child.pid,
                    "alive": child.alive(),
                    "ports": child.ports,
                    "resident_mb": child.resident_mb(),
                }
                for child in children.values()
            ],
            "results": [json.loads(file.read_text()) for file in sorted(self.instance.results.glob("*.json"))],
        }
