"""Run helm on a pinned chart, without a cluster, and read back the objects that it gives."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final

import yaml

from charts.pull import Package

KUBE_VERSION: Final = "1.36.3"
"""The kube-apiserver of the lab (tools/kubernetes): all renderings take the same, so that only the chart differs."""
API_VERSIONS: Final = ("monitoring.coreos.com/v1", "cert-manager.io/v1", "opentelemetry.io/v1beta1", "policy/v1")
"""What a cluster serves by the time charts are installed: CRDs come first."""
TIMEOUT_SECONDS: Final = 120


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the C loader is optional
    """Read what charts write: YAML 1.1's `=` (of matcher enums) is a plain string to them."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


def template(
    helm: str, release: str, package: Package, values: Mapping[str, Any], namespace: str
) -> subprocess.CompletedProcess[str]:
    """Return helm's own output or, with its return code, its refusal.

    Args:
        helm: the executable.
        release: Helm release name.
        package: the pinned package.
        values: Helm values; through a pipe, since arguments are there for everybody to read.
        namespace: namespace of the release.
    """
    command = [helm, "template", release, str(package.path), "--namespace", namespace]
    command += ["--kube-version", KUBE_VERSION, "--values", "-"]
    command += [argument for api in API_VERSIONS for argument in ("--api-versions", api)]
    try:
        return subprocess.run(
            command, input=json.dumps(values), text=True, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        said = f"Error: helm template of {release} took more than {TIMEOUT_SECONDS} s and was ended\n"
        return subprocess.CompletedProcess(command, 1, "", said)


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of helm's output, those annotated as hooks among them."""
    return [each for each in yaml.load_all(text, Loader=_Loader) if each]


def is_hook(thing: Mapping[str, Any]) -> bool:
    """Return whether helm would run an object as a hook, which the provider drops."""
    return "helm.sh/hook" in (thing["metadata"].get("annotations") or {})
