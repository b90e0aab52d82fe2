"""What an alert compares is asked of the chosen tenants only, whatever its expression looks like."""

from __future__ import annotations

import pytest

from dashboards.compared import compared, narrowed
from dashboards.volumes import OWNED

CHOSEN = 'tenant=~"$tenant"'


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up", f"up{{{CHOSEN}}}"),
        ('up{job="a"}', f'up{{{CHOSEN}, job="a"}}'),
        ("sum by (tenant, pod) (rate(a_total[5m]))", f"sum by (tenant, pod) (rate(a_total{{{CHOSEN}}}[5m]))"),
        ("count without (pod) (a:b:c offset 1h)", f"count without (pod) (a:b:c{{{CHOSEN}}} offset 1h)"),
        (
            'label_replace(a_total, "b", "$1", "c", "(.+)") > bool 0 and on (x) d_total',
            f'label_replace(a_total{{{CHOSEN}}}, "b", "$1", "c", "(.+)") > bool 0 and on (x) d_total{{{CHOSEN}}}',
        ),
        ("4 * 24 * 3600 < time() - a1", f"4 * 24 * 3600 < time() - a1{{{CHOSEN}}}"),
    ],
)
def test_every_selector_is_narrowed_and_nothing_else(expression: str, expected: str) -> None:
    assert narrowed(expression, CHOSEN) == expected


def test_the_threshold_and_a_comparison_with_zero_are_left_out() -> None:
    chosen = 'tenant=~"$tenant", region=~"$region"'
    assert compared("BucketRequestsFailing") == f"store:bucket_requests:failed_ratio_rate5m{{{chosen}}}"
    assert compared("CollectorDroppingData") == f"collector:dropped_items:rate5m{{{chosen}}}"
    assert compared("VolumeFull", 'namespace="a"') == f'volume:used:ratio{{{chosen}, namespace="a"}}'


def test_what_counts_tenants_is_narrowed_by_the_tenant_that_is_counted() -> None:
    found = compared("LokiDiscardingLogs", chosen=OWNED)
    assert f'loki_discarded_samples_total{{{OWNED}, tenant="platform"}}[5m]' in found
    assert '"tenant", "$1", "exported_tenant", "(.+)"' in found


def test_an_alert_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="NoSuchAlert"):
        compared("NoSuchAlert")
