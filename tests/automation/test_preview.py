"""When a preview looks at the stack of the CRDs: only when the region's own program says that they may be due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from automation.preview import previews
from automation.projects import Project
from automation.report import Preview
from automation.result import Result
from automation.runner import Ended, Runner
from automation.site import Site
from preflight.cluster import ALL_CRDS, PINS_PATH
from settings import load

PLATFORM = load.environment_from_file("prod")
PINNED = {"crd-chart": "2"}
NOTE = f"{PINS_PATH}.crd-chart is pinned at crd-chart-2, but the CRDs in context x came from crd-chart-1"
LACKS = f"preflight: regions.us-east.cluster has no a.example.org of this platform; allowed: {ALL_CRDS}; fix: up"
REFUSED = f"region preview failed:\n{LACKS}\nan unhandled error occurred: {LACKS}"


def ended(project: str, counts: Mapping[str, int], *warnings: str, error: str = "") -> Ended:
    result = Result(project, "preview", not error, 1.0, dict(counts), [], [], list(warnings), [], {}, [])
    return Ended("us-east", project, result, error)


@dataclass
class Told(Runner):
    """Answers as told, and remembers what it was asked."""

    answers: Mapping[str, Ended] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, region: str, project: Project, operation: str, **more: Any) -> Ended:
        self.asked.append(f"{project.name} {operation}")
        return self.answers[self.asked[-1]]


def standing(version: str) -> Ended:
    """What the state of the CRDs says when all of them are of a version."""
    return Ended("us-east", "crds", None, outputs={"versions": {"crd-chart": version}}, pins=(f"crd-chart-{version}",))


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("automation.preview.pins.choose", lambda *_: PINNED)
    monkeypatch.setattr("settings.names.CRDS", {"rules.example.org": "crd-chart"})
    for folder in (tmp_path, tmp_path / "crds"):
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text("name: observability-platform\n")

    def run(**answers: Ended) -> tuple[Preview, list[str]]:
        named = {name.replace("_", " "): answer for name, answer in answers.items()}
        runner = Told(Site("prod", tmp_path, tmp_path / "home"), answers=named)
        (found,) = previews(runner, PLATFORM, ["us-east"])
        return found, runner.asked

    return run


def test_a_region_that_has_nothing_to_say_of_them_is_all_that_is_looked_at(preview: Any) -> None:
    found, asked = preview(region_preview=ended("region", {"same": 320}, "some other warning"))
    assert asked == ["region preview"]
    assert [result.project for result in found.results] == ["region"]


def test_crds_of_another_pin_are_previewed_and_stand_before_the_region(preview: Any) -> None:
    found, asked = preview(
        region_preview=ended("region", {"same": 320}, NOTE),
        crds_outputs=standing("1"),
        crds_preview=ended("crds", {"update": 10, "same": 9}),
    )
    assert asked == ["region preview", "crds outputs", "crds preview"]
    assert [result.project for result in found.results] == ["crds", "region"]


def test_a_region_that_refuses_for_want_of_crds_gives_way_to_them(preview: Any) -> None:
    found, _ = preview(
        region_preview=ended("region", {}, error=REFUSED),
        crds_outputs=Ended("us-east", "crds", None),
        crds_preview=ended("crds", {"create": 19}),
    )
    assert [result.project for result in found.results] == ["crds"]
    assert found.errors == ()


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (f"{REFUSED}\npreflight: no such secret", "region preview failed:\npreflight: no such secret"),
        ("us-east: the AWS credentials have expired", "us-east: the AWS credentials have expired"),
    ],
)
def test_what_else_a_new_region_refuses_for_is_said(preview: Any, refusal: str, said: str) -> None:
    found, _ = preview(
        region_preview=ended("region", {}, error=refusal),
        crds_outputs=Ended("us-east", "crds", None),
        crds_preview=ended("crds", {"create": 19}),
    )
    assert [result.project for result in found.results] == ["crds"]
    assert found.errors == (said,)


def test_a_region_that_fails_with_its_crds_as_pinned_says_why(preview: Any) -> None:
    found, asked = preview(region_preview=ended("region", {}, error=REFUSED), crds_outputs=standing("2"))
    assert asked == ["region preview", "crds outputs"]
    assert found.errors == (REFUSED,)
