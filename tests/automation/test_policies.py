"""Each policy refuses its own mistake, with its fix, and passes what is right or not yet known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from automation.paths import MASK, UNKNOWN
from automation.policies import RULES, check
from automation.recorder import Planned
from tests.automation.plans import (
    ACCESS,
    BUCKET,
    CRD,
    NAMESPACE,
    RIGHT,
    broken,
    collector,
    config_map,
    namespace,
    planned,
    policy,
    workload,
)

MISTAKES: list[tuple[str, str, list[Planned]]] = [
    ("no-public-bucket", "has no public access block", [BUCKET]),
    (
        "no-public-bucket",
        "has no public access block",
        [BUCKET, planned(ACCESS.type, {**ACCESS.inputs, "blockPublicAcls": False})],
    ),
    ("no-public-bucket", "allows everybody", [policy({"Effect": "Allow", "Principal": "*"})]),
    ("no-latest-tag", "runs main:latest", [workload(image="main:latest")]),
    ("no-latest-tag", "runs host:5000/main", [workload(image="host:5000/main")]),
    ("no-latest-tag", "runs collector", [collector(image="collector")]),
    (
        "limits-and-requests",
        "container main has no requests.cpu",
        [workload(resources={"limits": {"memory": "1Gi"}})],
    ),
    (
        "no-credential-in-configmap",
        "data['a.yaml'] holds what looks like a password in plain text (hidden)",
        [config_map(**{"a.yaml": "user: x\npassword: c4naryvalue\n"})],
    ),
    ("pod-security", "main may escalate privileges", [NAMESPACE, workload(securityContext={})]),
    ("labels-of-ownership", "tags nothing with", [planned("pulumi:providers:aws", {"defaultTags": "{}"})]),
    (
        "labels-of-ownership",
        "says not whose it is",
        [planned("kubernetes:core/v1:Namespace", {"metadata": {"name": "x"}})],
    ),
    ("protected-stateful", "is not protected", [ACCESS, replace(BUCKET, protect=False)]),
    (
        "protected-stateful",
        "is not protected",
        [planned("aws:s3/bucketV2:BucketV2", {"bucket": "logs"}, protect=False)],
    ),
    ("protected-stateful", "is not protected and retained", [planned(CRD, {}, retain=False)]),
    (
        "protected-stateful",
        "takes its pods along",
        [planned("kubernetes:apps/v1:StatefulSet", {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}})],
    ),
]


def test_what_is_right_passes() -> None:
    assert check(RIGHT) == []


@pytest.mark.parametrize(("rule", "message", "resources"), MISTAKES)
def test_a_mistake_is_named_with_its_fix(rule: str, message: str, resources: list[Planned]) -> None:
    found = broken(rule, *resources)
    assert found, "the mistake passes"
    assert message in found[0]
    assert "fix: " in found[0]
    assert "c4nary" not in found[0]


def test_every_rule_has_a_mistake() -> None:
    assert {rule for rule, _, _ in MISTAKES} == set(RULES)


def test_an_environment_without_deletion_protection_need_not_protect() -> None:
    bare = [ACCESS, replace(BUCKET, protect=False)]
    assert [violation.rule for violation in check(bare)] == ["protected-stateful"]
    assert check(bare, protection=False) == []


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path to each value within a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """Return a copy in which something else lies at a path."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(value[path[0]], path[1:], new)
    return copy


def _with(new: Any) -> Iterator[tuple[str, list[Planned]]]:
    """Yield what is right with something else in each place of each resource, one at a time."""
    for index, each in enumerate(RIGHT):
        for path in _paths(each.inputs):
            changed = replace(each, inputs=_put(each.inputs, path, new))
            yield f"{each.type} {path}", [*RIGHT[:index], changed, *RIGHT[index + 1 :]]


def test_what_only_the_update_will_know_breaks_no_rule() -> None:
    plans = list(_with(UNKNOWN))
    assert len(plans) > 150
    assert [(where, found) for where, plan in plans if (found := check(plan))] == []


def test_what_is_unknown_hides_no_mistake_beside_it() -> None:
    mistake = config_map(password="c4naryvalue1")
    assert all(
        [violation.rule for violation in check([*plan, mistake])] == ["no-credential-in-configmap"]
        for _, plan in _with(UNKNOWN)
    )


@pytest.mark.parametrize(
    "junk", [None, MASK, "x", "", 5, True, [], {}, [None], [[]], {"a": None}, [{}], ["x"]], ids=repr
)
def test_nothing_that_a_plan_may_hold_ends_the_check(junk: Any) -> None:
    for where, plan in _with(junk):
        assert isinstance(check(plan), list), where


@pytest.mark.parametrize(
    ("resource", "rules"),
    [
        (workload(image=MASK), {"no-latest-tag"}),
        (
            planned(workload().type, {**workload().inputs, "spec": MASK}),
            {"no-latest-tag", "limits-and-requests", "no-credential-in-configmap", "pod-security"},
        ),
        (planned("kubernetes:core/v1:ConfigMap", {"data": MASK}), {"no-credential-in-configmap"}),
        (planned("pulumi:providers:aws", {"defaultTags": MASK}), {"labels-of-ownership"}),
        (planned(policy().type, {"policy": MASK}), {"no-public-bucket"}),
        (planned(policy().type, {"policy": "no JSON"}), {"no-public-bucket"}),
        (planned(policy().type, {"policy": '{"Statement": ["x"]}'}), {"no-public-bucket"}),
        (namespace(**{"pod-security.kubernetes.io/enforce": MASK}), {"pod-security"}),
        (workload(securityContext="x"), {"pod-security"}),
        (workload(resources=["x"]), {"limits-and-requests"}),
    ],
)
def test_a_rule_that_cannot_read_a_resource_says_so(resource: Planned, rules: set[str]) -> None:
    found = check([resource])
    assert {violation.rule for violation in found} == rules
    assert all(violation.message.startswith("cannot be read at ") for violation in found)
    assert all("fix: correct it, or keep secrets out of it" in violation.message for violation in found)
