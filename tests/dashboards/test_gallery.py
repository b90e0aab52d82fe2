"""The gallery: every panel is on it, drawn with what the data sources returned, or with the reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from components.values.datasources import org_ids
from dashboards import filling
from dashboards.__main__ import run
from dashboards.catalogue import CATALOGUE
from dashboards.gallery import bundle, colors, drawing, lines, tables, units
from dashboards.gallery.bundle import Answer, Board, Series
from dashboards.gallery.shown import markdown, shown
from dashboards.panel_ids import panel_id
from tests.contexts import context
from tests.dashboards.test_dashboards import model
from tests.serving import Asked, serving

END = 1_767_614_400
LABELS: dict[str, str] = {
    "tenant": "shop",
    "region": "us-east",
    "service_name": "cart",
    "namespace": "shop",
    "pod": "cart-0",
}
REFUSED, EMPTY = "ALERTS_FOR_STATE", "kafka_consumergroup_members"
"""Metrics of which the server says that it will not, or that there is nothing."""


def answered(asked: Asked) -> tuple[int, bytes]:
    """Answer as Prometheus, Loki or Tempo would, with two series of whatever is asked."""
    form = {**asked.query, **parse_qs(asked.body.decode())}
    query = form.get("query", form.get("q"))
    assert query is not None
    if "$" in re.sub(r'"[^"]*"|`[^`]*`', "", query[0]):
        return 400, b"a variable is left"
    if REFUSED in query[0]:
        return 422, b'{"error":"too many samples"}'
    if EMPTY in query[0]:
        return 200, b'{"data":{"resultType":"matrix","result":[]}}'
    return 200, json.dumps(_answer(asked, {name: values[0] for name, values in form.items()})).encode()


def _answer(asked: Asked, form: dict[str, str]) -> dict[str, Any]:
    if asked.path == "/api/search":
        assert asked.headers["X-Scope-OrgID"] == org_ids(context("dev.us-east"))
        found: dict[str, Any] = {"rootServiceName": "cart", "rootTraceName": "GET /cart", "durationMs": 1500}
        return {
            "traces": [{"traceID": "5148a5cda11679311c902c9df1a1d3bc", "startTimeUnixNano": f"{END}000000000", **found}]
        }
    if asked.path == "/api/v1/query":
        return {"data": {"resultType": "vector", "result": [{"metric": LABELS, "value": [END, "0.25"]}]}}
    if asked.path.startswith("/loki") and not re.search("count_over_time|bytes_over_time|unwrap", form["query"]):
        stream = {"stream": LABELS | {"level": "error"}, "values": [[f"{END}000000000", "<b>no & yes</b>"]]}
        return {"data": {"resultType": "streams", "result": [stream]}}
    step = int(form["step"].removesuffix("s"))
    start = END - 40 * step
    points = [[start + step * number, str(number % 7 / 5)] for number in range(40) if number not in {11, 12}]
    pairs = [{"metric": LABELS | {"pod": pod}, "values": points} for pod in ("cart-0", "cart-1")]
    return {"data": {"resultType": "matrix", "result": pairs}}


@dataclass(frozen=True)
class Drawn:
    html: str
    report: dict[str, Any]
    saved: Path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawn]:
    out = tmp_path_factory.mktemp("gallery")
    with serving(answered) as url, pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("dashboards.__main__._print", said.append)
        arguments = ["gallery", "--prometheus", url, "--loki", url, "--tempo", url, "--end", str(END)]
        assert run([*arguments, "--out", str(out), "--save", str(out / "bundle.json"), "--json"]) == 0
        yield Drawn((out / "index.html").read_text(encoding="utf-8"), json.loads("".join(said)), out / "bundle.json")


def boxes(html: str) -> dict[str, str]:
    """Return the content of each panel by its anchor."""
    return dict(re.findall(r'<article id="([^"]+)"[^>]*>(.*?)</article>', html, re.DOTALL))


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_every_panel_has_a_picture_or_a_reason(page: Drawn, uid: str) -> None:
    found = boxes(page.html)
    for panel in filling.panels(model(uid)):
        content = found[f"{uid}-{panel['id']}"]
        texts = " ".join(str(each.get("expr", "")) for each in panel.get("targets") or [])
        if REFUSED in texts:
            assert "Prometheus refuses: 422" in content
        elif EMPTY in texts and len(panel["targets"]) == 1:
            assert f'class="reason">{panel["fieldConfig"]["defaults"]["noValue"]}' in content
        else:
            kinds = {"timeseries": "<svg", "stat": 'class="stat"', "table": "<td", "logs": "<li", "text": "<ul>"}
            assert kinds[panel["type"]] in content, panel["title"]
            course = panel["type"] == "stat" and not panel["targets"][0].get("instant")
            assert ("<svg" in content) == (course or panel["type"] == "timeseries"), panel["title"]
            assert 'class="reason"' not in content


def test_every_dashboard_and_row_is_there_in_its_folder_and_place(page: Drawn) -> None:
    assert set(re.findall(r'<section id="([^"]+)"', page.html)) == CATALOGUE.keys()
    for uid in CATALOGUE:
        for panel in model(uid)["panels"]:
            place = panel["gridPos"]
            where = f"grid-column:{place['x'] + 1}/span {place['w']};grid-row:{place['y'] + 1}/span {place['h']}"
            assert f'id="{uid}-{panel["id"]}" style="{where}"' in page.html


def test_the_summary_counts_what_is_drawn_and_names_the_rest(page: Drawn) -> None:
    report = page.report
    assert report["dashboards"] == len(CATALOGUE)
    assert report["panels"] == sum(1 for uid in CATALOGUE for _ in filling.panels(model(uid)))
    assert report["drawn"] == report["panels"] - len(report["missing"])
    reasons = {(each["dashboard"], each["panel"]): each["reason"] for each in report["missing"]}
    assert reasons["alerts-silences", "Firing"].startswith("Prometheus refuses: 422")
    assert {uid for uid, _ in reasons} == {"alerts-silences", "kafka"}


def test_where_a_line_and_a_cell_lead_to_is_said(page: Drawn) -> None:
    found = boxes(page.html)
    line = found[f"service-overview-{panel_id('timeseries', 'Error share')}"]
    assert "<p>Leads to Logs</p><pre>/d/logs-explorer?var-tenant=${__field.labels.tenant}&amp;" in line
    cell = found[f"cost-volume-{panel_id('table', 'Cost of a month by tenant')}"]
    assert "<p>Leads to Cardinality</p><pre>/d/cardinality?var-tenant=${__data.fields.Tenant}&amp;" in cell


def test_the_page_needs_nothing_from_elsewhere(page: Drawn) -> None:
    assert "<script" not in page.html
    assert not re.search(r'(?:src|href)="(?!#)', page.html)
    assert not re.search(r"url\((?!#)|@import", page.html)
    assert "&lt;b&gt;no &amp; yes&lt;/b&gt;" in page.html, "lines are text, not markup"
    ids = re.findall(r'\bid="([^"]+)"', page.html)
    assert len(ids) == len(set(ids)), "parts of pictures would show in others"


def test_the_same_answers_are_the_same_page(page: Drawn, tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        assert run(["gallery", "--data", str(page.saved), "--only", "slo", "--out", str(tmp_path / name)]) == 0
        texts.append((tmp_path / name / "index.html").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert "<p>1 dashboard, 13 panels, 13 drawn. " in texts[0]
    assert boxes(texts[0]).items() <= boxes(page.html).items()


def test_a_source_that_nobody_named_or_that_is_away_is_the_reason(tmp_path: Path) -> None:
    arguments = ["gallery", "--only", "logs-explorer", "--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path)]
    assert run(arguments) == 0
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "No Loki was asked." in html
    assert "Prometheus does not answer (ConnectionError)." in html


def test_a_panel_of_another_kind_says_that_it_is_not_drawn() -> None:
    panel = {"type": "piechart", "id": 1, "fieldConfig": {"defaults": {}}, "targets": [{"refId": "A"}]}
    board = Board(0, 60, {1: {"A": Answer("up", 30, [Series({}, [(0, 1.0)])])}})
    content = shown(panel, board, "x")
    assert (content.drawn, content.html) == (
        False,
        '<p class="reason">The gallery does not draw panels of the kind piechart.</p>',
    )
    assert shown(panel, None, "x").html == '<p class="reason">Its queries were not asked.</p>'


def test_every_unit_of_a_dashboard_is_written_as_grafana_does() -> None:
    used = {
        value
        for uid in CATALOGUE
        for value in re.findall(r'"(?:unit|id": "unit",\s*"value)": "([^"]+)"', json.dumps(model(uid)))
    }
    assert used
    assert used <= units.UNITS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0148, "percentunit", "1.48%"),
        (0.928, "s", "928 ms"),
        (0, "s", "0 s"),
        (5400, "s", "1.5 hours"),
        (12_345, "short", "12.3 K"),
        (3, "short", "3"),
        (0.25, "reqps", "0.25 req/s"),
        (2_000_000, "Bps", "2 MB/s"),
        (1536, "bytes", "1.5 KiB"),
        (512, "bytes", "512 B"),
        (1234, "currencyUSD", "$1.23 K"),
        (71, "furlongs", "71 furlongs"),
    ],
)
def test_numbers_have_their_unit(value: float, unit: str, text: str) -> None:
    assert units.text(value, unit) == text


def test_a_line_breaks_where_points_are_missing_and_is_named_by_its_legend() -> None:
    times, values = lines.broken([(0, 1.0), (30, 2.0), (120, 3.0)], 30)
    assert times == [0, 30, 60, 120]
    assert [str(value) for value in values] == ["1.0", "2.0", "nan", "3.0"]
    assert lines.name("{{tenant}} {{ pod }}", {"tenant": "shop"}) == "shop"
    assert lines.name("", {"__name__": "up", "job": "a"}) == 'up{job="a"}'


def test_a_line_has_the_colour_of_its_meaning_or_the_next_one() -> None:
    panel = next(each for each in model("service-overview")["panels"] if each["title"] == "Rate by status")
    names = ["STATUS_CODE_ERROR", "STATUS_CODE_UNSET", "else"]
    found = [colors.line(panel, name, number) for number, name in enumerate(names)]
    assert found == [colors.css("red"), colors.css("green"), colors.PALETTE[2]]


def test_a_table_joins_its_queries_by_label_and_sorts_by_the_first() -> None:
    panel = next(each for each in filling.panels(model("platform-overview")) if each["type"] == "table")
    answers = {
        "A": Answer("a", 0, [Series({"tenant": "shop", "region": "r"}, [(0, 1.0)])]),
        "B": Answer("b", 0, [Series({"tenant": name, "region": "r"}, [(0, 12.5)]) for name in ("shop", "pay")]),
    }
    grid = tables.grid(panel, answers)
    assert grid.heads[:4] == ["Tenant", "Region", "Firing", "Requests"]
    assert [[cell.text for cell in row[:4]] for row in grid.rows] == [
        ["shop", "r", "1", "12.5 req/s"],
        ["pay", "r", "", "12.5 req/s"],
    ]


def test_a_table_may_name_metrics() -> None:
    panel = next(each for each in filling.panels(model("cardinality")) if each["title"] == "Top 20 metrics")
    counted = [Series({"__name__": "calls_total"}, [(0, 3.0)]), Series({"__name__": "up"}, [(0, 4.0)])]
    grid = tables.grid(panel, {"A": Answer("a", 0, counted)})
    assert grid.heads == ["Metric", "Series"]
    assert [[cell.text for cell in row] for row in grid.rows] == [["up", "4"], ["calls_total", "3"]]


def test_advice_is_a_list_whose_links_stay_on_the_page() -> None:
    made = markdown("- See [Logs](/d/logs-explorer?x=y), [Run](/d/runbook-a): `a < b`\n- *Now*\nEnd")
    assert made == (
        '<ul><li>See <a href="#logs-explorer">Logs</a>, <u title="/d/runbook-a">Run</u>: <code>a &lt; b</code></li>'
        "<li><i>Now</i></li></ul><p>End</p>"
    )


def test_a_missing_plot_library_is_said_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    drawing._library.cache_clear()
    with pytest.raises(drawing.DrawingError, match=r"^matplotlib is not installed, .*; fix: uv sync .*$"):
        drawing.sparkline(lines.Curve("a", [0.0], [1.0]), "#000", (10, 10), "x")
    drawing._library.cache_clear()


def test_a_bundle_comes_back_as_it_was_saved(page: Drawn, tmp_path: Path) -> None:
    first = bundle.loaded(page.saved)
    bundle.saved(first, tmp_path / "again.json")
    assert bundle.loaded(tmp_path / "again.json") == first
    assert sum(1 for _ in first.answers()) == sum(len(filling.queries(model(uid))) for uid in CATALOGUE)
