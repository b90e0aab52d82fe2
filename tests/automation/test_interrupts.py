"""An interrupt at any moment of a command's start: it is heard, nothing is lost, and nothing begins behind it."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from automation import locks
from automation.nursery import Begun, Nursery
from automation.projects import Project, projects
from automation.request import Request
from automation.runner import Runner
from automation.site import Site
from automation.waiting import until
from tests.automation.bare import STACK, Bare, bare
from tests.automation.kills import REGION

FAILED = 1
SECONDS = 30.0
"""By when a command that heard of an interrupt has ended, with much to spare."""
UNBEGUN = f"{STACK}: was not begun, since the command was ended"
SLOW = """\
from pathlib import Path
from automation.waiting import until
here = Path(__file__).parent
(here / "reached").touch()
until(lambda: not (here / "hold").exists(), 60.0)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """A region whose program imports something that takes as long as a file is there."""
    found = bare(tmp_path_factory.mktemp("bare"))
    (found.root / "slow.py").write_text(SLOW)
    (found.root / "__main__.py").write_text("import slow\n")
    return found


@pytest.fixture
def held(made: Bare) -> Iterator[Bare]:
    (made.root / "hold").touch()
    (made.root / "reached").unlink(missing_ok=True)
    yield made
    (made.root / "hold").unlink(missing_ok=True)


@pytest.mark.parametrize("command", ["unlock", "export", "import", "drift"])
def test_an_interrupt_while_imports_are_waited_for_ends_the_command(held: Bare, tmp_path: Path, command: str) -> None:
    (tmp_path / "state.json").touch()
    file = {"export": [str(tmp_path / "out")], "import": [str(tmp_path / "state.json"), "--confirm", STACK]}
    before = held.files()
    with held.stage.start(command, "--region", REGION, *file.get(command, [])) as process:
        late = threading.Timer(SECONDS, process.kill)
        late.start()
        try:
            assert until((held.root / "reached").exists, SECONDS)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert process.stdout.readline() == "Ending what was begun; interrupt again to end at once.\n"
            (held.root / "hold").unlink()
            said = process.communicate()[0]
        finally:
            late.cancel()
            process.kill()
    assert process.returncode == FAILED
    assert UNBEGUN in said
    assert held.files() == before


@dataclass
class Late(Nursery):
    """Gives a process that only waits, as late as it is told to."""

    programs: Iterable[Project] = ()
    waits: threading.Event = field(default_factory=threading.Event)
    goes: threading.Event = field(default_factory=threading.Event)
    given: list[Begun] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.programs)

    def begin(self) -> Begun:
        self.waits.set()
        self.goes.wait(SECONDS)
        self.given.append(super().begin())
        return self.given[-1]


def test_a_process_that_was_being_started_begins_nothing(made: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", made.stage.fleet.variables["PATH"])
    nursery, told = Late(), list[tuple[str, int]]()
    runner = Runner(Site("dev", made.root, made.root / "home"), started=lambda *each: told.append(each))
    (project,) = projects(made.root)

    def interrupt() -> None:
        nursery.waits.wait(SECONDS)
        runner.interrupt()
        nursery.goes.set()

    watched = threading.Thread(target=interrupt)
    runner._nursery = nursery
    watched.start()
    try:
        (ended,) = runner.each([REGION], lambda region: runner.run(region, project, "up"), 1)
        watched.join()
    finally:
        nursery.close()
    assert ended.error == UNBEGUN
    assert runner.run(REGION, project, "up").error == UNBEGUN
    (process,) = nursery.given
    assert process.stdout.closed
    assert until(lambda: not locks.exists(process.pid), SECONDS)
    assert told == []


def test_a_verification_that_was_being_started_ends(made: Bare) -> None:
    runner = Runner(Site("dev", made.root, made.root / "home"))
    runner.interrupt()
    assert runner.execute(["sleep", "60"], REGION, SECONDS).returncode == -signal.SIGTERM


INTERRUPTED = f"{STACK}: was interrupted; nothing more was begun; fix: run the same command again, or resume"


def asked(made: Bare, home: Path, **variables: str) -> str:
    """A request for what asks the CLI, as the driver writes it."""
    (project,) = projects(made.root)
    environ = {**os.environ, **made.stage.fleet.variables, **variables}
    folders = (str(project.folder), str(project.root), str(home))
    request = Request(STACK, project.name, *folders, operation="outputs", version="3.259.0", environ=environ)
    return json.dumps(asdict(request)) + "\n"


def answered(request: str, *, early: bool = False) -> str:
    """The error of an operation, which is interrupted before it hears of its request, or is not."""
    nursery = Nursery(())
    try:
        process = nursery.begin()
        if early:
            os.kill(process.pid, signal.SIGINT)
        process.stdin.write(request)
        process.stdin.flush()
        (end,) = [json.loads(line)["end"] for line in process.stdout]
        process.end()
    finally:
        nursery.close()
    return str(end.get("error", ""))


@pytest.mark.parametrize(("early", "error"), [(True, INTERRUPTED), (False, "")], ids=["at once", "never"])
def test_an_operation_that_is_interrupted_before_it_hears_of_it_starts_no_engine(
    made: Bare, tmp_path: Path, early: bool, error: str
) -> None:
    assert answered(asked(made, tmp_path), early=early) == error


@pytest.mark.parametrize(("ending", "error"), [("kill -INT $$", INTERRUPTED), ("kill -9 $$", "\n code: -9\n")])
def test_an_engine_that_dies_of_an_interrupt_had_begun_nothing(
    made: Bare, tmp_path: Path, ending: str, error: str
) -> None:
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\n{ending}\n")
    (tmp_path / "pulumi").chmod(0o700)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert answered(asked(made, tmp_path, PATH=path)).startswith(error)
