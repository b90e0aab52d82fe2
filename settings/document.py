"""Read YAML as Pulumi reads it: the one YAML reader of what operators write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from settings.problem import Problem, SettingsError

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_DATE = "tag:yaml.org,2002:timestamp"
_STANDARD = "tag:yaml.org,2002:"
_QUOTED = re.compile(r" '[^'<\\][^']+'")
"""What an error of PyYAML repeats from the text: an unquoted password that starts with ! or * is a tag or an alias."""


class _Loader(yaml.SafeLoader):
    """Resolve scalars as Pulumi's reader does (gopkg.in/yaml.v3): as YAML 1.2, with the numbers of YAML 1.1.

    PyYAML follows YAML 1.1, where `no`, `on` and `1:30` are not text. One file would mean two things, depending on
    who reads it.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


_SIGNS_AND_DIGITS = list("-+0123456789")
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (
        "int",
        r"^[-+]?(?:0[xX][0-9a-fA-F][0-9a-fA-F_]*|0[oO][0-7][0-7_]*|0[bB][01][01_]*|[0-9][0-9_]*)$",
        _SIGNS_AND_DIGITS,
    ),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", [".", *_SIGNS_AND_DIGITS]),
    ("timestamp", r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?$", list("0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _whole(_: _Loader, node: yaml.ScalarNode) -> int:
    """Return a number as Go reads it: 010 is eight, and 089, which is not octal, is 89."""
    text = node.value.replace("_", "").lower()
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        return int(text, 8)
    return int(text, 0 if re.match(r"[-+]?0[xob]", text) else 10)


def _number(_: _Loader, node: yaml.ScalarNode) -> float | int:
    """Return a whole number without its fraction, since Pulumi hands `1e3` over as JSON's 1000."""
    value = float(node.value)
    return int(value) if value.is_integer() else value


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_RESOLVER = _Loader("")


def read(text: str, source: str) -> Any:
    """Return what a YAML text holds: maps with text keys, lists, texts, numbers, true, false and None.

    Args:
        text: one YAML document.
        source: name of the file, for messages.

    Raises:
        SettingsError: the text is no YAML, a map repeats a key or has a key that is no text, a date or a tag of
            another kind stands in it, or it contains itself. The text itself is not quoted, for it may hold a secret.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            problems = list(_problems_in(node, "", {}))
            if not problems:
                return loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
        what = _QUOTED.sub("", error.problem or type(error).__name__)
        problems = [Problem(place, f"is no YAML: {what}", "one YAML document", "correct this place")]
    except yaml.YAMLError as error:
        kind = type(error).__name__
        problems = [Problem("file", f"is no YAML ({kind})", "one YAML document", "save it as UTF-8 text")]
    except RecursionError:
        problems = [Problem("file", "nests deeper than can be read", "fewer levels", "remove the innermost")]
    # Raised out here, so that the refusal has no context: a YAML error quotes the text.
    raise SettingsError(problems, source)


def _problems_in(node: yaml.Node | None, path: str, seen: dict[int, bool]) -> Iterator[Problem]:
    """Yield a problem per key, date and tag that YAML would drop or turn into something else without a word.

    Args:
        node: a node of the document.
        path: where it stands.
        seen: by id, whether a node has been left again: an alias may repeat what is complete, not what it stands in.
    """
    if node is None or seen.get(id(node)):
        return
    if id(node) in seen:
        yield Problem(path, "is an alias of what it stands in, which has no end", "a value", "write the value")
        return
    seen[id(node)] = False
    if node.tag == _DATE:
        yield Problem(path, f"is {node.value}, which is a date to YAML", "text", f'write it in quotes: "{node.value}"')
    elif node.tag.startswith(_STANDARD) and node.tag not in _untagged(node):
        tag = node.tag.removeprefix(_STANDARD)
        yield Problem(path or "document", f"has the tag !!{tag}", "values without tags", "remove the tag")
    yield from _problems_below(node, path, seen)
    seen[id(node)] = True


def _untagged(node: yaml.Node) -> tuple[str, ...]:
    """Return the tags that a node may have: what it is without one, and text."""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    value = node.value if isinstance(node, yaml.ScalarNode) else None
    own: str = _RESOLVER.resolve(type(node), value, (plain, not plain))  # type: ignore[no-untyped-call] # the stubs' own
    return (own, _TEXT) if isinstance(node, yaml.ScalarNode) else (own,)


def _problems_below(node: yaml.Node, path: str, seen: dict[int, bool]) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _problems_in(item, f"{path}[{index}]", seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
            written = key.value if isinstance(key, yaml.ScalarNode) else "a list or map"
            yield Problem(
                f"line {line}", f"has the key {written}, which is no text", "text", f'write it in quotes: "{written}"'
            )
            continue
        place = f"{path}.{key.value}" if path else key.value
        if key.value in lines:
            yield Problem(
                place,
                f"is written twice, in line {lines[key.value]} and in line {line}",
                "each key once, for only the last one would count",
                "merge the two entries, or rename one",
            )
        lines[key.value] = line
        yield from _problems_in(value, place, seen)
