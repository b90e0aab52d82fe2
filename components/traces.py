"""Traces of a region: Tempo on the region's bucket."""

from __future__ import annotations

import pulumi

from charts.pull import Packages
from components import backend_ingress
from components.chart import install_release
from components.values import addresses, releases, traces
from components.values.context import Context


class Traces(pulumi.ComponentResource):
    """Tempo with every tenant's limits and retention, and its metrics generator.

    It needs the namespace and the bucket's role before its pods can start.
    """

    url: pulumi.Output[str]
    """Address of queries inside the cluster."""
    otlp_endpoint: pulumi.Output[str]
    """host:port of the OTLP gRPC receiver inside the cluster."""

    def __init__(
        self, name: str, context: Context, packages: Packages, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("observability-platform:components:Traces", name, None, opts)
        closed = backend_ingress.close(name, traces.SINGLE, self)
        child = pulumi.ResourceOptions(parent=self, depends_on=[closed])
        install_release(releases.tempo(context), packages, child)
        self.url = pulumi.Output.from_input(addresses.tempo_url(context))
        self.otlp_endpoint = pulumi.Output.from_input(addresses.tempo_otlp_endpoint(context))
        self.register_outputs({"url": self.url, "otlpEndpoint": self.otlp_endpoint})
