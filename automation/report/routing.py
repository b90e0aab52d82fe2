"""Changes of Alertmanager's tree after which somebody is told less than before.

They are read in a stack's outputs, since the Secret that holds the tree is masked. There a route goes by its matchers
and its receiver, or by its place where two are alike; what stands before what shows only when nothing else differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from automation.paths import parts
from automation.report.leaves import Leaf, flattened, inner
from automation.report.risks import Found
from settings.names import TENANT_LABEL

RECEIVER: Final = "receiver-removed"
ROUTE: Final = "route-removed"
CHANGED: Final = "route-changed"
MUTED: Final = "alert-muted"

_TREE: Final = "alertmanagerConfig"
_EQUAL: Final = re.compile(r'(\w+)="(.*)"')
_SIDES: Final = ("source_matchers", "target_matchers")
_Place = list[str | int]
_Entry = Mapping[str, Any]


def of_outputs(leaves: Iterable[Leaf]) -> Iterator[Found]:
    """Yield the risks of what differs in a stack's outputs."""
    placed = [(parts(leaf.path), leaf) for leaf in leaves]
    new = {str(place[-1]) for place, leaf in placed if place[1:-1] == ["receivers"] and leaf.kind == "add"}
    for place, leaf in placed:
        if place[0] == _TREE:
            yield from _of_tree(place[1:], leaf, new)


def _of_tree(place: _Place, leaf: Leaf, new: Collection[str]) -> Iterator[Found]:
    if place in ([], ["route"]):
        if leaf.kind != "add":
            yield Found(ROUTE, _TREE, "the whole tree is gone: who is told of what, nobody knows")
    elif place[0] == "receivers":
        yield from _of_receivers(place[1:], leaf)
    elif place[0] == "route":
        yield from _of_route(place[1:], leaf, new)
    elif place[0] == "inhibit_rules":
        yield from _of_inhibitions(place[1:], leaf)
    elif place[0] == "time_intervals" and len(place) > 2:
        yield Found(MUTED, str(place[1]), f"the times of {place[1]} differ: what it mutes may wait longer")


def _of_receivers(place: _Place, leaf: Leaf) -> Iterator[Found]:
    if not place:
        for each in inner(leaf):
            yield from _of_receivers(parts(each.path)[2:], each)
    elif leaf.kind == "delete" and len(place) == 1:
        name = str(next((each.get("name") for each in _entries([leaf.before])), place[0]))
        yield Found(RECEIVER, name, f"receiver {name} is removed: who is told by it, is not any more")
    elif leaf.kind == "delete" and len(place) <= 3 and str(place[1]).endswith("_configs"):
        name = str(place[0])
        yield Found(RECEIVER, name, f"{place[1]} of receiver {name} is removed: it tells fewer than before")


def _of_route(place: _Place, leaf: Leaf, new: Collection[str]) -> Iterator[Found]:
    """Yield what is lost by a difference in the top route, or in one below.

    Args:
        place: where it is, from the top route on.
        leaf: the difference.
        new: receivers that come with it.
    """
    above: list[str] = []
    numbered = False
    while place[:1] == ["routes"] and len(place) > 1:
        above.append(place[1] if isinstance(place[1], str) else f"routes[{place[1]}]")
        numbered, place = isinstance(place[1], int), place[2:]
    name = above[-1] if above else "route"
    if not place and leaf.kind == "add":
        for route in _entries([leaf.after]):
            yield from _of_new_route(route, above[:-1], new)
    elif not place:
        yield _removed(next(map(_called, _entries([leaf.before])), name) if numbered else name)
    elif place == ["routes"] and isinstance(leaf.before, list) and isinstance(leaf.after, list):
        yield from _overtaken(_entries(leaf.before), _entries(leaf.after))
    elif place == ["routes"]:
        gone, come = _entries(leaf.before), _entries(leaf.after)
        # What the only routes below told the same receiver, that above them tells it now.
        kept = above and all(_receiver(each) == _receiver(name) for each in gone)
        yield from () if kept else (_removed(_called(each)) for each in gone)
        for route in come:
            yield from _of_new_route(route, above, new)
    elif place == ["continue"] and leaf.before is True:
        yield Found(CHANGED, name, f"{name} no longer goes on: who comes behind it, is not told any more")
    elif place[0] in ("receiver", "matchers"):
        sides = f"{_shown(leaf.before)} -> {_shown(leaf.after)}"
        yield Found(CHANGED, name, f"{place[0]} of {name} {sides}: who was told by it, may not be any more")
    elif place[0] == "mute_time_intervals":
        for each in flattened(leaf):
            if each.kind == "add":
                yield Found(MUTED, name, f"{name} waits during {each.after}: until then nobody is told by it")
    elif place[0] == "active_time_intervals" and leaf.kind == ("add" if len(place) == 1 else "delete"):
        yield Found(MUTED, name, f"{name} tells at fewer times than before")


