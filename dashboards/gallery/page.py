"""The page: every dashboard in Grafana's grid at 1366 pixels, without a script or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from dashboards.gallery import colors, units
from dashboards.gallery.bundle import Answer, Board, Bundle
from dashboards.gallery.shown import GAP, PAGE_PIXELS, ROW_PIXELS, Shown, shown
from dashboards.gallery.style import STYLE


@dataclass(frozen=True)
class Dashboard:
    """One dashboard to show."""

    folder: str
    model: Mapping[str, Any]
    """Its JSON."""


@dataclass(frozen=True)
class Missing:
    """A panel without a picture."""

    dashboard: str
    panel: str
    reason: str


@dataclass(frozen=True)
class Page:
    """The page and what is on it."""

    html: str
    panels: int
    drawn: int
    missing: list[Missing]


def page(dashboards: Sequence[Dashboard], bundle: Bundle) -> Page:
    """Return the page of some dashboards.

    Args:
        dashboards: in the order in which they are shown, folder by folder.
        bundle: what their queries returned.

    Raises:
        DrawingError: the plot library is not installed.
    """
    parts: list[str] = []
    missing: list[Missing] = []
    count = 0
    for each in dashboards:
        panels = [_panel(each.model, panel, bundle) for panel in each.model["panels"]]
        parts.append(_section(each, [html for html, _ in panels], bundle.boards.get(each.model["uid"])))
        for panel, (_, content) in zip(each.model["panels"], panels, strict=True):
            if content is not None:
                count += 1
                if not content.drawn:
                    missing.append(Missing(each.model["uid"], panel["title"], _words(content.html)))
    body = "\n".join([_top(dashboards, bundle, count, missing), *parts])
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dashboards</title>'
        f"<style>{STYLE % {'width': PAGE_PIXELS, 'gap': GAP, 'row': ROW_PIXELS}}</style></head>"
    )
    return Page(f"{head}<body>{body}</body></html>\n", count, count - len(missing), missing)


def counted(dashboards: int) -> str:
    """Return so many dashboards in words."""
    return f"{dashboards} dashboard{'' if dashboards == 1 else 's'}"


def _top(dashboards: Sequence[Dashboard], bundle: Bundle, count: int, missing: Sequence[Missing]) -> str:
    folders: dict[str, list[str]] = {}
    for each in dashboards:
        link = f'<a href="#{each.model["uid"]}">{escape(each.model["title"])}</a>'
        folders.setdefault(each.folder, []).append(link)
    menu = "".join(f"<p><b>{escape(folder)}</b> {' · '.join(links)}</p>" for folder, links in folders.items())
    listed = "".join(
        f"<li>{escape(each.dashboard)}, {escape(each.panel)}: {escape(each.reason)}</li>" for each in missing
    )
    rest = f"<details><summary>{len(missing)} without a picture</summary><ul>{listed}</ul></details>" if missing else ""
    return (
        f"<header><h1>Dashboards</h1><p>{counted(len(dashboards))}, {count} panels, {count - len(missing)} drawn. "
        f"{escape(bundle.source)}</p>{menu}{rest}</header>"
    )


def _section(dashboard: Dashboard, panels: Sequence[str], board: Board | None) -> str:
    model = dashboard.model
    variables = "".join(_variable(each) for each in model["templating"]["list"])
    since = model["time"]["from"].removeprefix("now-")
    when = f"last {since}"
    if board is not None:
        day = datetime.fromtimestamp(board.end, UTC)
        when = f"{datetime.fromtimestamp(board.start, UTC):%Y-%m-%d %H:%M} to {day:%Y-%m-%d %H:%M} UTC"
    return (
        f'<section id="{model["uid"]}"><h2>{escape(model["title"])}<small>{escape(dashboard.folder)}</small></h2>'
        f'<p class="about">{escape(model["description"])} <code>/d/{model["uid"]}</code>, opens with the last {since}; '
        f'drawn: {when}.</p><p class="variables">{variables}{_marks(board)}</p>'
        f'<div class="grid">{"".join(panels)}</div></section>'
    )


def _marks(board: Board | None) -> str:
    """Return the kinds of marks that the time axes have, in their colour, with what they say."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for each in board.marks if board else []:
        kinds.setdefault((each.name, each.color), []).append(each.text)
    return "".join(
        f'<span class="marks" title="{escape(", ".join(dict.fromkeys(texts)))}"><b style="color:{colors.css(color)}">'
        f"{escape(name)}</b>{len(texts)}</span>"
        for (name, color), texts in kinds.items()
    )


