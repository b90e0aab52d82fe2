"""YAML that means more than it shows: tags, aliases, merges, depth."""

from __future__ import annotations

import pytest

from settings import document
from settings.problem import SettingsError

ENDLESS = "is an alias of what it stands in, which has no end; allowed: a value; fix: write the value"


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        document.read(text, "file")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("!!int x", "int"),
        ("!!int '5'", "int"),
        ("!!bool maybe", "bool"),
        ("!!float 1", "float"),
        ("!!null 0", "null"),
        ("!!binary aGk=", "binary"),
        ("!!set {a, b}", "set"),
        ("!!seq {a: b}", "seq"),
        ("!!map [a]", "map"),
        ("!!omap [a: b]", "omap"),
    ],
)
def test_a_tag_that_makes_another_value_is_refused(text: str, tag: str) -> None:
    assert refusal(f"x: [{text}]") == (
        f"file: x[0] has the tag !!{tag}; allowed: values without tags; fix: remove the tag"
    )


def test_a_tag_that_changes_nothing_is_read() -> None:
    text = "a: !!str 5\nb: !!int 5\nc: !!map {x: !!bool true}\n"
    assert document.read(text, "file") == {"a": "5", "b": 5, "c": {"x": True}}


@pytest.mark.parametrize(
    ("text", "path"), [("a: &a\n  x: [1, *a]\n", "a.x[1]"), ("a: &a\n  <<: *a\n", "a.<<"), ("a: &a [*a]", "a[0]")]
)
def test_what_contains_itself_is_refused(text: str, path: str) -> None:
    assert refusal(text) == f"file: {path} {ENDLESS}"


def test_what_nests_without_end_is_refused() -> None:
    assert refusal("[" * 5000) == (
        "file: file nests deeper than can be read; allowed: fewer levels; fix: remove the innermost"
    )


def test_anchors_and_merges_stay_usable() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  y: 3\nc: {<<: *b, z: 4}\n"
    assert document.read(text, "file") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 3, "z": 4},
    }
