"""Ways from one dashboard to another, each with tenant, region, time range, and the service or trace it starts from."""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

_RANGE: Final = "${__url_time_range}"
_CHOSEN: Final = "${region:queryparam}&${tenant:queryparam}"
"""What the dashboard shows, where what is clicked on does not say whose it is."""
_OWNER: Final = {"tenant": "tenant", "region": "region", "service": "service_name"}
"""Labels of a line by the variable that each fills."""
SIGNALS: Final = {"service-overview": "Service overview", "trace-explorer": "Traces", "logs-explorer": "Logs"}
"""Where a service's metrics, traces and logs are, by uid."""


def runbook(alert: str) -> str:
    """Return the Markdown link to an alert's runbook, which is a dashboard here."""
    return f"[{alert}](/d/runbook-{alert.lower()})"


def to_menu(title: str, uid: str) -> str:
    """Return the Markdown link to another dashboard with the chosen regions, tenants and time range."""
    return f"[{title}](/d/{uid}?{_CHOSEN}&from=${{__from}}&to=${{__to}})"


def of_services(panel: TimeSeries) -> TimeSeries:
    """Return a panel whose lines are services, each of which leads to its metrics, traces and logs.

    Its series have tenant, region and service_name. On a dashboard that it leads to, it chooses the service.
    """
    owner = {name: f"${{__field.labels.{label}}}" for name, label in _OWNER.items()}
    return panel.data_links([DashboardLink(title).url(_url(uid, **owner)) for uid, title in SIGNALS.items()])


def of_row(title: str, uid: str, **columns: str) -> dict[str, Any]:
    """Return the link of a table's cells to a dashboard of the row's tenant and region, and what other columns say.

    Args:
        title: what it leads to.
        uid: the dashboard.
        columns: titles of columns by the variable that each fills.
    """
    values = {"tenant": "Tenant", "region": "Region", **columns}
    return _link(title, _url(uid, **{name: f"${{__data.fields.{column}}}" for name, column in values.items()}))


def of_trace() -> dict[str, Any]:
    """Return the link of a found trace to its log lines; its id opens the trace, by the data source."""
    return _link("Logs", f"/d/logs-explorer?{_CHOSEN}&var-trace=${{__data.fields.traceID}}&{_RANGE}")


def _url(uid: str, **values: str) -> str:
    return f"/d/{uid}?{'&'.join(f'var-{name}={value}' for name, value in values.items())}&{_RANGE}"


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "targetBlank": False}
