"""What plan, preview and drift print and leave behind, without an engine: the next command, and what is of before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import cli
from automation.commands import looking
from automation.problem import AutomationError, Exit
from automation.report import Preview
from automation.result import Change
from automation.runner import Ended
from automation.site import SURROUNDINGS, Site
from lab.instance import ROOT
from settings import names
from tests.automation import reports

Look = Callable[..., list[Preview]]


class Drifted:
    """A runner that finds what it is told in each region."""

    def __init__(self, site: Site, *changes: Change, fail: str = "") -> None:
        self.site = site
        self._result = None if fail else reports.preview("eu-west", *changes, operation="drift").results[0]
        self._fail = fail

    def each(self, items: Sequence[str], work: Callable[[str], Preview], parallel: int) -> list[Preview]:
        return [work(each) for each in items]

    def run(self, region: str, project: Any, operation: str) -> Ended:
        return Ended(region, project.name, self._result, self._fail)


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let previews and looks for drift find what a test says, in the regions that are asked for."""

    def says(*changes: Change, fail: str = "") -> None:
        @contextmanager
        def running(site: Site) -> Any:
            yield Drifted(site, *changes, fail=fail)

        def previews(runner: object, platform: object, regions: Sequence[str], **more: object) -> list[Preview]:
            if fail:
                raise AutomationError(fail)
            return [reports.preview(region, *changes) for region in regions]

        monkeypatch.setattr(looking, "running", running)
        monkeypatch.setattr(looking, "previews", previews)

    return says


CUT = reports.update("eu-west", reports.LIFECYCLE, "logs", reports.field("rules[0].expiration.days", 33, 32))
OTHER = reports.update("eu-west", reports.CONFIG, "a", reports.field("data.x", "1", "2"))
GONE = Change(reports.urn("eu-west", "aws:s3/bucket:Bucket", "logs"), "delete")


def last(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


UP = "Next: python -m automation up --env prod"
WHEN = "Next, when that is meant: python -m automation up --env prod"
ALLOW = "--allow retention-cut"


@pytest.mark.parametrize(
    ("given", "following"),
    [
        ([], f"{WHEN} {ALLOW}"),
        (["--region", "eu-west", "--region", "us-east"], f"{WHEN} --region eu-west --region us-east {ALLOW}"),
        (["--region", "eu-west", "--save-plan", "{}/a plan"], f"{WHEN} --region eu-west --plan '{{}}/a plan' {ALLOW}"),
        (["--root", "{}"], f"{WHEN} --root {{}} {ALLOW}"),
        (["--allow", "retention-cut:logs"], f"{UP} --allow retention-cut:logs"),
        (["--description", "{}/text"], f"{UP} --description {{}}/text"),
        (["--description", "{}/text", "--save-plan", "{}/plan"], f"{UP} --plan {{}}/plan"),
    ],
    ids=["all", "regions", "a plan", "another root", "a risk", "a description", "a description in a plan"],
)
def test_the_next_command_is_about_what_this_one_was_asked(
    find: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path, given: list[str], following: str
) -> None:
    find(CUT)
    (tmp_path / "Pulumi.prod.yaml").write_bytes((ROOT / "Pulumi.prod.yaml").read_bytes())
    (tmp_path / "text").write_text("allow-risk: retention-cut\n")
    code = cli.run(["preview", "--env", "prod", *(each.format(tmp_path) for each in given)])
    assert code == (Exit.RISKS if following.startswith(WHEN) else Exit.CHANGES)
    assert last(capsys) == following.format(tmp_path)


def test_drift_asks_for_no_acknowledgement_and_its_json_ends_as_it_does(
    find: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find(GONE)
    file = tmp_path / "drift.md"
    given = ["drift", "--env", "prod", "--region", "eu-west"]
    assert cli.run([*given, "--markdown", str(file)]) == Exit.CHANGES
    following = "python -m automation preview --env prod --region eu-west, which shows what a rollout takes back"
    assert last(capsys) == f"Next: {following}"
    comment = file.read_text()
    assert comment.splitlines()[1] == "### Drift of prod: 1 change in 1 region"
    assert "**delete-stateful** `logs`" in comment
    assert "acknowledge" not in comment
    assert cli.run([*given, "--json"]) == Exit.CHANGES
    assert json.loads(capsys.readouterr().out)["exit"] == Exit.CHANGES


def test_drift_of_which_no_region_could_be_asked_is_called_drift(find: Callable[..., None], tmp_path: Path) -> None:
    find(fail="prod: the backend that keeps the state cannot be reached (x); check PULUMI_BACKEND_URL")
    assert cli.run(["drift", "--env", "prod", "--markdown", str(tmp_path / "drift.md")]) == Exit.FAILED
    assert (tmp_path / "drift.md").read_text().splitlines()[1] == "### Drift of prod: failed"


def test_an_acknowledgement_of_no_risk_is_one_line_and_no_error(
    find: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find(CUT)
    (tmp_path / "text").write_text("allow-risk: retention-cut, alert-removed:a\n")
    given = ["--allow", "no-such-risk", "--allow", "retention-cut:logs", "--description", str(tmp_path / "text")]
    assert cli.run(["preview", "--env", "prod", *given]) == Exit.CHANGES
    assert capsys.readouterr().err.splitlines() == [
        "prod: no-such-risk is acknowledged, but no risk here",
        "prod: alert-removed:a is acknowledged, but no risk here",
    ]


def test_plan_misses_a_canary_only_where_the_environment_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan", "--env", "prod", "--region", "us-east"]) == Exit.OK
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-1] == "Next: python -m automation preview --env prod --region us-east"
    assert cli.run(["plan", "--env", "dev"]) == Exit.OK
    assert "dev has no canary: set canary: true on one region" in capsys.readouterr().err


@pytest.fixture
def before(tmp_path: Path) -> list[str]:
    """Options that name a comment and a plan which a preview of before has left."""
    for name in ("prod.md", "plan.json"):
        (tmp_path / name).write_text("of before")
    return ["--markdown", str(tmp_path / "prod.md"), "--save-plan", str(tmp_path / "plan.json")]


def failing(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str]) -> str:
    """The sentence of a command that fails, after a look at what it left."""
    assert cli.run(given) == Exit.FAILED
    said = capsys.readouterr().err.strip()
    assert not (tmp_path / "plan.json").exists()
    comment = (tmp_path / "prod.md").read_text()
    quoted = "\n".join(f"> {line}" for line in said.splitlines()).replace("> ", "> **Failed:** ", 1)
    assert (
        comment
        == f"<!-- observability-platform {given[0]} of prod -->\n### {given[0].title()} of prod: failed\n\n{quoted}\n"
    )
    return said


def test_a_preview_that_cannot_be_made_leaves_nothing_of_before(
    find: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path, before: list[str]
) -> None:
    find(fail="pulumi is not on PATH; allowed: 3.206 or later; fix: install it")
    assert failing(tmp_path, capsys, ["preview", "--env", "prod", *before]).startswith("pulumi is not on PATH; ")


def test_settings_that_are_refused_are_in_the_comment_without_their_secrets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, before: list[str]
) -> None:
    document = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    platform = document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"]
    token = "xoxb-1234567890-abcdefghij"
    platform["alerting"]["slack_webhook"], platform["alerting"]["pagerduty_key"] = token, f"{token}-2"
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump(document))
    said = failing(tmp_path, capsys, ["preview", "--env", "prod", "--root", str(tmp_path), *before])
    assert len(said.splitlines()) == 2
    assert "alerting.slack_webhook looks like a Slack token (value hidden)" in said
    assert token not in said + (tmp_path / "prod.md").read_text()


