"""What a dashboard asks of its data sources, with its variables filled as Grafana fills them.

Tests, the cost measurement and the gallery ask with this what a browser would ask. Rules of interpolation are those of
Grafana 13: pkg/promlib/models/query.go, pkg/tsdb/loki/parse_query.go and each data source's `interpolateQueryExpr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["prometheus", "loki", "tempo"]
Given = Mapping[str, str | Sequence[str]]
"""Values of variables: text where there is one value, such as what is typed or the `.*` of "all"; else a sequence."""

SCRAPE_SECONDS: Final = 30
"""The Prometheus data source's `timeInterval`; a test holds it to components/values/datasources.py."""
POINTS: Final = 1000
"""How many points a panel asks for: as many as it is wide in pixels."""
_ROUNDED: Final = (
    *((1.5, 1), (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300)),
    *((750, 600), (1050, 900), (1500, 1200), (2700, 1800), (5400, 3600), (9000, 7200), (16200, 10800)),
    *((32400, 21600), (86400, 43200)),
)
"""Below so many seconds a step is so many: gtime.RoundInterval of the plugin SDK, from a second on."""
_DAY = 86_400
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SPECIAL = re.compile(r"[$^*{}\[\]+?.()|]")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY}


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    dashboard: str
    """Uid."""
    panel: str
    """Title."""
    type: str
    """Of the panel: timeseries, stat, table, logs."""
    ref: str
    """Letter of the target."""
    kind: Kind
    text: str
    """With its variables."""
    instant: bool
    """Whether it asks for the last value only."""
    legend: str
    """What names a series, with `{{label}}` for its labels; empty in tables."""


@dataclass(frozen=True)
class Values:
    """A variable that offers the values of a label."""

    dashboard: str
    name: str
    selector: str
    """Series whose label it is, with its variables."""
    label: str


@dataclass(frozen=True)
class Annotation:
    """What a dashboard marks on the time axis of its panels."""

    name: str
    color: str
    title: str
    """What a mark of a series says, with `{{label}}` for its labels."""
    expr: str
    """Query of Prometheus whose series are marks while they last; empty where Grafana itself holds the marks."""
    tags: tuple[str, ...]
    """All of which a mark of Grafana's carries."""


def panels(model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel of a dashboard's JSON, those of collapsed rows too, rows themselves not."""
    for panel in model["panels"]:
        yield from panel.get("panels") or []
        if panel["type"] != "row":
            yield panel


def queries(model: Mapping[str, Any]) -> list[Query]:
    """Return every query of a dashboard's JSON, in the order in which its panels stand."""
    found = []
    for panel in panels(model):
        for target in panel.get("targets") or []:
            kind: Kind = (target.get("datasource") or panel["datasource"])["type"]
            text = target["query" if kind == "tempo" else "expr"]
            found.append(
                Query(
                    model["uid"],
                    panel["title"],
                    panel["type"],
                    target["refId"],
                    kind,
                    text,
                    bool(target.get("instant")),
                    target.get("legendFormat", ""),
                )
            )
    return found


def annotated(model: Mapping[str, Any]) -> list[Annotation]:
    """Return what a dashboard marks as it opens."""
    return [
        Annotation(
            each["name"],
            each["iconColor"],
            each.get("titleFormat", ""),
            each.get("expr", ""),
            tuple(each.get("target", {}).get("tags", ())),
        )
        for each in model["annotations"]["list"]
        if each["enable"]
    ]


def offered(model: Mapping[str, Any]) -> list[Values]:
    """Return the queries of a dashboard's variables.

    Raises:
        ValueError: a variable asks for something else than the values of a label.
    """
    found = []
    for each in model["templating"]["list"]:
        if each["type"] == "query":
            parts = re.fullmatch(r"label_values\((.*), *(\w+)\)", each["query"])
            if parts is None:
                raise ValueError(f"{model['uid']}: ${each['name']} is not label_values(): {each['query']}")
            found.append(Values(model["uid"], each["name"], parts[1], parts[2]))
    return found


def opening(model: Mapping[str, Any]) -> dict[str, str]:
    """Return the values that a dashboard opens with, by variable: "all", or what its text boxes hold."""
    values = {}
    for each in model["templating"]["list"]:
        if each["type"] == "textbox":
            values[each["name"]] = each["query"]
        elif each["type"] != "datasource":
            values[each["name"]] = each["allValue"]
    return values


def opening_range(model: Mapping[str, Any]) -> int:
    """Return the seconds of the time range that a dashboard opens with, which ends now.

    Raises:
        ValueError: it is not `now-<number><unit>` to `now`.
    """
    since = re.fullmatch(r"now-(\d+)([smhdw])", model["time"]["from"])
    if since is None or model["time"]["to"] != "now":
        raise ValueError(f"{model['uid']}: opens with {model['time']}; write now-3h to now.")
    return int(since[1]) * _UNITS[since[2]]


def step(range_s: float, points: int = POINTS, least_s: float = SCRAPE_SECONDS) -> int:
    """Return the seconds between two points of a panel, which are its `$__interval`."""
    wanted = range_s / points
    if wanted < least_s:
        return int(least_s)
    return next((to for below, to in _ROUNDED if wanted < below), _DAY)


def filled(query: str, kind: Kind, given: Given, interval_s: int, range_s: int, scrape_s: int = SCRAPE_SECONDS) -> str:
    """Return a query as its data source gets it.

    Args:
        query: of a panel, or the selector of a variable.
        kind: of its data source: each escapes values in its own way.
        given: values of the dashboard's variables.
        interval_s: seconds between two points, from `step`.
        range_s: seconds of the time range.
        scrape_s: the data source's shortest step, of which `$__rate_interval` is four at least.

    Raises:
        ValueError: the query names a variable that has no value; Grafana would send its name.
    """
    known = {name: _escaped(value, kind) for name, value in given.items()}
    known |= _own(kind, interval_s, range_s, scrape_s)

    def value(found: re.Match[str]) -> str:
        name: str = found[1] or found[2]
        if name.isdigit():
            return found[0]
        if name not in known:
            raise ValueError(f"${name} has no value in {query}; known are {', '.join(sorted(known))}.")
        return known[name]

    return _VARIABLE.sub(value, query)


def _own(kind: Kind, interval_s: int, range_s: int, scrape_s: int) -> dict[str, str]:
    """Return the variables that Grafana has itself."""
    made = {
        "__interval": f"{interval_s}s",
        "__interval_ms": str(interval_s * 1000),
        "__range": f"{range_s}s",
        "__range_s": str(range_s),
        "__range_ms": str(range_s * 1000),
    }
    if kind == "prometheus":
        made["__rate_interval"] = f"{max(interval_s + scrape_s, 4 * scrape_s)}s"
    if kind == "loki":
        made["__auto"] = f"{interval_s}s"
    return made


def _escaped(value: str | Sequence[str], kind: Kind) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\") if kind == "prometheus" else value
    if kind == "tempo":
        return "|".join(value)
    # Twice: once for the regular expression and once for the quotes that it stands in.
    values = [_SPECIAL.sub(r"\\\\\g<0>", each.replace("\\", "\\" * 4)) for each in value]
    return f"({'|'.join(values)})" if kind == "prometheus" and len(values) > 1 else "|".join(values)
