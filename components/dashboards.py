"""The dashboards of a region."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values import grafana
from components.values.context import Context
from components.values.dashboard_files import DashboardFile, dashboard_files
from components.values.labels import labels
from settings.names import NAMESPACE


class Dashboards(pulumi.ComponentResource):
    """One ConfigMap per dashboard and one of all runbooks, which Grafana's sidecar loads within a minute."""

    uids: pulumi.Output[list[str]]
    """What is delivered."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Dashboards", name, None, opts)
        made = dashboard_files(context)
        groups: dict[str, list[DashboardFile]] = {}
        for each in made:
            groups.setdefault(each.group, []).append(each)
        for group, files in groups.items():
            ConfigMap(
                f"{name}-{group}",
                metadata=ObjectMetaArgs(
                    name=files[0].object_name,
                    namespace=NAMESPACE,
                    labels={**labels("grafana"), grafana.DASHBOARD_LABEL: "1"},
                    annotations={grafana.FOLDER_ANNOTATION: files[0].folder},
                ),
                data={f"{each.uid}.json": each.text for each in files},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.uids = pulumi.Output.from_input([each.uid for each in made])
        self.register_outputs({"uids": self.uids})
