"""Logs of a region: Loki on the region's bucket."""

from __future__ import annotations

import pulumi

from charts.pull import Packages
from components import backend_ingress
from components.chart import install_release
from components.values import addresses, logs, releases
from components.values.context import Context


class Logs(pulumi.ComponentResource):
    """Loki with every tenant's limits and retention, behind its gateway.

    It needs the namespace and the bucket's role before its pods can start.
    """

    url: pulumi.Output[str]
    """Address of the gateway inside the cluster; OTLP is below /otlp."""

    def __init__(
        self, name: str, context: Context, packages: Packages, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("observability-platform:components:Logs", name, None, opts)
        closed = backend_ingress.close(name, logs.CHART, self)
        child = pulumi.ResourceOptions(parent=self, depends_on=[closed])
        install_release(releases.loki(context), packages, child)
        self.url = pulumi.Output.from_input(addresses.loki_url())
        self.register_outputs({"url": self.url})
