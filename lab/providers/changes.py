"""Name what differs between two property trees, as the paths that a preview shows.

Both the kubernetes and the table-driven providers answer Diff with this; the rules (an absent old value is an
addition, lists are compared item by item, a path element that is no plain word is quoted) are those of
pulumi-kubernetes' convertPatchToDiff.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pulumi.runtime.proto import provider_pb2 as proto

Path = tuple[str | int, ...]
Same = Callable[[Path, Any, Any], bool]
_ABSENT: Final = object()
_QUOTED: Final = re.compile(r'[."\[\]]')


@dataclass(frozen=True)
class Change:
    """One path that differs, and how."""

    path: Path
    kind: Literal["ADD", "DELETE", "UPDATE"]

    @property
    def text(self) -> str:
        """The path in the engine's notation: spec.ports[0].name, metadata.labels["a.b/c"]."""
        text = ""
        for element in self.path:
            if isinstance(element, int):
                text += f"[{element}]"
            elif _QUOTED.search(element):
                escaped = element.replace('"', '\\"')
                text += f'["{escaped}"]'
            else:
                text += f".{element}" if text else element
        return text

    def within(self, prefixes: Iterable[tuple[str, ...]]) -> bool:
        """Tell whether the path lies at or below one of the prefixes, or holds one; list indices do not count."""
        words = tuple(element for element in self.path if isinstance(element, str))
        return any(words[: len(prefix)] == prefix[: len(words)] for prefix in prefixes)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], same: Same) -> list[Change]:
    """Return every difference from old to new that `same` does not call equal.

    same(path, old, new) is asked for each pair that is not identical, with None for an absent side; it says$
    whether the two mean the same, such as 1000m and 1.
    """
    return list(_compare((), dict(old), dict(new), same))


def response(
    found: Iterable[Change],
    replacing: Iterable[tuple[str, ...]],
    *,
    delete_first: bool = False,
) -> proto.DiffResponse:
    """Return the engine's message for these changes; those within a `replacing` path make it a replacement."""
    prefixes = list(replacing)
    answer = proto.DiffResponse(hasDetailedDiff=True, changes=proto.DiffResponse.DIFF_NONE)
    for change in found:
        replaces = change.within(prefixes)
        name = f"{change.kind}_REPLACE" if replaces else change.kind
        answer.detailedDiff[change.text].kind = proto.PropertyDiff.Kind.Value(name)
        answer.detailedDiff[change.text].inputDiff = change.kind == "DELETE"
        answer.changes = proto.DiffResponse.DIFF_SOME
        if replaces:
            answer.replaces.append(change.text)
        if str(change.path[0]) not in answer.diffs:
            answer.diffs.append(str(change.path[0]))
    answer.deleteBeforeReplace = bool(answer.replaces) and delete_first
    return answer


def ignored(path: Path, patterns: Iterable[str]) -> bool:
    """Tell whether one of the program's ignore_changes (spec.replicas, data["a.b"], x[*].y) covers a path."""
    for pattern in patterns:
        elements = [
            quoted or index or word
            for quoted, index, word in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)', pattern)
        ]
        if len(elements) <= len(path) and all(
            wanted in ("*", str(got)) for wanted, got in zip(elements, path, strict=False)
        ):
            return True
    return False


def _compare(path: Path, old: Any, new: Any, same: Same) -> Iterator[Change]:
    if old is not _ABSENT and new is not _ABSENT:
        if isinstance(old, dict) and isinstance(new, dict):
            for key in old.keys() | new.keys():
                yield from _compare((*path, key), old.get(key, _ABSENT), new.get(key, _ABSENT), same)
            return
        if isinstance(old, list) and isinstance(new, list):
            for index in range(max(len(old), len(new))):
                before = old[index] if index < len(old) else _ABSENT
                after = new[index] if index < len(new) else _ABSENT
                yield from _compare((*path, index), before, after, same)
            return
        # True equals 1 to Python, and not to anybody else.
        if old == new and isinstance(old, bool) == isinstance(new, bool):
            return
    if same(path, None if old is _ABSENT else old, None if new is _ABSENT else new):
        return
    if old is _ABSENT:
        yield Change(path, "ADD")
    else:
        yield Change(path, "DELETE" if new is _ABSENT else "UPDATE")
