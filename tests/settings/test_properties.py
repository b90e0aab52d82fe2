"""What holds for any fleet, not only for the shipped ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from settings import document, fields, load, names, sizing, workloads
from settings.platform import Platform
from settings.problem import SettingsError
from settings.refusal import path_of
from settings.vocabulary import Integration, Size
from tests.settings.calm import calm

AWS_REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-1"]
LABELS = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9]", fullmatch=True).filter(
    lambda name: name not in {"default", "platform", "observability"} and not name.startswith("kube-")
)
DAYS = st.integers(1, 7).map(lambda days: f"{days}d")


@st.composite
def regions(draw: st.DrawFn, name: str, number: int) -> dict[str, Any]:
    irsa = draw(st.booleans())
    cluster = {"name": f"c{number}-{name}", "context": f"{draw(LABELS)}{number}"}
    if irsa:
        cluster |= {"identity": "irsa", "oidc_provider": "oidc.example.com/id/AB12"}
    return {
        "aws_region": draw(st.sampled_from(AWS_REGIONS)),
        "aws_account_id": draw(st.from_regex(r"[0-9]{12}", fullmatch=True)),
        "cluster": cluster,
        "size": draw(st.sampled_from(Size)).value,
        "integrations": [i.value for i in draw(st.lists(st.sampled_from(Integration), unique=True))],
        "overrides": {"prometheus": {"memory": f"{draw(st.integers(1, 99))}Gi"}} if draw(st.booleans()) else {},
    }


@st.composite
def tenants(draw: st.DrawFn, name: str, in_regions: list[str]) -> dict[str, Any]:
    suffixes = draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True))
    tenant: dict[str, Any] = {
        "namespaces": [f"{name}-{suffix}" for suffix in suffixes],
        "owners": [draw(LABELS)],
        "channels": {"slack": f"#{name}"},
        "limits": {
            "active_series": draw(st.integers(1_000, 20_000_000)),
            "log_mb_per_second": draw(st.one_of(st.integers(1, 500), st.floats(0.01, 500))),
            "spans_per_second": draw(st.integers(10, 1_000_000)),
        },
        "retention": {"logs": draw(DAYS), "traces": draw(DAYS)},
    }
    if draw(st.booleans()):
        some = draw(st.lists(st.sampled_from(in_regions), min_size=1, unique=True))
        tenant |= {"regions": some}
        tenant["channels"]["support"] = {some[0]: "#support"}
    return tenant


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    region_names = draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))
    tenant_names = draw(st.lists(LABELS, min_size=1, max_size=4, unique=True))
    return {
        "environment": draw(st.sampled_from(["dev", "staging", "prod"])),
        "organization": draw(st.from_regex(r"[a-z][a-z0-9-]{1,18}[a-z0-9]", fullmatch=True)),
        "domain": "obs.example.com",
        "alerting": {"platform_team": {"slack": "#platform", "email": "platform@example.com"}},
        "regions": {name: draw(regions(name, number)) for number, name in enumerate(region_names)},
        # A number behind the name keeps two tenants from claiming one namespace (`a` and `a-b`).
        "tenants": {f"{name}{i}": draw(tenants(f"{name}{i}", region_names)) for i, name in enumerate(tenant_names)},
    }


@calm
@given(fleets())
def test_a_fleet_says_the_same_after_a_round_trip(fleet: dict[str, Any]) -> None:
    platform = load.parse(fleet, "file")
    assert load.parse(json.loads(platform.model_dump_json()), "file") == platform
    assert load.parse(document.read(json.dumps(fleet), "file"), "file") == platform


@calm
@given(fleets())
def test_names_fit_what_they_name(fleet: dict[str, Any]) -> None:
    platform = load.parse(fleet, "file")
    buckets = [name for region in platform.regions for name in names.buckets(platform, region).values()]
    assert all(3 <= len(name) <= 63 for name in buckets)
    assert len(set(buckets)) == len(buckets)


@calm
@given(fleets())
def test_a_topology_runs_the_workloads_that_are_sized(fleet: dict[str, Any]) -> None:
    platform = load.parse(fleet, "file")
    for region in platform.regions:
        needs = sizing.for_region(platform, region)
        assert needs.keys() == workloads.of(platform.layout)
        assert {w for w, need in needs.items() if need.replicas == 0} == workloads.PER_NODE & needs.keys()
        assert {w for w, need in needs.items() if need.volume} == workloads.WITH_VOLUME & needs.keys()


def models_in(value: Any, loc: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where in a document a model stands: a map whose keys are fields, not names."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(value, dict):
        kind = fields.spot_at(Platform, loc).bare[0]
        found += [loc] if isinstance(kind, type) and issubclass(kind, BaseModel) else []
        for key, inner in value.items():
            found += models_in(inner, (*loc, key))
    return found


@calm
@given(fleets(), st.data())
def test_an_unknown_key_is_refused_wherever_it_stands(fleet: dict[str, Any], data: st.DataObject) -> None:
    loc = data.draw(st.sampled_from(models_in(fleet)))
    here: Any = fleet
    for part in loc:
        here = here[part]
    here["not_a_field"] = data.draw(st.sampled_from([1, "text", None, {}, []]))
    with pytest.raises(SettingsError) as caught:
        load.parse(fleet, "file")
    assert [problem.path for problem in caught.value.problems] == [path_of((*loc, "not_a_field"))]
    assert caught.value.problems[0].what == "is not a known key"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@calm
@given(JSON)
def test_any_document_is_read_or_refused(value: Any) -> None:
    with pytest.raises(SettingsError):
        load.parse(value, "file")
