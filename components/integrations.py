"""The scrapes of the exporters that a region switches on."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values import integrations
from components.values.context import Context
from components.values.labels import labels
from settings.names import NAMESPACE


class Integrations(pulumi.ComponentResource):
    """One PodMonitor or ServiceMonitor per exporter, in the platform's namespace, for all namespaces."""

    monitors: pulumi.Output[list[str]]
    """Names of what is scraped."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Integrations", name, None, opts)
        made = integrations.monitors(context)
        for each in made:
            CustomResource(
                f"{name}-{each.name}",
                api_version="monitoring.coreos.com/v1",
                kind=each.kind,
                metadata=ObjectMetaArgs(name=each.name, namespace=NAMESPACE, labels=labels("prometheus")),
                spec=each.spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.monitors = pulumi.Output.from_input([each.name for each in made])
        self.register_outputs({"monitors": self.monitors})
