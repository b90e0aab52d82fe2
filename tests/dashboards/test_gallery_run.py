"""`make gallery`, whole: real stores with seeded data, and a picture of every panel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dashboards import filling
from dashboards.catalogue import CATALOGUE
from settings.load import ROOT
from tests.dashboards.test_dashboards import model


def test_every_panel_is_drawn_with_data_of_real_stores(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.gallery", "--out", str(tmp_path), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["missing"] == []
    assert report["drawn"] == report["panels"] == sum(1 for uid in CATALOGUE for _ in filling.panels(model(uid)))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("Deploys</b>") == len(CATALOGUE)
