"""The namespaces that everything else is put into."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values import namespaces
from components.values.context import Context


class Namespaces(pulumi.ComponentResource):
    """The platform's two namespaces, claimed for this stack, each with its Pod Security level."""

    names: pulumi.Output[list[str]]
    """The namespaces, in the order of their names."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Namespaces", name, None, opts)
        made = [
            Namespace(
                f"{name}-{namespace}",
                metadata=ObjectMetaArgs(
                    name=namespace,
                    labels=namespaces.namespace_labels(namespace),
                    annotations=namespaces.claim(context),
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for namespace in sorted(namespaces.LEVELS)
        ]
        self.names = pulumi.Output.all(*[each.metadata.apply(lambda meta: str(meta.name)) for each in made])
        self.register_outputs({"names": self.names})
