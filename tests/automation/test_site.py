"""What each region's operations see: variables of its own, and a backend that means the same to all of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from automation import cli
from automation.private import write_private
from automation.problem import AutomationError, Exit
from automation.site import SURROUNDINGS, Site
from lab.instance import ROOT


def surroundings(folder: Path, patch: pytest.MonkeyPatch, *regions: str) -> None:
    write_private(folder / "surroundings.json", json.dumps({region: {"AWS_PROFILE": region} for region in regions}))
    patch.setenv(SURROUNDINGS, str(folder / "surroundings.json"))


@pytest.mark.parametrize(
    ("mode", "text", "what"),
    [
        (0o644, "{}", "which others may read"),
        (0o600, "no json", "which is no JSON"),
        (0o600, '{"us-east": {"PORT": 1}}', "which is laid out otherwise"),
    ],
)
def test_surroundings_are_private_and_well_formed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, text: str, what: str
) -> None:
    file = tmp_path / "surroundings.json"
    file.write_text(text)
    file.chmod(mode)
    monkeypatch.setenv(SURROUNDINGS, str(file))
    with pytest.raises(AutomationError, match=what):
        Site.of("dev")


def test_a_regions_variables_are_added_to_the_drivers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "surroundings.json"
    file.write_text('{"us-east": {"AWS_PROFILE": "east"}}')
    file.chmod(0o600)
    monkeypatch.setenv(SURROUNDINGS, str(file))
    site = Site.of("prod")
    assert site.environ("us-east")["AWS_PROFILE"] == "east"
    assert site.environ("us-east")["PATH"] == os.environ["PATH"]
    assert site.environ("eu-west").get("AWS_PROFILE") == os.environ.get("AWS_PROFILE")


def test_a_name_that_is_no_region_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That region would else run with whatever credentials there are."""
    surroundings(tmp_path, monkeypatch, "us_east", "eu-west", "mars")
    assert cli.run(["plan", "--env", "prod"]) == Exit.FAILED
    assert capsys.readouterr().err == (
        f"{SURROUNDINGS} has variables of mars, us_east, which is no region of any environment; allowed: ap-southeast, "
        "eu-west, us-east, and those of other environments; fix: correct the name in that file\n"
    )


def test_a_file_may_be_of_several_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of prod's regions dev has one only; settings of a third environment that are refused are nothing to dev."""
    surroundings(tmp_path, monkeypatch, "us-east", "eu-west")
    for environment in ("dev", "prod"):
        shutil.copy(ROOT / f"Pulumi.{environment}.yaml", tmp_path)
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {}\n")
    assert list(Site.of("dev", tmp_path).settings().regions) == ["us-east"]
    (tmp_path / "Pulumi.prod.yaml").unlink()
    with pytest.raises(AutomationError, match="has variables of eu-west, which is no region of any environment"):
        Site.of("dev", tmp_path).settings()


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("file://./states", "file://{here}/a%20folder/states"),
        ("file://states?metadata=skip", "file://{here}/a%20folder/states?metadata=skip"),
        ("file:///states/a%20b?x=y", "file:///states/a%20b?x=y"),
        ("s3://states?region=eu-west-1", "s3://states?region=eu-west-1"),
    ],
)
def test_a_relative_backend_is_the_same_folder_for_each_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, expected: str
) -> None:
    (tmp_path / "a folder").mkdir()
    monkeypatch.chdir(tmp_path / "a folder")
    monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
    assert Site("dev").environ("us-east")["PULUMI_BACKEND_URL"] == expected.format(here=tmp_path)
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    assert "PULUMI_BACKEND_URL" not in Site("dev").environ("us-east")
