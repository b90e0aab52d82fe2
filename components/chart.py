"""One way to put a pinned chart into a region: every object a resource, with what the field learnt the hard way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi_kubernetes.helm.v4 import Chart

from charts.pull import Package, Packages
from components.values.releases import Release

_ORPHAN = {"pulumi.com/deletionPropagationPolicy": "orphan"}


def install_release(release: Release, packages: Packages, opts: pulumi.ResourceOptions) -> Chart:
    """Register the objects of one of the region's releases; see `install`."""
    return install(
        release.name, packages[release.chart], release.values, release.namespace, opts, stateful=release.stateful
    )


def install(
    release: str,
    package: Package,
    values: Mapping[str, Any],
    namespace: str,
    opts: pulumi.ResourceOptions,
    *,
    stateful: bool,
) -> Chart:
    """Register a chart's objects as resources of the stack.

    The values must be plain: with any unknown input the provider registers nothing at preview, which on an
    existing stack reads as "delete everything".

    Args:
        release: Helm release name and prefix of the children's names.
        package: the pinned package.
        values: Helm values, plain.
        namespace: namespace of the release; it exists already.
        opts: parent and dependencies.
        stateful: whether the chart holds a StatefulSet. Without, no object of it passes through this process, which
            takes milliseconds for each, and minutes for CRDs.

    Raises:
        TypeError: the values hold a Pulumi output.
    """
    _require_plain(values, "values")
    return Chart(
        release,
        chart=str(package.path),
        name=release,
        namespace=namespace,
        values=dict(values),
        skip_crds=True,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transforms=[_keep_pods] if stateful else [])),
    )


def _keep_pods(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Let a StatefulSet's pods and volumes live through a replacement of the StatefulSet itself."""
    if args.type_ != "kubernetes:apps/v1:StatefulSet":
        return None
    props = dict(args.props)
    metadata: dict[str, Any] = {**cast("dict[str, Any]", props.get("metadata") or {})}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **_ORPHAN}
    return pulumi.ResourceTransformResult(props={**props, "metadata": metadata}, opts=args.opts)


def _require_plain(value: object, path: str) -> None:
    if isinstance(value, pulumi.Output):
        raise TypeError(f"{path} is a Pulumi output; derive it from settings, so that it is known at preview")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _require_plain(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _require_plain(inner, f"{path}[{index}]")
