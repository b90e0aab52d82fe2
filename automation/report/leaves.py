"""Break a field that differs into the values that differ, also within YAML and JSON that is carried as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from automation.paths import MASK, MISSING, differences
from automation.result import Field

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DIGEST: Final = "[digest]"
"""What stands for a SHA-256, which differs in every region and says only that something else differs."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SHOWN: Final = 160
"""Characters of a value that are shown: enough for an image or an expression, too few for a dashboard."""


@dataclass(frozen=True)
class Leaf:
    """One value that differs."""

    path: str
    """Path of the field, and behind a space the path inside it when it is a document."""
    before: Any
    after: Any
    """None where that side has nothing; see `kind`."""
    kind: str
    """`add`, `update` or `delete`."""
    replaces: bool = False

    def lines(self) -> list[str]:
        """Return the lines of a diff that show it."""
        sides = [("-", self.before)] if self.kind != "add" else []
        sides += [("+", self.after)] if self.kind != "delete" else []
        forced = "  (forces a replacement)" if self.replaces else ""
        if self.before == self.after:
            known = self.before in (MASK, DIGEST)
            return [f"! {self.path}: {f'{self.before}, another one' if known else 'differs'}{forced}"]
        return [f"{sign} {self.path}: {_text(value)}{forced}" for sign, value in sides]


def leaves(fields: Iterable[Field]) -> list[Leaf]:
    """Return every value that differs, in the order of the paths."""
    return [leaf for field in fields for leaf in _of(field)]


def inner(leaf: Leaf) -> Iterator[Leaf]:
    """Yield what lies in a map, list or document that a leaf brings or takes, one step deeper; nothing of a value."""
    for kind, raw in (("delete", leaf.before), ("add", leaf.after)):
        value = _document(raw)
        if isinstance(value, dict | list):
            nothing = type(value)()
            for path, old, new in differences(*((value, nothing) if kind == "delete" else (nothing, value))):
                before, after = (old, None) if kind == "delete" else (None, new)
                yield Leaf(_under(leaf.path, raw, path), before, after, kind, leaf.replaces)


def flattened(leaf: Leaf) -> Iterator[Leaf]:
    """Yield every single value that a leaf brings, takes or changes: those in a map that comes or goes as a whole."""
    before, after = _document(leaf.before), _document(leaf.after)
    left, right = isinstance(before, dict | list), isinstance(after, dict | list)
    if left and type(before) is type(after):
        # Only the order of a list differs.
        yield leaf
        return
    for each in inner(leaf):
        yield from flattened(each)
    # A value may stand where a map was, or the other way round; null is no value.
    old, new = None if left else before, None if right else after
    if not (left or right) or old is not new:
        kind = "delete" if new is None is not old else "add" if old is None is not new else leaf.kind
        yield Leaf(leaf.path, old, new, kind, leaf.replaces)


def renamed(leaf: Leaf, names: Mapping[str, str]) -> Leaf:
    """Return a leaf with each name of a region's own, and each digest, replaced by its placeholder."""
    return Leaf(
        substituted(leaf.path, names), _map(leaf.before, names), _map(leaf.after, names), leaf.kind, leaf.replaces
    )


def substituted(text: str, names: Mapping[str, str]) -> str:
    """Return a text with each name replaced by its placeholder, where it is a word: a region may be called `in`."""
    longest = sorted(filter(None, names), key=len, reverse=True)
    words = "|".join(re.escape(name) for name in longest)
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda found: names[found[0]], text) if words else text


def _map(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return DIGEST if _DIGEST.fullmatch(value) else substituted(value, names)
    if isinstance(value, Mapping):
        return {substituted(str(key), names): _map(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_map(inner, names) for inner in value]
    return value


def _of(field: Field) -> Iterator[Leaf]:
    kind = field.kind.removesuffix("-replace")
    before, after = _document(field.before), _document(field.after)
    if kind == "update" and isinstance(before, dict | list) and type(before) is type(after):
        for path, old, new in differences(before, after):
            how = "add" if old is MISSING else "delete" if new is MISSING else "update"
            where = _under(field.path, field.before, path)
            yield Leaf(where, None if old is MISSING else old, None if new is MISSING else new, how, field.replaces)
    else:
        yield Leaf(field.path, field.before, field.after, kind, field.replaces)


def _under(path: str, value: Any, inside: str) -> str:
    """Return the path of what lies in a value; behind a space where that is a document carried as text."""
    joint = " " if isinstance(value, str) else "" if inside.startswith("[") or not inside else "."
    return f"{path}{joint}{inside}"


def _document(value: Any) -> Any:
    """Return what a text holds when it is a document of several lines or JSON, and anything else as it is."""
    if not isinstance(value, str) or value == MASK or not ("\n" in value or value.startswith(("{", "["))):
        return value
    try:
        return json.loads(value) if value.startswith(("{", "[")) else yaml.load(value, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (ValueError, yaml.YAMLError):
        return value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    text = text.replace("\n", "\\n")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
