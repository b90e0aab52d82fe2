"""Panels on what pods stand on: nodes under pressure, and volumes that fill up."""

from __future__ import annotations

from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.compared import compared
from dashboards.limits import drawn
from dashboards.panels import target, time_series


def panels(*chosen: str) -> list[TimeSeries]:
    """Return the panels, with the limits of the alerts that tell of it.

    Args:
        chosen: further matchers of what has a namespace; nodes have none.
    """
    return [_nodes(), _used(*chosen), _filling(*chosen)]


def _nodes() -> TimeSeries:
    return time_series(
        "Nodes under pressure",
        "1 where a kubelet reports it: then it evicts pods. Nodes are the platform's, as a tenant.",
        "short",
        target(compared("NodeDiskPressure"), "{{node}} disk"),
        target(compared("NodeMemoryPressure"), "{{node}} {{condition}}"),
    ).span(24)


def _used(*chosen: str) -> TimeSeries:
    panel = time_series(
        "Volumes, share used",
        "The fifteen fullest claims.",
        "percentunit",
        target(f"topk(15, {compared('VolumeFull', *chosen)})", "{{tenant}} {{namespace}}/{{persistentvolumeclaim}}"),
    )
    return drawn(panel, "VolumeNearlyFull", "VolumeFull")


def _filling(*chosen: str) -> TimeSeries:
    return time_series(
        "Volumes that will be full in four days",
        "Share that will be used if they go on filling as in the last six hours; none that has room.",
        "percentunit",
        target(compared("VolumeFillingUp", *chosen), "{{tenant}} {{namespace}}/{{persistentvolumeclaim}}"),
    )
