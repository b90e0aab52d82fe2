"""What every dashboard has: its variables, deploys and firing alerts on the time axis, the way to its neighbours."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.builders.text import Panel as Text
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef
from grafana_foundation_sdk.models.text import TextMode

from dashboards import queries, variables

DEPLOY_TAG = "deploy"
"""Tag of the annotations that a pipeline writes when it deploys, with namespace and short commit id in the text."""
DEPLOY_COLOR = "blue"
ALERT_COLOR = "red"
"""The same everywhere: blue is a deploy, red an alert that fires."""
COLLECTION_TAG = "operations"
"""Tag by which the dashboards of this platform find each other; runbooks do not carry it."""


class Folder(StrEnum):
    """Whom a dashboard is for; the name of its folder in Grafana."""

    PLATFORM = "Platform"
    SERVICES = "Services"
    INFRASTRUCTURE = "Infrastructure"


class _AlertAnnotation(model.AnnotationQuery):
    """An annotation query of Prometheus, with what the SDK's model leaves out: what a mark says."""

    def to_json(self) -> dict[str, object]:
        """Return the JSON with title and text of a mark."""
        return {
            **super().to_json(),
            "titleFormat": "{{alertname}}",
            "textFormat": "{{tenant}} {{region}} {{service_name}}{{namespace}} ({{severity}})",
            "tagKeys": "severity",
            "useValueForTime": False,
        }


class _Given(Builder[model.AnnotationQuery]):
    """A finished annotation where the SDK asks for its builder."""

    def __init__(self, annotation: model.AnnotationQuery) -> None:
        self._annotation = annotation

    def build(self) -> model.AnnotationQuery:
        """Return it."""
        return self._annotation


def board(uid: str, title: str, description: str, *more: QueryVariable, since: str = "now-3h") -> Dashboard:
    """Return an empty dashboard with the platform's variables, annotations and links.

    Args:
        uid: stable name, which links and bookmarks hold.
        title: title; it need not say "dashboard".
        description: what question it answers.
        more: variables after tenant and region.
        since: start of the time range that it opens with.
    """
    made = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["platform", COLLECTION_TAG])
        .time(since, "now")
        .refresh("1m")
        .timezone("browser")
        .with_variable(variables.datasource())
        .with_variable(variables.region())
        .with_variable(variables.tenant())
        .annotation(_Given(_deploys()))
        .annotation(_Given(_firing()))
        .link(_neighbours())
    )
    for each in more:
        made = made.with_variable(each)
    return made


def _deploys() -> model.AnnotationQuery:
    return model.AnnotationQuery(
        name="Deploys",
        datasource=DataSourceRef(type_val="grafana", uid="-- Grafana --"),
        icon_color=DEPLOY_COLOR,
        target=model.AnnotationTarget(limit=100, match_any=False, tags=[DEPLOY_TAG], type_val="tags"),
    )


def _firing() -> model.AnnotationQuery:
    return _AlertAnnotation(
        name="Firing alerts",
        datasource=variables.source(),
        icon_color=ALERT_COLOR,
        expr=f'ALERTS{{{queries.SELECTOR}, alertstate="firing", severity=~"page|warn"}}',
    )


def _neighbours() -> DashboardLink:
    """Return the menu of all dashboards, which opens each with the same tenant, region and time range."""
    return (
        DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([COLLECTION_TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def row(question: str) -> Row:
    """Return a row that is headed by the question that its panels answer."""
    return Row(question)


def advice(*lines: str, height: int = 5) -> Text:
    """Return what to do, as a list; it ends each dashboard."""
    return (
        Text()
        .title("What to do")
        .description("Where to go from here.")
        .mode(TextMode.MARKDOWN)
        .content("\n".join(f"- {line}" for line in lines))
        .height(height)
        .span(24)
    )


def runbook(alert: str) -> str:
    """Return the Markdown link to an alert's runbook, which is a dashboard here."""
    return f"[{alert}](/d/runbook-{alert.lower()})"


def to_menu(title: str, uid: str) -> str:
    """Return the Markdown link to another dashboard with the chosen regions, tenants and time range."""
    return f"[{title}](/d/{uid}?${{region:queryparam}}&${{tenant:queryparam}}&from=${{__from}}&to=${{__to}})"


def to_board(uid: str, **given: str) -> str:
    """Return a link to another dashboard that keeps time range, tenant and region of what was clicked on.

    Args:
        uid: the other dashboard.
        given: variables besides, by name.
    """
    own = {
        "tenant": "${__field.labels.tenant}",
        "region": "${__field.labels.region}",
        **given,
    }
    return f"/d/{uid}?" + "&".join(f"var-{name}={value}" for name, value in own.items()) + "&${__url_time_range}"


def link(title: str, url: str) -> DashboardLink:
    """Return a link of a point or line of a time series."""
    return DashboardLink(title).url(url)


def linked(panel: TimeSeries, *links: DashboardLink) -> TimeSeries:
    """Return a panel whose points lead elsewhere."""
    return panel.data_links(list(links))


def data_link(title: str, url: str) -> dict[str, Any]:
    """Return a data link as a field's `links` property holds it."""
    return {"title": title, "url": url, "targetBlank": False}
