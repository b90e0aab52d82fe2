"""The collectors of a region: operator, agent, gateway, cluster collector, auto-instrumentation."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

from charts.pull import Packages
from components.chart import install_release
from components.values import addresses, releases
from components.values.collection import access, agent, cluster, gateway, instrumentation, workload
from components.values.context import Context
from components.values.labels import labels
from settings import names

_SPECS = {addresses.AGENT: agent.spec, addresses.GATEWAY: gateway.spec, addresses.CLUSTER: cluster.spec}


class Collection(pulumi.ComponentResource):
    """Everything between the programs and the stores.

    The resources that the operator turns into workloads wait for the operator: its webhook answers for them.
    """

    agent_endpoint: pulumi.Output[str]
    """Host that programs send OTLP to: the agent of their own node."""

    def __init__(
        self,
        name: str,
        context: Context,
        packages: Packages,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("observability-platform:components:Collection", name, None, opts)
        self._name = name
        running = install_release(
            releases.opentelemetry_operator(context), packages, pulumi.ResourceOptions(parent=self)
        )
        closed = NetworkPolicy(
            f"{name}-gateway-ingress",
            metadata=_metadata(f"{addresses.GATEWAY}-collector-ingress", addresses.GATEWAY, names.NAMESPACE),
            spec=cast("Any", access.gateway_network_policy()),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for collector, spec in _SPECS.items():
            allowed = self._access(context, collector)
            CustomResource(
                f"{name}-{collector}",
                api_version=workload.API_VERSION,
                kind=workload.KIND,
                metadata=_metadata(collector, collector, access.COLLECTORS[collector]),
                spec=spec(context),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[running, closed, *allowed]),
            )
        CustomResource(
            f"{name}-instrumentation",
            api_version=instrumentation.API_VERSION,
            kind=instrumentation.KIND,
            metadata=_metadata(instrumentation.NAME, "instrumentation", names.NAMESPACE),
            spec=instrumentation.spec(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[running]),
        )
        self.agent_endpoint = pulumi.Output.from_input(addresses.agent_endpoint())
        self.register_outputs({"agentEndpoint": self.agent_endpoint})

    def _access(self, context: Context, collector: str) -> list[pulumi.Resource]:
        """Register a collector's service account and, where it reads from the API server, its rights."""
        account = access.service_account(collector)
        namespace = access.COLLECTORS[collector]
        child = pulumi.ResourceOptions(parent=self)
        made: list[pulumi.Resource] = [
            ServiceAccount(
                f"{self._name}-{collector}-account", metadata=_metadata(account, collector, namespace), opts=child
            )
        ]
        rules = access.rules(context, collector)
        if not rules:
            return made
        scoped = f"{names.PROJECT}-{account}"
        role = ClusterRole(
            f"{self._name}-{collector}-role",
            metadata=_metadata(scoped, collector),
            rules=[
                PolicyRuleArgs(api_groups=r["apiGroups"], resources=r["resources"], verbs=r["verbs"]) for r in rules
            ],
            opts=child,
        )
        binding = ClusterRoleBinding(
            f"{self._name}-{collector}-binding",
            metadata=_metadata(scoped, collector),
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=scoped),
            subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=namespace)],
            opts=child,
        )
        return [*made, role, binding]


def _metadata(name: str, owner: str, namespace: str | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(owner))
