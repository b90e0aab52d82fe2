"""Ask the data sources what a browser would ask for each dashboard as it opens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from dashboards import filling
from dashboards.gallery import marks
from dashboards.gallery.bundle import Answer, Board, Bundle, Line, Mark, Series, Trace
from dashboards.panel_ids import panel_id

TIMEOUT_SECONDS: Final = 60.0
POINTS: Final = 240
"""Per line: every third pixel of a panel that is half a page wide; more makes the page large and no clearer."""
MOST_LINES: Final = 40
"""Log lines that are kept of a panel; its height shows fewer."""
MOST_SERIES: Final = 100
"""Rows of a table and lines of a panel that are kept."""


@dataclass(frozen=True)
class Sources:
    """Where the data sources are."""

    prometheus: str = ""
    """`http://host:port`; empty where there is none, whose panels then say so."""
    loki: str = ""
    tempo: str = ""
    org_ids: str = ""
    """X-Scope-OrgID of Loki and Tempo: tenants with | between."""
    annotations: Sequence[marks.Kept] = ()
    """What Grafana keeps, such as deploys: there is none to ask."""

    def of(self, kind: filling.Kind) -> str:
        """Return the address of one kind."""
        return {"prometheus": self.prometheus, "loki": self.loki, "tempo": self.tempo}[kind].rstrip("/")


def asked(
    models: Iterable[Mapping[str, Any]],
    sources: Sources,
    end: float,
    *,
    source: str,
    range_s: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Return what every query of some dashboards returns, "all" being chosen everywhere.

    Args:
        models: the dashboards' JSON.
        sources: where to ask.
        end: of the time range, seconds since the epoch.
        source: sentence about the data.
        range_s: seconds of the time range; each dashboard's own without it.
        say: told each dashboard before it is asked.
    """
    session = requests.Session()
    session.trust_env = False
    boards = {}
    for model in models:
        say(model["title"])
        span = range_s or filling.opening_range(model)
        boards[model["uid"]] = _board(session, model, sources, end - span, end)
    return Bundle(source, boards)


def _board(session: requests.Session, model: Mapping[str, Any], sources: Sources, start: float, end: float) -> Board:
    given = filling.opening(model)
    span = int(end - start)
    found = Board(start, end)
    for query in filling.queries(model):
        step = filling.step(span, POINTS)
        text = filling.filled(query.text, query.kind, given, step, span)
        answer = _Asker(session, sources, start, end, step).ask(query, text)
        found.panels.setdefault(panel_id(query.type, query.panel), {})[query.ref] = answer
    found.marks.extend(_marks(session, model, sources, start, end))
    return found


def _marks(
    session: requests.Session, model: Mapping[str, Any], sources: Sources, start: float, end: float
) -> list[Mark]:
    """Return the marks of a dashboard, ordered; a query that is refused has none, and its panels say why."""
    step = filling.step(int(end - start), POINTS)
    found: list[Mark] = []
    for each in filling.annotated(model):
        if not each.expr:
            found += marks.of_grafana(each, sources.annotations, start, end)
            continue
        text = filling.filled(each.expr, "prometheus", filling.opening(model), step, int(end - start))
        query = filling.Query(model["uid"], each.name, "annotation", "", "prometheus", text, False, each.title)
        answer = _Asker(session, sources, start, end, step).ask(query, text)
        found += marks.of_series(each, answer.series, step)
    return sorted(found, key=lambda mark: (mark.start, mark.name, mark.text))


@dataclass(frozen=True)
class _Asker:
    session: requests.Session
    sources: Sources
    start: float
    end: float
    step: int

    def ask(self, query: filling.Query, text: str) -> Answer:
        """Return what a data source says; a refusal is an answer too."""
        address = self.sources.of(query.kind)
        if not address:
            return Answer(text, error=f"No {query.kind.capitalize()} was asked.")
        try:
            if query.kind == "loki":
                return self._loki(address, text, lines=query.type == "logs")
            if query.kind == "tempo":
                return self._tempo(address, text)
            return self._instant(address, text) if query.instant else self._range(address, text)
        except requests.RequestException as error:
            return Answer(text, error=f"{query.kind.capitalize()} does not answer ({type(error).__name__}).")
        except _RefusedError as refusal:
            return Answer(text, error=f"{query.kind.capitalize()} refuses: {refusal}")

    def _range(self, address: str, text: str) -> Answer:
        # Grafana's own: the start falls on a multiple of the step, so that a refresh draws the same points.
        start = self.start // self.step * self.step
        form = {"query": text, "start": f"{start:.0f}", "end": f"{self.end:.0f}", "step": str(self.step)}
        result = self._post(f"{address}/api/v1/query_range", form)
        return Answer(text, self.step, _series(result, "values"))

    def _instant(self, address: str, text: str) -> Answer:
        result = self._post(f"{address}/api/v1/query", {"query": text, "time": f"{self.end:.0f}"})
        return Answer(text, 0, _series([{**each, "values": [each["value"]]} for each in result], "values"))

    def _loki(self, address: str, text: str, *, lines: bool) -> Answer:
        params = {
            "query": text,
            "start": f"{self.start * 1e9:.0f}",
            "end": f"{self.end * 1e9:.0f}",
            "step": f"{self.step}s",
            "limit": str(MOST_LINES),
            "direction": "backward",
        }
        result = self._get(f"{address}/loki/api/v1/query_range", params)["data"]["result"]
        if not lines:
            return Answer(text, self.step, _series(result, "values"))
        found = [
            Line(int(value[0]) / 1e9, {**stream["stream"], **(value[2] if len(value) > 2 else {})}, value[1])
            for stream in result
            for value in stream["values"]
        ]
        return Answer(text, lines=sorted(found, key=lambda each: -each.time)[:MOST_LINES])

    def _tempo(self, address: str, text: str) -> Answer:
        params = {"q": text, "start": f"{self.start:.0f}", "end": f"{self.end:.0f}", "limit": "20"}
        found = self._get(f"{address}/api/search", params).get("traces") or []
        traces = [
            Trace(
                each["traceID"],
                each.get("rootServiceName", ""),
                each.get("rootTraceName", ""),
                int(each["startTimeUnixNano"]) / 1e9,
                float(each.get("durationMs", 0)),
            )
            for each in found
        ]
        return Answer(text, traces=traces)

    def _post(self, url: str, form: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = self.session.post(url, data=form, timeout=TIMEOUT_SECONDS)
        data = _checked(answer)["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        result: list[dict[str, Any]] = data["result"]
        return result

    def _get(self, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        headers = {"X-Scope-OrgID": self.sources.org_ids} if self.sources.org_ids else {}
        return _checked(self.session.get(url, params=params, headers=headers, timeout=TIMEOUT_SECONDS))


class _RefusedError(Exception):
    """A data source answered that it will not."""


def _checked(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise _RefusedError(f"{answer.status_code} {answer.text.strip()[:300]}")
    found: dict[str, Any] = answer.json()
    return found


def _series(result: Iterable[Mapping[str, Any]], values: str) -> list[Series]:
    found = []
    for each in result:
        points = [(float(time), float(value)) for time, value in each[values]]
        # What is no number is a gap to Grafana.
        finite = [(time, value) for time, value in points if math.isfinite(value)]
        if finite:
            found.append(Series(dict(each["metric"]), finite))
    return found[:MOST_SERIES]
