"""The dashboards of a region."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values import grafana
from components.values.context import Context
from components.values.dashboard_files import dashboard_files
from components.values.labels import labels
from settings.names import NAMESPACE


class Dashboards(pulumi.ComponentResource):
    """One ConfigMap per dashboard and runbook, which Grafana's sidecar loads within a minute."""

    uids: pulumi.Output[list[str]]
    """What is delivered."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Dashboards", name, None, opts)
        made = dashboard_files(context)
        for each in made:
            ConfigMap(
                f"{name}-{each.uid}",
                metadata=ObjectMetaArgs(
                    name=each.object_name,
                    namespace=NAMESPACE,
                    labels={**labels("grafana"), grafana.DASHBOARD_LABEL: "1"},
                    annotations={grafana.FOLDER_ANNOTATION: each.folder},
                ),
                data={f"{each.uid}.json": each.text},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.uids = pulumi.Output.from_input([each.uid for each in made])
        self.register_outputs({"uids": self.uids})
