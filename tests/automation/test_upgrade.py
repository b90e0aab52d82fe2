"""What another version of a chart brings, rendered by the real helm with the values that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

import tools
from automation import policies, upgrade
from automation.problem import AutomationError
from automation.recorder import Planned
from charts.pull import resolve
from components.values import releases
from components.values.context import Context
from lab.instance import ROOT
from settings import load, names


@pytest.fixture(autouse=True)
def _helm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_BIN", str(tools.ensure("helm")["helm"]))


def test_another_patch_of_loki_changes_labels_alone_and_is_no_risk() -> None:
    found = upgrade.compare("loki", "18.10.1", load.environment_from_file("dev"))
    assert found.before == {"us-east": "18.11.0"}
    assert (found.report.risks, found.new_crds, found.lost_series) == ((), (), {})
    assert len(found.report.groups) > 5
    changed = {leaf.path for group in found.report.groups for leaf in group.leaves}
    assert changed == {'metadata.labels["helm.sh/chart"]', 'spec.template.metadata.labels["helm.sh/chart"]'}


def test_a_chart_that_no_region_installs_is_refused() -> None:
    with pytest.raises(AutomationError, match="tempo-distributed: no region of dev installs it"):
        upgrade.compare("tempo-distributed", "2.26.1", load.environment_from_file("dev"))


def test_the_default_is_one_line_of_charts_yaml(tmp_path: Path) -> None:
    file = tmp_path / "charts.yaml"
    before = (ROOT / "charts.yaml").read_text()
    file.write_text(before)
    assert upgrade.set_default("loki", "18.10.1", tmp_path)
    differing = [
        (old, new) for old, new in zip(before.splitlines(), file.read_text().splitlines(), strict=True) if old != new
    ]
    assert differing == [("    default: 18.11.0", "    default: 18.10.1")]
    assert not upgrade.set_default("loki", "18.10.1", tmp_path)


@pytest.mark.parametrize(
    ("kind", "path", "forced"),
    [
        ("kubernetes:apps/v1:StatefulSet", "spec.volumeClaimTemplates.data.spec", True),
        ("kubernetes:apps/v1:StatefulSet", "spec.template.spec", False),
        ("kubernetes:apps/v1:Deployment", "spec.selector.matchLabels.app", True),
        ("kubernetes:core/v1:Service", "spec.selector.app", False),
    ],
)
def test_what_cannot_change_in_place_is_a_replacement(kind: str, path: str, forced: bool) -> None:
    assert upgrade._field(kind, path, "a", "b").replaces is forced


def test_a_series_is_looked_for_as_a_whole_word(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.rules.yaml").write_text("expr: job:up:sum > 1")
    (tmp_path / "rules" / "b.rules.yaml").write_text("expr: job:up:sum5m > 1")
    assert upgrade._users("job:up:sum", tmp_path) == ("rules/a.rules.yaml",)


def test_no_object_of_a_pinned_chart_breaks_a_policy() -> None:
    platform, region = load.from_file("prod.us-east")
    packages = resolve({})
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/part-of": names.PROJECT}
    namespace = {"name": names.NAMESPACE, "labels": labels}
    planned = [Planned("urn::namespace", "kubernetes:core/v1:Namespace", {"metadata": namespace}, True, True)]
    for release in releases.all_of(Context(platform, region)):
        for key, thing in upgrade._objects(release, packages[release.chart]).items():
            kind = key.partition("::")[0].replace("kubernetes:v1:", "kubernetes:core/v1:")
            thing["metadata"].setdefault("namespace", release.namespace)
            if thing["kind"] == "StatefulSet":  # as components.chart has it annotated
                thing["metadata"].setdefault("annotations", {})["pulumi.com/deletionPropagationPolicy"] = "orphan"
            planned.append(Planned(f"urn::{key}", kind, thing, True, True))
    assert len(planned) > 150
    assert policies.check(planned) == []
