"""What differs, by path."""

from typing import Any

import pytest

from lab.providers.changes import Change, changes, ignored, response


def found(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    return {change.text: change.kind for change in changes(old, new, lambda *_: False)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": "UPDATE"}),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, {"a.b": "DELETE", "a.c": "ADD"}),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, {"a[1]": "UPDATE", "a[2]": "ADD"}),
        ({"a": [1, 2]}, {"a": [1]}, {"a[1]": "DELETE"}),
        ({"a": {"x.y/z": "1"}}, {"a": {"x.y/z": "2"}}, {'a["x.y/z"]': "UPDATE"}),
        ({"a": {}}, {"a": "text"}, {"a": "UPDATE"}),
        ({"a": True}, {"a": 1}, {"a": "UPDATE"}),
        ({}, {"a": {"b": 1}}, {"a": "ADD"}),
    ],
)
def test_changed_paths(old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]) -> None:
    assert found(old, new) == expected


def test_what_means_the_same_is_no_change() -> None:
    assert changes({"a": "1"}, {"a": "1000m"}, lambda path, old, new: (path, old, new) == (("a",), "1", "1000m")) == []


def test_a_change_at_below_or_above_a_fixed_field_replaces() -> None:
    fixed = [("spec", "selector")]
    assert Change(("spec", "selector"), "UPDATE").within(fixed)
    assert Change(("spec", "selector", "matchLabels", "a"), "UPDATE").within(fixed)
    assert Change(("spec",), "DELETE").within(fixed)
    assert not Change(("spec", "replicas"), "UPDATE").within(fixed)
    assert Change(("spec", "containers", 0, "image"), "UPDATE").within([("spec", "containers", "image")])


def test_the_engine_is_told_what_replaces_and_in_which_order() -> None:
    answer = response([Change(("a", "b"), "UPDATE"), Change(("c",), "ADD")], [("a",)], delete_first=True)
    assert (list(answer.replaces), sorted(answer.diffs), answer.deleteBeforeReplace) == (["a.b"], ["a", "c"], True)
    assert not response([Change(("c",), "ADD")], [("a",)], delete_first=True).deleteBeforeReplace


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("spec.replicas", ("spec", "replicas"), True),
        ("spec", ("spec", "replicas"), True),
        ("spec.replicas", ("spec",), False),
        ("webhooks[*].clientConfig.caBundle", ("webhooks", 2, "clientConfig", "caBundle"), True),
        ("webhooks[1].name", ("webhooks", 2, "name"), False),
        ('data["a.b"]', ("data", "a.b"), True),
    ],
)
def test_ignored_paths(pattern: str, path: tuple[str | int, ...], expected: bool) -> None:
    assert ignored(path, [pattern]) is expected
