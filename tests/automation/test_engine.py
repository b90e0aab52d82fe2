"""How much an operation asks at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pulumi import automation

import tools
from automation.engine import Engine, Places
from automation.projects import projects
from settings.load import ROOT


def _seen(folder: Path) -> dict[str, str]:
    command = automation.PulumiCommand(root=str(tools.ensure("pulumi")["pulumi"].parents[1]))
    places = Places(folder / "work", folder / "home", folder / "results")
    with Engine("dev.us-east", projects(ROOT)[-1], places, command, {}).surroundings():
        names = ("PULUMI_PARALLEL", "PULUMI_K8S_CLIENT_QPS", "PULUMI_K8S_CLIENT_BURST")
        return {name: os.environ[name] for name in names}


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith(("PULUMI_PARALLEL", "PULUMI_K8S_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.usefixtures("nothing_set")
def test_a_region_far_away_is_asked_much_at_once(tmp_path: Path) -> None:
    assert _seen(tmp_path) == {
        "PULUMI_PARALLEL": "32",
        "PULUMI_K8S_CLIENT_QPS": "200",
        "PULUMI_K8S_CLIENT_BURST": "400",
    }


def test_what_the_user_says_holds(tmp_path: Path, nothing_set: pytest.MonkeyPatch) -> None:
    nothing_set.setenv("PULUMI_PARALLEL", "4")
    nothing_set.setenv("PULUMI_K8S_CLIENT_QPS", "20")
    assert _seen(tmp_path) == {
        "PULUMI_PARALLEL": "4",
        "PULUMI_K8S_CLIENT_QPS": "20",
        "PULUMI_K8S_CLIENT_BURST": "400",
    }
