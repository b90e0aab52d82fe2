"""A rollout whose operations are told what to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automation import plan, rollout
from automation.journal import Journal, Logbook, Status
from automation.projects import Project
from automation.result import Change, Field, Result
from automation.rollout import Options, Rollout
from automation.runner import Ended, Runner
from automation.site import Site
from settings import load
from tests.automation import reports

PLATFORM = load.environment_from_file("prod")


def result(operation: str, *changes: Change) -> Result:
    counts = {"update": len(changes)} if changes else {"same": 21}
    return Result("region", operation, True, 1.0, counts, list(changes), [], [], [], {}, [])


@dataclass
class Told(Runner):
    """Answers as told, and remembers what it was asked."""

    asked: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    surprise: Change | None = None
    failing: dict[str, str] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    crds: Ended | None = None
    """What it says of the stack of the CRDs when its outputs are asked for."""

    def run(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        key = f"{region} {operation}"
        self.asked.append(key)
        self.projects.append(project.name)
        self.before(key)
        if key in self.failing:
            return Ended(region, project.name, None, self.failing[key])
        if operation == "outputs" and self.crds is not None:
            return self.crds
        changes = self.changes if operation == "preview" else (self.surprise,) if self.surprise else ()
        return Ended(region, project.name, result(operation, *changes))


@contextmanager
def begun(tmp_path: Path, options: Options, operation: str = "up") -> Iterator[tuple[Told, Rollout]]:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text("name: observability-platform\n")
    runner = Told(Site("prod", root, tmp_path / "home"))
    book = Logbook(runner.site.create())
    with book.held("test"):
        made = Rollout(runner, PLATFORM, book, options, lambda _: None)
        rollout.begin(book, plan.make(PLATFORM, 2), operation, made.options)
        yield runner, made


def statuses(journal: Journal) -> dict[str, str]:
    return {name: str(region.status) for name, region in journal.regions.items()}


OPTIONS = Options(parallel=1, rollout="off")
FIRST = ["ap-southeast preview", "ap-southeast up"]
REST = ["eu-west preview", "eu-west up", "us-east preview", "us-east up"]

CUT = Change(
    reports.urn("ap-southeast", reports.CONFIG, "loki"),
    "update",
    ("spec.retention",),
    (Field("spec.retention", "update", "15d", "10d"),),
    digest="d",
)


@contextmanager
def resumed(runner: Told) -> Iterator[tuple[Told, Rollout]]:
    """Go on with what a driver left, as `resume` does, with a runner that has been asked nothing yet."""
    book = Logbook(runner.site.folder)
    journal = book.read()
    assert journal is not None
    for region in journal.regions.values():
        region.status = Status.DONE if region.status is Status.DONE else Status.PENDING
    again = Told(runner.site)
    with book.held("test"):
        book.begin(journal)
        yield again, Rollout(again, PLATFORM, book, rollout.options_of(journal), lambda _: None, resumed=True)
