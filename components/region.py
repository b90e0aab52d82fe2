"""One region of the platform, composed of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from charts.pull import Packages
from components.access import Access
from components.alert_routing import AlertRouting
from components.collection import Collection
from components.dashboards import Dashboards
from components.integrations import Integrations
from components.logs import Logs
from components.metrics import Metrics
from components.namespaces import Namespaces
from components.object_store import ObjectStore
from components.rules import Rules
from components.secrets import Secrets
from components.traces import Traces
from components.values.context import Context
from settings import names


class Region(pulumi.ComponentResource):
    """Everything that a region runs, in an order that lets it start.

    Backends wait for their namespaces, buckets and secrets; collectors wait for nothing but their namespace, since
    they queue on disk until the backends are there.
    """

    grafana_url: pulumi.Output[str]
    """Where people look."""
    buckets: pulumi.Output[Mapping[str, str]]
    """Bucket by pillar."""
    tenants: pulumi.Output[list[str]]
    """Tenants that the region serves."""
    alertmanager_config: pulumi.Output[Mapping[str, Any]]
    """The routing tree; it holds no credential, so a preview may show its diff."""

    def __init__(
        self,
        name: str,
        context: Context,
        packages: Packages,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("observability-platform:components:Region", name, None, opts)

        def child(*after: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(after))

        namespaces = Namespaces("namespaces", context, child())
        store = ObjectStore("store", context, child())
        secrets = Secrets("secrets", context, child(namespaces))
        routing = AlertRouting("routing", context, child(namespaces))
        Metrics("metrics", context, packages, child(secrets, routing))
        Rules("rules", context, child(namespaces))
        Integrations("integrations", context, child(namespaces))
        Dashboards("dashboards", context, child(namespaces))
        Logs("logs", context, packages, child(namespaces, store))
        Traces("traces", context, packages, child(namespaces, store))
        Collection("collection", context, packages, child(namespaces))
        Access("access", context, child(secrets))

        self.grafana_url = pulumi.Output.from_input(names.grafana_url(context.platform, context.name))
        self.buckets = store.buckets
        self.tenants = pulumi.Output.from_input(list(context.tenants))
        self.alertmanager_config = routing.config
        self.register_outputs(self.exports())

    def exports(self) -> dict[str, pulumi.Output[Any]]:
        """Return the outputs under the names that the stack exports them by."""
        return {
            "grafanaUrl": self.grafana_url,
            "buckets": self.buckets,
            "tenants": self.tenants,
            "alertmanagerConfig": self.alertmanager_config,
        }
