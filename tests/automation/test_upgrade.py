"""What another version of a chart brings, rendered by the real helm with the values that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tools
from automation import policies, scraping, upgrade
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
    assert (found.report.risks, found.new_crds) == ((), ())
    assert (found.lost_targets, found.lost_series, found.lost_labels) == ((), {}, {})
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


def test_words_of_rules_and_dashboards_are_whole_names(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.rules.yaml").write_text("expr: job:up:sum > 1")
    (tmp_path / "rules" / "b.rules.yaml").write_text("expr: job:up:sum5m > 1")
    assert upgrade._words(tmp_path)["job:up:sum"] == ("rules/a.rules.yaml",)


def monitor(name: str, **endpoint: Any) -> dict[str, Any]:
    return {"kind": "ServiceMonitor", "metadata": {"name": name}, "spec": {"endpoints": [endpoint]}}


def by_name(action: str, regex: str) -> dict[str, Any]:
    return {"action": action, "sourceLabels": ["__name__"], "regex": regex}


def exporter(*kinds: str) -> dict[str, Any]:
    containers = [{"args": ["--port=8080", f"--resources={','.join(kinds)}"]}]
    spec = {"template": {"spec": {"containers": containers}}}
    return {"kind": "Deployment", "metadata": {"name": "metrics-kube-state-metrics"}, "spec": spec}


def rules(*records: str) -> dict[str, Any]:
    spec = {"groups": [{"rules": [{"record": name} for name in records]}]}
    return {"kind": "PrometheusRule", "metadata": {"name": "rules"}, "spec": spec}


USED = {"a_total", "b_total", "job:a:rate", "kube_ingress_info", "kube_pod_info", "zone", "node"}


@pytest.mark.parametrize(
    ("old", "new", "targets", "series", "labels"),
    [
        ([monitor("x")], [], {"ServiceMonitor/x"}, set(), set()),
        ([rules("job:a:rate", "job:b:rate")], [rules()], set(), {"job:a:rate"}, set()),
        ([monitor("x")], [monitor("x", metricRelabelings=[by_name("drop", "a_.*")])], set(), {"a_total"}, set()),
        (
            [monitor("x", metricRelabelings=[by_name("drop", "a_.+")])],
            [monitor("x", metricRelabelings=[by_name("drop", "(a|c)_.+")])],
            set(),
            set(),
            set(),
        ),
        (
            [monitor("x", metricRelabelings=[by_name("keep", "(a|b)_total")])],
            [monitor("x", metricRelabelings=[by_name("keep", "a_total")])],
            set(),
            {"b_total"},
            set(),
        ),
        ([exporter("pods", "ingresses")], [exporter("pods")], set(), {"kube_ingress_info"}, set()),
        (
            [monitor("x", relabelings=[{"targetLabel": "zone"}, {"targetLabel": "rack"}])],
            [monitor("x", relabelings=[{"targetLabel": "__address__"}])],
            set(),
            set(),
            {"zone"},
        ),
        (
            [monitor("x")],
            [monitor("x", metricRelabelings=[{"action": "labeldrop", "regex": "node"}])],
            set(),
            set(),
            {"node"},
        ),
    ],
    ids=["target", "recorded", "dropped", "dropped before", "no longer kept", "kind", "label", "label dropped"],
)
def test_what_is_scraped_no_more_is_named(
    old: list[dict[str, Any]], new: list[dict[str, Any]], targets: set[str], series: set[str], labels: set[str]
) -> None:
    lost = scraping.lost(scraping.scraped(old), scraping.scraped(new), USED)
    assert lost == scraping.Lost(frozenset(targets), frozenset(series), frozenset(labels))


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("pods", "pod"),
        ("ingresses", "ingress"),
        ("storageclasses", "storageclass"),
        ("networkpolicies", "networkpolicy"),
    ],
)
def test_kinds_are_written_as_kube_state_metrics_writes_them(plural: str, singular: str) -> None:
    assert scraping._singular(plural) == singular


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
