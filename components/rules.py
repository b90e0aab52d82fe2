"""The alerting and recording rules of a region."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values.context import Context
from components.values.labels import labels
from components.values.rule_files import rule_files
from components.values.slo_rules import slo_rule_files
from settings.names import NAMESPACE


class Rules(pulumi.ComponentResource):
    """One PrometheusRule per file of rules/, and one per tenant with SLOs: a diff shows what changes and whose."""

    areas: pulumi.Output[list[str]]
    """The areas that have rules."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Rules", name, None, opts)
        files = {**rule_files(context), **slo_rule_files(context)}
        for area, spec in files.items():
            CustomResource(
                f"{name}-{area}",
                api_version="monitoring.coreos.com/v1",
                kind="PrometheusRule",
                metadata=ObjectMetaArgs(name=f"platform-{area}", namespace=NAMESPACE, labels=labels("rules")),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.areas = pulumi.Output.from_input(sorted(files))
        self.register_outputs({"areas": self.areas})
