"""The recorded samples are what exporters give: metrics and labels of the catalogues, none made up for a panel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bench.samples import Owner, exporters, openmetrics, series
from rules import files

SCRAPED = {"namespace", "pod", "container", "job", "instance", "service_name"}
"""Labels that a target has by its discovery, or that a program's own telemetry has."""
NAMED = re.compile(r'(\w+)="')


def catalogue() -> dict[str, set[str]]:
    """Return the labels of each metric by rules/exporters/, those of all exporters that give it."""
    found: dict[str, set[str]] = {}
    for path in files.RULES.glob("exporters/*.yaml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for metric, labels in document["metrics"].items():
            found.setdefault(metric, set()).update(labels, document["labels"])
    return found


def of_dashboards() -> set[str]:
    """Return the metrics that only dashboards ask for, whose labels no catalogue has."""
    own = yaml.safe_load((Path(files.RULES).parent / "dashboards" / "exporters.yaml").read_text(encoding="utf-8"))
    return {metric for metrics in own.values() for metric in metrics}


@pytest.mark.parametrize("exporter", sorted(exporters()))
def test_each_sample_has_the_labels_that_its_exporter_gives(exporter: str) -> None:
    known, unlabelled = catalogue(), of_dashboards()
    for entries in exporters()[exporter].values():
        for name in entries:
            metric = name.partition("{")[0]
            assert metric in known or metric in unlabelled, f"nothing gives {metric}"
            if metric in known:
                assert set(NAMED.findall(name)) <= known[metric] | SCRAPED, name


def test_owners_have_series_of_their_own_and_the_platform_counts_them() -> None:
    names = [each.name for each in series([Owner("shop", "us-east"), Owner("platform", "us-east")], copies=2)]
    assert len(set(names)) == len(names)
    assert any('{tenant="platform",' in name and 'exported_tenant="shop"' in name for name in names)
    assert any(name.startswith('up{tenant="shop",region="us-east",') and 'job="cart-1"' in name for name in names)


def test_counters_grow_and_what_changes_does_so_an_hour_before_the_end() -> None:
    by_metric = {each.name.partition("{")[0]: each for each in series([Owner("shop", "us-east", 2.0)])}
    plans, end = by_metric["postgres_auto_explain_plans_total"], 1_000_000_000
    assert plans.at(end - 7200, end) < plans.at(end - 3600, end) == plans.at(end, end)
    calls = by_metric["kafka_consumergroup_current_offset"]
    assert calls.at(end, end) - calls.at(end - 60, end) == pytest.approx(600 * calls.factor)
    held = by_metric["ALERTS_FOR_STATE"]
    assert held.at(end - 60, end) == end - 6000 * held.factor
    times = [end - 7200, end - 1800]
    assert [line.split()[-1] for line in openmetrics([by_metric["ALERTS"]], times, end)] == [str(end - 1800)]
