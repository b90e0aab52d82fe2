"""The access proxy of a region: the only way to metrics, logs and traces for whoever is not the platform."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import ConfigMap, Service, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.values import addresses
from components.values.access import workload
from components.values.context import Context
from components.values.labels import labels
from settings import names


class Access(pulumi.ComponentResource):
    """Caddy with its configuration, reachable from every namespace, and behind it what enforces the tenant.

    The Secret of the tokens must be there first, and the NetworkPolicy before the pods.
    """

    url: pulumi.Output[str]
    """Where tenants read, within the cluster; `/loki`, `/tempo`, `/prometheus` and `/alertmanager` are below it."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Access", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = _metadata(addresses.ACCESS_PROXY)
        account = ServiceAccount(
            f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=child
        )
        config = ConfigMap(f"{name}-config", metadata=metadata, data=workload.config_map_data(context), opts=child)
        closed = NetworkPolicy(
            f"{name}-ingress",
            metadata=_metadata(f"{addresses.ACCESS_PROXY}-ingress"),
            spec=cast("Any", workload.network_policy_spec()),
            opts=child,
        )
        budget = workload.disruption_budget_spec(context)
        if budget is not None:
            PodDisruptionBudget(f"{name}-budget", metadata=metadata, spec=cast("Any", budget), opts=child)
        Service(f"{name}-service", metadata=metadata, spec=cast("Any", workload.service_spec()), opts=child)
        Deployment(
            f"{name}-proxy",
            metadata=metadata,
            spec=cast("Any", workload.deployment_spec(context)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account, config, closed]),
        )
        self.url = pulumi.Output.from_input(addresses.access_url())
        self.register_outputs({"url": self.url})


def _metadata(name: str) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=names.NAMESPACE, labels=labels(addresses.ACCESS_PROXY))