def _of_new_route(route: _Entry, above: Sequence[str], new: Collection[str]) -> Iterator[Found]:
    name, below = _called(route), list(_all(route))
    if not above:
        # A tenant's own comes with its receiver; every other may stand in front of those that it takes alerts from.
        own = TENANT_LABEL in _exact(route) and _receiver(route) in new
        if not own and not route.get("continue"):
            yield Found(CHANGED, name, f"{name} is new: the routes behind it are not told of what it takes")
    elif any("mute_time_intervals" in each or "active_time_intervals" in each for each in below):
        yield Found(MUTED, name, f"{name} below {above[-1]} waits at times: until then nobody is told by it")
    elif {_receiver(each, _receiver(above[-1])) for each in below} != {_receiver(above[-1])}:
        yield Found(CHANGED, name, f"{name} is new: {above[-1]} is not told of what it takes")


def _overtaken(before: Sequence[_Entry], after: Sequence[_Entry]) -> Iterator[Found]:
    """Yield the routes that come before others now and may take alerts that those were told."""
    was = {_called(route): number for number, route in enumerate(before)}
    for number, route in enumerate(after, 1):
        name, own = _called(route), _exact(route)
        passed = [
            _called(other)
            for other in after[number:]
            if was[_called(other)] < was[name]
            and all(own.get(label, value) == value for label, value in _exact(other).items())
        ]
        if passed and not route.get("continue"):
            more = f" and {len(passed) - 1} more" if len(passed) > 1 else ""
            yield Found(
                CHANGED, name, f"{name} comes before {passed[0]}{more}: nobody is told by those of what it takes"
            )


def _of_inhibitions(place: _Place, leaf: Leaf) -> Iterator[Found]:
    if not place:
        for each in inner(leaf):
            yield from _of_inhibitions(parts(each.path)[2:], each)
        return
    rule = f"inhibit_rules[{place[0]}]"
    if len(place) == 1 and leaf.kind == "add":
        for new in _entries([leaf.after]):
            source, target = (", ".join(_matchers(new, key)) or "everything" for key in _SIDES)
            yield Found(MUTED, rule, f"{source} keeps {target} quiet: nobody is told of it")
    elif len(place) > 1 and leaf.kind != "add" and not isinstance(leaf.after, list):
        yield Found(MUTED, rule, f"{rule} asks for less than before: it may keep more quiet")


def _removed(name: str) -> Found:
    return Found(ROUTE, name, f"route {name} is removed: who is told by it, is not any more")


def _called(route: _Entry) -> str:
    """Return what a route goes by, as `automation.paths` calls it."""
    return f"{', '.join(_matchers(route)) or 'everything'} -> {_receiver(route)}"


def _matchers(entry: _Entry, key: str = "matchers") -> list[str]:
    found = entry.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []


def _entries(value: Any) -> list[_Entry]:
    """Return what a list has of maps: what is there may be of another shape than what this program writes."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _receiver(route: _Entry | str, otherwise: str = "the one above") -> str:
    return route.rpartition(" -> ")[2] if isinstance(route, str) else str(route.get("receiver", otherwise))


def _exact(route: _Entry) -> dict[str, str]:
    """Return the labels of which a route takes one value only."""
    found = (_EQUAL.fullmatch(matcher) for matcher in _matchers(route))
    return {match[1]: match[2] for match in found if match}


def _all(route: _Entry) -> Iterator[_Entry]:
    yield route
    for below in _entries(route.get("routes")):
        yield from _all(below)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
