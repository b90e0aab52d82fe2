"""Deploys and firing alerts on the gallery's time axes, as the dashboards declare them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from dashboards import filling
from dashboards.__main__ import run
from dashboards.catalogue import CATALOGUE
from dashboards.gallery import bundle, colors, drawing, lines, marks
from dashboards.gallery.bundle import Board, Mark, Series
from tests.dashboards.test_dashboards import model
from tests.dashboards.test_gallery import END, answered, boxes
from tests.serving import Asked, serving

DEPLOYED = END - 600
ANNOTATIONS = [
    {"time": DEPLOYED * 1000, "timeEnd": DEPLOYED * 1000, "tags": ["deploy", "tenant:shop"], "text": "shop 0123456"},
    {"time": DEPLOYED * 1000, "timeEnd": 0, "tags": ["maintenance"], "text": "not a deploy"},
    {"time": (END - 86_400) * 1000, "tags": ["deploy"], "text": "an older deploy"},
]
FIRES = 'ALERTS{tenant=~".*", region=~".*", alertstate="firing", severity=~"page|warn"}'


@dataclass(frozen=True)
class Drawn:
    html: str
    board: Board


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    out = tmp_path_factory.mktemp("marks")
    (out / "annotations.json").write_text(json.dumps(ANNOTATIONS))

    def answer(asked: Asked) -> tuple[int, bytes]:
        status, body = answered(asked)
        fires = parse_qs(asked.body.decode()).get("query") == [FIRES]
        return status, body.replace(b'"metric": {', b'"metric": {"alertname": "CartSlow", ') if fires else body

    with serving(answer) as url:
        arguments = ["gallery", "--prometheus", url, "--end", str(END), "--range", "15m", "--only", "service-overview"]
        arguments += ["--annotations", str(out / "annotations.json"), "--save", str(out / "bundle.json")]
        assert run([*arguments, "--out", str(out)]) == 0
    saved = bundle.loaded(out / "bundle.json")
    return Drawn((out / "index.html").read_text(encoding="utf-8"), saved.boards["service-overview"])


def test_deploys_and_firing_alerts_are_among_the_answers(drawn: Drawn) -> None:
    deploys = [each for each in drawn.board.marks if each.name == "Deploys"]
    assert deploys == [Mark("Deploys", "shop 0123456", "blue", DEPLOYED, DEPLOYED)]
    alerts = [each for each in drawn.board.marks if each.name == "Firing alerts"]
    assert {(each.text, each.color) for each in alerts} == {("CartSlow", "red")}
    # The server leaves out two points of each of its two series.
    assert len(alerts) == 4
    assert all(drawn.board.start - 3600 <= each.start <= each.end <= drawn.board.end for each in alerts)


def test_every_time_series_draws_them_in_their_colours(drawn: Drawn) -> None:
    found = boxes(drawn.html)
    for panel in filling.panels(model("service-overview")):
        if panel["type"] == "timeseries" and "<svg" in found[f"service-overview-{panel['id']}"]:
            picture = found[f"service-overview-{panel['id']}"]
            for color in ("blue", "red"):
                dashed = rf'stroke-dasharray: 3(\.\d)?,3[^>"]*stroke: {colors.css(color)}'
                assert re.search(dashed, picture), (panel["title"], color)
    assert 'title="shop 0123456"><b style="color:#3274d9">Deploys</b>1</span>' in drawn.html
    assert 'title="CartSlow"><b style="color:#e02f44">Firing alerts</b>4</span>' in drawn.html
    assert "an older deploy" not in drawn.html
    assert "not a deploy" not in drawn.html


@pytest.mark.parametrize("uid", sorted(CATALOGUE))
def test_each_dashboard_marks_the_same(uid: str) -> None:
    deploys, firing = filling.annotated(model(uid))
    assert (deploys.name, deploys.color, deploys.expr, deploys.tags) == ("Deploys", "blue", "", ("deploy",))
    assert (firing.name, firing.color, firing.title, firing.tags) == ("Firing alerts", "red", "{{alertname}}", ())
    filled = filling.filled(firing.expr, "prometheus", filling.opening(model(uid)), 30, 3600)
    assert filled == FIRES


def test_a_stretch_ends_where_points_are_missing() -> None:
    _, firing = filling.annotated(model("slo"))
    series = [Series({"alertname": "A"}, [(0, 1.0), (30, 1.0), (120, 1.0)])]
    assert marks.of_series(firing, series, 30) == [
        Mark("Firing alerts", "A", "red", 0, 30),
        Mark("Firing alerts", "A", "red", 120, 120),
    ]


def test_what_lasts_is_a_band_and_equal_marks_are_one() -> None:
    panel: dict[str, Any] = {"fieldConfig": {"defaults": {}}}
    curve = lines.Curve("a", [0.0, 60.0], [1.0, 2.0])

    def picture(*given: Mark) -> str:
        return drawing.time_series(panel, [curve], (0, 60), (300, 200), "x", given)

    moment, lasting = Mark("A", "a", "red", 10, 10), Mark("A", "b", "red", 10, 40)
    assert picture() != picture(moment) != picture(lasting)
    assert picture(moment, moment) == picture(moment)
    assert len(re.findall(r"opacity: 0\.1", picture(moment, lasting))) == 1


def test_a_file_that_holds_no_annotations_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "annotations.json"
    given = ["gallery", "--only", "slo", "--annotations", str(file), "--out", str(tmp_path)]
    assert run(given) == 1
    file.write_text('{"message": "Unauthorized"}')
    assert run(given) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        f"--annotations: {file} cannot be read (No such file or directory); fix: save GET "
        "/api/annotations?tags=deploy there"
    )
    assert second == (
        f"--annotations: {file} is no list of annotations (TypeError); allowed: objects with time, tags and text; fix: "
        "save the answer of GET /api/annotations?tags=deploy"
    )
