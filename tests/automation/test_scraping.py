"""What rendered objects no longer scrape, record or label, of the series and labels that are used."""

from __future__ import annotations

from typing import Any

import pytest

from automation import scraping


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
