"""What comes of a helm that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation import rendering
from charts.pull import Package


def test_a_helm_that_hangs_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\nexec sleep 60\n")
    helm.chmod(0o755)
    monkeypatch.setattr(rendering, "TIMEOUT_SECONDS", 0.1)
    done = rendering.template(str(helm), "loki", Package("loki", "1.0.0", tmp_path), {}, "observability")
    assert done.returncode == 1
    assert done.stderr == "Error: helm template of loki took more than 0.1 s and was ended\n"
