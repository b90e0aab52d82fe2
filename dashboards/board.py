"""What every dashboard has: its variables, deploys and firing alerts on the time axis, the way to its neighbours."""

from __future__ import annotations

import re
from enum import StrEnum

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.builders.text import Panel as Text
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef
from grafana_foundation_sdk.models.text import TextMode

from dashboards import queries, variables
from dashboards.links import runbook
from rules import files

DEPLOY_TAG = "deploy"
"""Tag of the annotations that a pipeline writes when it deploys, with namespace and short commit id in the text."""
DEPLOY_COLOR = "blue"
ALERT_COLOR = "red"
"""The same everywhere: blue is a deploy, red an alert that fires."""
COLLECTION_TAG = "operations"
"""Tag by which the dashboards of this platform find each other; runbooks do not carry it."""


_LINE = 190
"""Letters in one line of a panel at 1366 pixels."""
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


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
        expr=queries.firing("page|warn"),
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


def advice(uid: str, *lines: str) -> Text:
    """Return what to do, as a list that ends a dashboard.

    Args:
        uid: the dashboard; runbooks of alerts that lead to it and that no line names come last.
        lines: in Markdown.
    """
    said = "\n".join(lines)
    others = [runbook(alert) for alert, leads in sorted(files.dashboards().items()) if leads == uid]
    unsaid = [each for each in others if each not in said]
    lines += (f"Other alerts: {', '.join(unsaid)}.",) if unsaid else ()
    return (
        Text()
        .title("What to do")
        .description("Where to go from here.")
        .mode(TextMode.MARKDOWN)
        .content("\n".join(f"- {line}" for line in lines))
        .height(max(4, sum(1 + len(_LINK.sub(r"\1", line)) // _LINE for line in lines)))
        .span(24)
    )
