"""Prometheus, Alertmanager, Grafana and the exporters of a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pulumi
import yaml
from pulumi_kubernetes.admissionregistration.v1 import (
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
)
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from charts.pull import Packages
from components.chart import install_release
from components.values import addresses, datasources, grafana, metrics_access, releases, scraping
from components.values.context import Context
from components.values.labels import labels
from settings.names import NAMESPACE

if TYPE_CHECKING:
    from pulumi_kubernetes.admissionregistration.v1 import ValidatingAdmissionPolicySpecArgsDict
    from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

POLICY = "tenant-scrapes"


class Metrics(pulumi.ComponentResource):
    """kube-prometheus-stack, Grafana's data sources, and what keeps a scraped tenant to its own label."""

    prometheus_url: pulumi.Output[str]
    """Where queries go, inside the cluster."""

    def __init__(
        self,
        name: str,
        context: Context,
        packages: Packages,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("observability-platform:components:Metrics", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        sources = ConfigMap(
            f"{name}-datasources",
            metadata=ObjectMetaArgs(
                name=datasources.CONFIG_MAP,
                namespace=NAMESPACE,
                labels={**labels("grafana"), grafana.DATASOURCE_LABEL: "1"},
            ),
            data={datasources.FILE: yaml.safe_dump(datasources.provisioning(context), sort_keys=True, width=1000)},
            opts=child,
        )
        policy = ValidatingAdmissionPolicy(
            f"{name}-policy",
            metadata=ObjectMetaArgs(name=POLICY, labels=labels("prometheus")),
            spec=cast("ValidatingAdmissionPolicySpecArgsDict", scraping.admission_policy(context)),
            opts=child,
        )
        ValidatingAdmissionPolicyBinding(
            f"{name}-policy-binding",
            metadata=ObjectMetaArgs(name=POLICY, labels=labels("prometheus")),
            spec=ValidatingAdmissionPolicyBindingSpecArgs(policy_name=POLICY, validation_actions=["Deny"]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        closed = [
            NetworkPolicy(
                f"{name}-{target}-ingress",
                metadata=ObjectMetaArgs(name=f"{target}-ingress", namespace=NAMESPACE, labels=labels(target)),
                spec=cast("NetworkPolicySpecArgsDict", spec),
                opts=child,
            )
            for target, spec in metrics_access.network_policies().items()
        ]
        if context.platform.collection.scrape_annotated_pods:
            CustomResource(
                f"{name}-annotated-pods",
                api_version="monitoring.coreos.com/v1",
                kind="PodMonitor",
                metadata=ObjectMetaArgs(name=scraping.ANNOTATED_PODS, namespace=NAMESPACE, labels=labels("prometheus")),
                spec=scraping.annotated_pods(),
                opts=child,
            )
        install_release(
            releases.prometheus_stack(context),
            packages,
            pulumi.ResourceOptions(parent=self, depends_on=[sources, *closed]),
        )
        self.prometheus_url = pulumi.Output.from_input(addresses.prometheus_url())
        self.register_outputs({"prometheusUrl": self.prometheus_url})
