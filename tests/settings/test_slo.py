"""What an SLO may say, and every contradiction in it as the whole sentence that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from settings import load
from tests.settings.calm import calm
from tests.settings.documents import at, refusal

SLO: dict[str, Any] = {
    "service": "cart",
    "objective": 99.9,
    "window": "30d",
    "source": "span_metrics",
    "owner": "team-shop",
}
OWN = {
    **SLO,
    "source": "query",
    "errors": 'sum(rate(jobs_total{$owner, outcome="failed"}[$window]))',
    "total": "sum(rate(jobs_total{$owner}[$window]))",
}
PATH = "tenants.shop.slos.up"


def with_slo(given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    kept = {key: value for key, value in {**given, **changes}.items() if value is not None}
    return at({PATH: kept})


def test_an_slo_is_ten_lines_or_fewer() -> None:
    assert len(yaml.safe_dump({"slos": {"up": OWN}}, width=200).splitlines()) <= 10
    for each in (SLO, OWN):
        tenant = load.parse(with_slo(each), "Pulumi.dev.yaml").tenants["shop"]
        assert tenant.slos["up"].owner == "team-shop"


BOUNDS = "5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2500ms, 5s, 10s, 30s"
QUERY = "{$owner}, or {$owner, label=...}, behind every metric; fix: write"
CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    (
        "an owner of somebody else",
        {**SLO, "owner": "team-payments"},
        f"{PATH}.owner is 'team-payments', who does not own this tenant; allowed: team-shop; fix: choose one of these, "
        "or add the team to the tenant's owners",
    ),
    (
        "a latency that no bucket ends at",
        {**SLO, "latency": "300ms"},
        f"{PATH}.latency is '300ms', between two bounds of the histogram, which cannot tell what is slower; allowed: "
        f"{BOUNDS}; fix: choose the nearest bound",
    ),
    (
        "queries beside a ready source",
        {**SLO, "errors": OWN["errors"]},
        f"{PATH}.errors is set, though source is 'span_metrics', which has queries of its own; allowed: nothing; fix: "
        "remove it, or choose source: query",
    ),
    (
        "no total",
        {key: value for key, value in OWN.items() if key != "total"},
        f"{PATH}.total is missing, though source is 'query'; allowed: PromQL; fix: add total",
    ),
    (
        "a latency beside queries",
        {**OWN, "latency": "1s"},
        f"{PATH}.latency is set, though source is 'query', whose queries say it themselves; allowed: nothing; fix: "
        "remove it, and write it into errors and total",
    ),
    (
        "a mesh that a region has not",
        {**SLO, "source": "istio"},
        f"{PATH}.source is 'istio', which region 'us-east' does not scrape; allowed: a source that each of the "
        "tenant's regions has; fix: add istio to regions.us-east.integrations, or choose source: span_metrics",
    ),
    (
        "a range of one's own",
        {**OWN, "total": "sum(rate(jobs_total{$owner}[5m]))"},
        f"{PATH}.total counts over [5m]; allowed: [$window] as every range; fix: write rate(...[$window])",
    ),
    (
        "a metric of every tenant",
        {**OWN, "total": "sum(rate(jobs_total[$window]))"},
        f"{PATH}.total selects jobs_total of every tenant; allowed: {QUERY} jobs_total{{$owner}}",
    ),
    (
        "a selector of every tenant",
        {**OWN, "total": 'sum(rate(jobs_total{job="x{owner}"}[$window])) + sum(rate(a_total{$owner}[$window]))'},
        f"{PATH}.total selects jobs_total of every tenant; allowed: {QUERY} jobs_total{{$owner}}",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), [pytest.param(*rest, id=name) for name, *rest in CONTRADICTIONS])
def test_a_contradiction_is_refused_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(at({PATH: given})).splitlines()[0]


def test_the_other_regions_of_a_mesh_are_named_too() -> None:
    said = refusal(at({PATH: {**SLO, "source": "istio"}}))
    assert "region 'eu-west'" in said


def test_metrics_are_kept_as_long_as_alerts_look_back() -> None:
    said = refusal(at({PATH: SLO, "retention.metrics": "2d"}))
    assert said == (
        "Pulumi.dev.yaml: retention.metrics is '2d', shorter than the longest window that the SLOs of tenant 'shop' "
        "alert on; allowed: at least 3d; fix: lengthen it"
    )


@pytest.mark.parametrize("field", ["service", "objective", "window", "source", "owner"])
def test_what_makes_an_objective_has_no_default(field: str) -> None:
    assert f"{PATH}.{field} is missing" in refusal(with_slo(SLO, **{field: None}))


@pytest.mark.parametrize(("objective", "allowed"), [(100, False), (49.9, False), (50, True), (99.999, True)])
def test_an_objective_leaves_a_budget(objective: float, allowed: bool) -> None:
    document = with_slo(SLO, objective=objective)
    if allowed:
        load.parse(document, "Pulumi.dev.yaml")
    else:
        assert f"{PATH}.objective is {objective}" in refusal(document)


@calm
@given(
    metric=st.from_regex(r"[a-z][a-z_]{0,10}_total", fullmatch=True),
    shape=st.sampled_from(
        [
            "sum(rate({selector}[$window]))",
            "sum by (tenant, outcome) (rate({selector}[$window])) or vector(0)",
            "sum(rate({selector}[$window])) - sum(increase(other_total{{$owner}}[$window])) / 60",
            "sum without (pod) (rate({selector}[$window])) * on (tenant) group_left (team) max by (tenant) ({plain})",
        ]
    ),
    matchers=st.sampled_from(["", ', code=~"5.."', ", path='/x/{id}'", ', q="a\\"b"']),
)
def test_a_query_is_taken_exactly_when_every_metric_in_it_is_the_tenants(
    metric: str, shape: str, matchers: str
) -> None:
    def query(inside: str) -> str:
        return shape.format(selector=f"{metric}{inside}", plain=f"{metric}{inside}")

    load.parse(with_slo(OWN, total=query(f"{{$owner{matchers}}}")), "Pulumi.dev.yaml")
    for leak in ("", "{}", f"{{{matchers.lstrip(', ')}}}", f'{{x="owner"{matchers}}}'):
        assert f"selects {metric} of every tenant" in refusal(with_slo(OWN, total=query(leak)))


JOBS = "sum(rate(jobs_total{$owner}[$window]))"
THEIRS = 'sum(rate(secret_total{tenant="payments"}[5m]))'
COMMENT = (
    "has a comment, which would hide what stands behind it; allowed: PromQL without comments; fix: remove # and the "
    "rest of its line"
)
UNCLOSED = "has a quote that nothing closes; allowed: quotes in pairs, on one line; fix: close it"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"{JOBS} # '\n + {THEIRS} # '\n + 0", COMMENT),
        (f'{JOBS} # "\n + {THEIRS} # "\n + 0', COMMENT),
        (f"{JOBS} # `\n + {THEIRS} # `\n + 0", COMMENT),
        ('sum(rate(jobs_total{$owner}[$window])) # 5xx "only the failed ones"', COMMENT),
        ("sum(rate(jobs_total{$owner, # own\n}[$window]))", COMMENT),
        (f'{JOBS} + "\n + {THEIRS} + "', UNCLOSED),
        (f'{JOBS} + "\\\n{THEIRS}"', UNCLOSED),
        ("sum(rate(jobs_total{$owner, job='x}[$window]))", UNCLOSED),
        (
            "sum(rate(jobs_total{$owner}[$window])) + 0) + sum((rate(jobs_total{$owner}[$window]))",
            "has the bracket ) without its other half; allowed: brackets in pairs; fix: pair or remove it",
        ),
        (
            "sum(rate(jobs_total{$owner}[$window])",
            "has the bracket ( without its other half; allowed: brackets in pairs; fix: pair or remove it",
        ),
        (
            "sum(rate(jobs_total{$owner)}[$window])",
            "has the bracket ) without its other half; allowed: brackets in pairs; fix: pair or remove it",
        ),
        (
            'sum(rate(jobs_total{$owner, job="$owner"}[$window]))',
            "has $owner or $window within quotes, where it is text; allowed: {$owner, ...} in every selector and "
            "[$window] as every range; fix: remove it from the quotes",
        ),
    ],
)
def test_a_query_that_would_be_read_as_another_is_refused(query: str, said: str) -> None:
    assert refusal(with_slo(OWN, errors=query)) == f"Pulumi.dev.yaml: {PATH}.errors {said}"


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(jobs_total{$owner}[$window] offset 5m))",
        "sum(rate(jobs_total{$owner}[$window] OFFSET -5m)) or vector(0)",
        "sum(rate(jobs_total{$owner}[$window] @ start()))",
        "sum(rate(jobs_total{$owner}[$window] @ end() offset 1h))",
        "sum(rate(a{$owner}[$window]) * on (job) group_left max by (job) (b{$owner}))",
        "sum(rate(a{$owner}[$window]) * ignoring (job) group_right () max without (job) (b{$owner}))",
        "sum(rate(a{$owner}[$window]) > bool 0 unless b{$owner} and on () c{$owner})",
        "sum(rate(a{$owner}[$window]) atan2 b{$owner} > 0 or b{$owner})",
        "clamp_max(sum(rate(a{$owner, path=`C:\\{x}#`}[$window])), Inf)",
        "sum(rate(a{$owner, path='#1', job=\"(\"}[$window]))",
    ],
)
def test_what_promql_has_between_metrics_is_taken(query: str) -> None:
    load.parse(with_slo(OWN, errors=query), "Pulumi.dev.yaml")


@pytest.mark.parametrize(
    ("query", "metric"),
    [
        ("offset - 5m", "offset"),
        (f"{JOBS} + offset", "offset"),
        (f"{JOBS} * on (tenant) offset", "offset"),
        (f"({JOBS}) and or", "or"),
        ("by", "by"),
        ('{"secret.total"}', "{}"),
        ("secret_total{`$`}", "secret_total"),
    ],
)
def test_a_metric_that_is_named_like_an_operator_is_a_metric(query: str, metric: str) -> None:
    assert f"selects {metric} of every tenant" in refusal(
        with_slo(OWN, errors=f"sum(rate(a{{$owner}}[$window])) + {query}")
    )
