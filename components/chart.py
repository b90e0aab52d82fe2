"""One way to put a pinned chart into a region: every object a resource, with what the field learnt the hard way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v4 import Chart

from charts.pull import Package, Packages
from components.values.releases import Release


def install_release(release: Release, packages: Packages, opts: pulumi.ResourceOptions) -> Chart:
    """Register the objects of one of the region's releases; see `install`."""
    return install(release.name, packages[release.chart], release.values, release.namespace, opts)


def install(
    release: str,
    package: Package,
    values: Mapping[str, Any],
    namespace: str,
    opts: pulumi.ResourceOptions,
) -> Chart:
    """Register a chart's objects as resources of the stack.

    No transform is set: with one, every object of the chart would pass through this process, which takes milliseconds
    for each, and minutes for CRDs.

    The values must be plain: with any unknown input the provider registers nothing at preview, which on an
    existing stack reads as "delete everything".

    Args:
        release: Helm release name and prefix of the children's names.
        package: the pinned package.
        values: Helm values, plain.
        namespace: namespace of the release; it exists already.
        opts: parent and dependencies.

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
        opts=opts,
    )


def _require_plain(value: object, path: str) -> None:
    if isinstance(value, pulumi.Output):
        raise TypeError(f"{path} is a Pulumi output; derive it from settings, so that it is known at preview")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _require_plain(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _require_plain(inner, f"{path}[{index}]")
