"""Panels with this platform's defaults, so that a dashboard says only what is its own."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.builders.common import VizLegendOptions as Legend
from grafana_foundation_sdk.builders.common import VizTooltipOptions as Tooltip
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.text import Panel as Text
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import (
    GraphGradientMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.text import TextMode

from dashboards.variables import source

HEIGHT = 8
WIDTH = 12
"""Half of Grafana's 24 columns."""
NO_DATA = "No data for this choice and time."
ERROR_SHARES = (0.01, 0.05)
"""Shares of failed requests from which a panel is yellow, then red; the latter is where the warning fires."""


def target(expr: str, legend: str, *, exemplar: bool = False) -> Dataquery:
    """Return a range query with a legend; `exemplar` asks for the traces behind the numbers."""
    return Dataquery().expr(expr).legend_format(legend).range().exemplar(exemplar)


def latest(expr: str) -> Dataquery:
    """Return a query of the last value alone, for a number whose window is so long that its course would be dear."""
    return Dataquery().expr(expr).instant().legend_format("")


def time_series(title: str, description: str, unit: str, *targets: Dataquery, least: float | None = 0) -> TimeSeries:
    """Return a time series panel.

    Args:
        title: what it shows.
        description: what a high or low value means; the panel's hint.
        unit: Grafana's name of the unit (`reqps`, `s`, `percentunit`).
        targets: queries.
        least: where the axis begins; with its lowest value for none, since what is below is not drawn.
    """
    panel = (
        TimeSeries()
        .title(title)
        .description(description)
        .unit(unit)
        .height(HEIGHT)
        .span(WIDTH)
        .datasource(source())
        .no_value(NO_DATA)
        .line_width(1)
        .fill_opacity(10)
        .legend(Legend().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(Tooltip().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if least is not None:
        panel = panel.min(least)
    for number, each in enumerate(targets):
        panel = panel.with_target(each.ref_id(chr(ord("A") + number)))
    return panel


def stat(title: str, description: str, unit: str, query: Dataquery) -> Stat:
    """Return a single number, the last of the range, that covers a quarter of the row.

    It has the colour of text until it is given thresholds: without any, Grafana shows whatever is above 80 in red.
    """
    return (
        Stat()
        .title(title)
        .description(description)
        .unit(unit)
        .height(4)
        .span(6)
        .datasource(source())
        .no_value(NO_DATA)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_steps("text"))
        .with_target(query.ref_id("A"))
    )


def levels(yellow: float | None = None, red: float | None = None) -> ThresholdsConfig:
    """Return thresholds: green, then yellow and red from a value on, where one is given."""
    return _steps("green", yellow=yellow, red=red)


def least(yellow: float, red: float | None = None) -> ThresholdsConfig:
    """Return thresholds of a number that is the better the larger: yellow below a value, red below a smaller one."""
    return _steps("yellow", green=yellow) if red is None else _steps("red", yellow=red, green=yellow)


def _steps(base: str, **limits: float | None) -> ThresholdsConfig:
    steps = [Threshold(value=value, color=color) for color, value in limits.items() if value is not None]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=base), *steps])


def with_limits(panel: TimeSeries, yellow: float, red: float) -> TimeSeries:
    """Return a panel whose lines change colour where they cross a limit."""
    by_value = FieldColor().mode(FieldColorModeId.THRESHOLDS)
    return panel.thresholds(levels(yellow, red)).color_scheme(by_value).gradient_mode(GraphGradientMode.SCHEME)


def meaning(panel: TimeSeries, colors: Mapping[str, str]) -> TimeSeries:
    """Return a panel whose lines have the colour of what they mean.

    Args:
        panel: its other lines take Grafana's colours in turn.
        colors: by a regular expression of the line's name.
    """
    for pattern, color in colors.items():
        fixed = DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
        panel = panel.override_by_regexp(f"/{pattern}/", [fixed])
    return panel


def page(markdown: str) -> Text:
    """Return a whole page of text."""
    return Text().title("").mode(TextMode.MARKDOWN).content(markdown).height(24).span(24)
