"""The CRDs that a region's objects need, in a stack of their own: see docs/decisions/crds-in-their-own-stack.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from charts import crds
from charts.pull import Package, Packages
from components.chart import install
from components.values import addresses
from settings import names

PROMETHEUS_CHART = "prometheus-operator-crds"
OPENTELEMETRY_CHART = "opentelemetry-operator"


class Crds(pulumi.ComponentResource):
    """CRDs of the Prometheus and the OpenTelemetry operator, at the versions that the region has pinned.

    Each says by an annotation which pin it came from, is protected, and stays when the stack is destroyed: with a
    CRD every object of its kind is deleted, in every namespace of the cluster. Both options are set here and passed
    on from parent to child by the engine; a transform that set them would carry 2.5 MB through this process.
    """

    versions: pulumi.Output[Mapping[str, str]]
    """Chart version by chart; only once every CRD stands, so that after a failure the stack still says the old ones."""

    def __init__(self, name: str, packages: Packages, opts: pulumi.ResourceOptions | None = None) -> None:
        kept = pulumi.ResourceOptions(protect=True, retain_on_delete=True)
        opts = pulumi.ResourceOptions.merge(opts, kept)
        super().__init__("observability-platform:components:Crds", name, None, opts)
        prometheus, opentelemetry = packages[PROMETHEUS_CHART], packages[OPENTELEMETRY_CHART]
        child = pulumi.ResourceOptions(parent=self)
        first = install(
            PROMETHEUS_CHART,
            crds.only(prometheus),
            prometheus_values(prometheus),
            names.NAMESPACE,
            child,
        )
        # The release has the operator's name, from which the names in the conversion webhook follow.
        second = install(
            addresses.OPERATOR_RELEASE,
            crds.only(opentelemetry),
            opentelemetry_values(opentelemetry),
            names.NAMESPACE,
            child,
        )
        versions = {each.name: each.version for each in (prometheus, opentelemetry)}
        # A chart has its URN when all its objects are made: the engine asks its provider for them before it answers.
        self.versions = pulumi.Output.all(first.urn, second.urn).apply(lambda _: versions)
        self.register_outputs({"versions": self.versions})


def prometheus_values(package: Package) -> dict[str, Any]:
    """Return the values of the Prometheus operator's CRDs."""
    return {"crds": {"annotations": _pin(package)}}


def opentelemetry_values(package: Package) -> dict[str, Any]:
    """Return the values of the OpenTelemetry operator's CRDs.

    They decide the names in the conversion webhook, in which the operator's own release must agree: a test compares.
    """
    return {
        "fullnameOverride": addresses.OPERATOR_RELEASE,
        "crds": {"create": True, "annotations": _pin(package)},
        "admissionWebhooks": {"create": True, "certManager": {"enabled": True}},
    }


def _pin(package: Package) -> dict[str, str]:
    return {names.CHART_VERSION_ANNOTATION: names.chart_version(package.name, package.version)}