def _variable(variable: Mapping[str, Any]) -> str:
    value = variable.get("query") if variable["type"] in {"textbox", "datasource"} else "All"
    label = variable.get("label") or variable["name"]
    return f"<span><b>{escape(label)}</b>{escape(str(value or ''))}</span>"


def _panel(model: Mapping[str, Any], panel: Mapping[str, Any], bundle: Bundle) -> tuple[str, Shown | None]:
    """Return a panel's box; a row's has no content."""
    place = panel["gridPos"]
    # CSS counts from 1, Grafana from 0.
    where = f"grid-column:{place['x'] + 1}/span {place['w']};grid-row:{place['y'] + 1}/span {place['h']}"
    anchor = f"{model['uid']}-{panel['id']}"
    if panel["type"] == "row":
        return f'<h3 id="{anchor}" style="{where}">{escape(panel["title"])}</h3>', None
    board = bundle.boards.get(model["uid"])
    content = shown(panel, board, anchor)
    answers = board.panels.get(panel["id"], {}) if board else {}
    about = escape(panel.get("description") or "")
    box = (
        f'<article id="{anchor}" style="{where}"><h4 title="{about}"><span>{escape(panel["title"])}</span>'
        f"{_details(panel, answers)}</h4>{content.html}</article>"
    )
    return box, content


def _details(panel: Mapping[str, Any], answers: Mapping[str, Answer]) -> str:
    """Return what a panel is made of, folded: description, unit, thresholds, links and queries."""
    facts = [f"<p>{escape(panel.get('description') or '')}</p>"]
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if defaults.get("unit"):
        facts.append(f"<p>Unit: {escape(defaults['unit'])}</p>")
    steps = list(_thresholds(defaults))
    if steps:
        facts.append(f"<p>Thresholds: {', '.join(steps)}</p>")
    facts += [f"<p>Leads to {escape(each['title'])}</p><pre>{escape(each['url'])}</pre>" for each in _links(panel)]
    for target in panel.get("targets") or []:
        query = target.get("expr") or target.get("query") or ""
        answer = answers.get(target["refId"])
        got = f" ({_got(answer)})" if answer else ""
        facts.append(f"<p>{target['refId']}{got}</p><pre>{escape(query)}</pre>")
    return f'<details><summary title="What it is made of">i</summary><div>{"".join(facts)}</div></details>'


def _links(panel: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the data links of a panel's lines and cells."""
    given = panel.get("fieldConfig", {})
    yield from given.get("defaults", {}).get("links") or []
    for override in given.get("overrides") or []:
        for each in override["properties"]:
            yield from each["value"] if each["id"] == "links" else ()


def _thresholds(defaults: Mapping[str, Any]) -> Iterator[str]:
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step.get("value") is not None:
            yield f"{escape(step['color'])} from {escape(units.text(step['value'], defaults.get('unit', '')))}"


def _got(answer: Answer) -> str:
    for things, name in ((answer.series, "series"), (answer.lines, "lines"), (answer.traces, "traces")):
        if things:
            return f"{len(things)} {name}"
    return "an error" if answer.error else "nothing"


def _words(html: str) -> str:
    """Return the sentence of a reason."""
    return html.partition(">")[2].rpartition("<")[0]
