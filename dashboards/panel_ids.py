"""Ids of panels, by which links open one panel alone: the same for as long as a panel keeps its kind and title.

Numbers by position would send an old notification's link to another panel as soon as one is put in between.
"""

from __future__ import annotations

from zlib import crc32

from grafana_foundation_sdk.models.dashboard import Dashboard, RowPanel

_LARGEST = 1_000_000
"""Short enough to read out; a dashboard of thirty panels has two of the same number once in two thousand times."""


def panel_id(kind: str, title: str) -> int:
    """Return a panel's id.

    Args:
        kind: `timeseries`, `stat`, `row`.
        title: as people see it.
    """
    return crc32(f"{kind}: {title}".encode()) % _LARGEST + 1


def numbered(dashboard: Dashboard) -> Dashboard:
    """Give every panel and row of a dashboard its id and return the dashboard.

    Raises:
        ValueError: two have the same; Grafana would open the wrong one.
    """
    seen: dict[int, str] = {}
    for panel in dashboard.panels or []:
        kind = "row" if isinstance(panel, RowPanel) else panel.type_val
        title = panel.title or ""
        panel.id_val = panel_id(kind, title)
        if panel.id_val in seen:
            raise ValueError(
                f"dashboard {dashboard.uid}: {kind} {title!r} has the id of {seen[panel.id_val]}; "
                "fix: no two panels of a dashboard have the same kind and title; change one title"
            )
        seen[panel.id_val] = f"{kind} {title!r}"
    return dashboard