def test_drift_that_cannot_be_looked_for_says_so_in_its_markdown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, before: list[str]
) -> None:
    monkeypatch.setenv(SURROUNDINGS, str(tmp_path / "nowhere.json"))
    (tmp_path / "plan.json").unlink()
    assert "FLEET_SURROUNDINGS" in failing(tmp_path, capsys, ["drift", "--env", "prod", *before[:2]])


def test_a_preview_with_a_region_that_fails_leaves_no_plan_of_before(
    find: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: list[str]
) -> None:
    find()
    broken = [reports.preview("eu-west", errors=("prod.eu-west: the disk is full; make room",))]
    monkeypatch.setattr(looking, "previews", lambda *_, **__: broken)
    assert cli.run(["preview", "--env", "prod", *before]) == Exit.FAILED
    assert not (tmp_path / "plan.json").exists()
    assert "> **Failed:** prod.eu-west: the disk is full; make room" in (tmp_path / "prod.md").read_text()


def test_a_comment_that_cannot_be_written_hides_no_other_sentence(
    find: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find(fail="pulumi is not on PATH; fix: install it")
    assert cli.run(["preview", "--env", "prod", "--markdown", str(tmp_path / "no" / "a.md")]) == Exit.FAILED
    assert capsys.readouterr().err == "pulumi is not on PATH; fix: install it\n"
    find(OTHER)
    assert cli.run(["preview", "--env", "prod", "--save-plan", str(tmp_path)]) == Exit.FAILED
    assert capsys.readouterr().err.startswith(f"--save-plan: {tmp_path} cannot be written (")


def test_a_description_that_is_no_utf_8_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes("allow-risk: größer".encode("latin-1"))
    assert cli.run(["preview", "--env", "prod", "--description", str(file)]) == Exit.FAILED
    assert capsys.readouterr().err == f"--description: {file} is no text in UTF-8; fix: write it in UTF-8\n"
