"""The CRDs that a region's objects need, in a stack of their own: see docs/decisions/crds-in-their-own-stack.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from charts import crds
from charts.pull import Package, Packages
from components.chart import install
from components.values import addresses
from settings import names

CRD_TYPE = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
PROMETHEUS_CHART = "prometheus-operator-crds"
OPENTELEMETRY_CHART = "opentelemetry-operator"
OPENTELEMETRY_VALUES: Mapping[str, Any] = {
    "fullnameOverride": addresses.OPERATOR_RELEASE,
    "crds": {"create": True},
    "admissionWebhooks": {"create": True, "certManager": {"enabled": True}},
}
"""What decides the names in the conversion webhook; the operator's own release must agree (a test compares)."""


class Crds(pulumi.ComponentResource):
    """CRDs of the Prometheus and the OpenTelemetry operator, at the versions that the region has pinned.

    Each says by a label which pin it came from, is protected, and stays when the stack is destroyed: with a CRD
    every object of its kind is deleted, in every namespace of the cluster.
    """

    versions: pulumi.Output[Mapping[str, str]]
    """Chart version by chart."""

    def __init__(self, name: str, packages: Packages, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:Crds", name, None, opts)
        prometheus, opentelemetry = packages[PROMETHEUS_CHART], packages[OPENTELEMETRY_CHART]
        install(PROMETHEUS_CHART, prometheus, {}, names.NAMESPACE, self._kept(prometheus))
        # The release has the operator's name, from which the names in the conversion webhook follow.
        install(
            addresses.OPERATOR_RELEASE,
            crds.only(opentelemetry),
            OPENTELEMETRY_VALUES,
            names.NAMESPACE,
            self._kept(opentelemetry),
        )
        self.versions = pulumi.Output.from_input({each.name: each.version for each in (prometheus, opentelemetry)})
        self.register_outputs({"versions": self.versions})

    def _kept(self, package: Package) -> pulumi.ResourceOptions:
        def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
            return keep(package, args)

        return pulumi.ResourceOptions(parent=self, transforms=[transform])


def keep(package: Package, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Label a CRD with the pin it came from, and keep it from being deleted; leave anything else as it is."""
    if args.type_ != CRD_TYPE:
        return None
    props = dict(args.props)
    metadata = {**cast("dict[str, Any]", props.get("metadata") or {})}
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        names.CHART_VERSION_LABEL: names.chart_version(package.name, package.version),
    }
    kept = pulumi.ResourceOptions(protect=True, retain_on_delete=True)
    return pulumi.ResourceTransformResult(
        props={**props, "metadata": metadata}, opts=pulumi.ResourceOptions.merge(args.opts, kept)
    )
