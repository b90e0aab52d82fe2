"""Render a pinned chart with the real helm, as the provider does, and read the objects back."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

import tools
from charts.pull import Package

KUBE_VERSION = "1.36.3"
"""The kube-apiserver of the lab (tools/kubernetes)."""
API_VERSIONS = ("monitoring.coreos.com/v1", "cert-manager.io/v1", "opentelemetry.io/v1beta1", "policy/v1")
"""What a cluster serves by the time charts are installed: CRDs come first."""
TIMEOUT_SECONDS = 120
_DOCUMENTS: dict[str, str] = {}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the C loader is optional
    """Read what Kubernetes writes: YAML 1.1's `=` (of matcher enums) is a plain string to it."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


def render(
    release: str, package: Package, values: Mapping[str, Any], namespace: str, *, hooks: bool = False
) -> list[dict[str, Any]]:
    """Return the objects a chart gives, each time new, so that a caller may change them.

    The same input is rendered once per session.

    Args:
        release: Helm release name.
        package: the pinned package.
        values: Helm values.
        namespace: namespace of the release.
        hooks: also return what is annotated as a hook, which the provider drops.

    Raises:
        AssertionError: helm refuses; the message is helm's.
    """
    given = json.dumps(values, sort_keys=True)
    key = hashlib.sha256("\0".join([release, str(package.path), given, namespace]).encode()).hexdigest()
    if key not in _DOCUMENTS:
        _DOCUMENTS[key] = template(release, package, values, namespace)
    objects = [each for each in yaml.load_all(_DOCUMENTS[key], Loader=_Loader) if each]
    return [each for each in objects if hooks or not _is_hook(each)]


def template(release: str, package: Package, values: Mapping[str, Any], namespace: str) -> str:
    """Return helm's own output, not cached, to compare one rendering with another.

    Raises:
        AssertionError: helm refuses; the message is helm's.
    """
    command = [_helm(), "template", release, str(package.path), "--namespace", namespace]
    command += ["--kube-version", KUBE_VERSION, "--values", "-"]
    command += [argument for api in API_VERSIONS for argument in ("--api-versions", api)]
    done = subprocess.run(
        command, input=json.dumps(values), text=True, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, f"helm refuses {package.name}: {done.stderr}"
    return done.stdout


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """Return the object of that kind and name.

    Raises:
        AssertionError: there is none, or more than one; the message lists what there is.
    """
    found = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    known = sorted(each["metadata"]["name"] for each in objects if each["kind"] == kind)
    assert len(found) == 1, f"{len(found)} of {kind} {name}; there are {known}"
    return found[0]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pod spec of every workload, by `Kind/name`."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job"}
    }


def scraped(objects: list[dict[str, Any]]) -> list[str]:
    """Return the Services that the ServiceMonitors choose, one name per scrape, sorted.

    Raises:
        KeyError: a monitor selects by an operator other than NotIn.
    """
    found = []
    for monitor in (each["spec"] for each in objects if each["kind"] == "ServiceMonitor"):
        unlike = {
            each["key"]: {"NotIn": each["values"]}[each["operator"]]
            for each in monitor["selector"].get("matchExpressions") or []
        }
        for service in (each for each in objects if each["kind"] == "Service"):
            labels = service["metadata"]["labels"]
            if not monitor["selector"]["matchLabels"].items() <= labels.items():
                continue
            if any(labels.get(key) in values for key, values in unlike.items()):
                continue
            ports = {port["name"] for port in service["spec"]["ports"]}
            found += [service["metadata"]["name"] for endpoint in monitor["endpoints"] if endpoint["port"] in ports]
    return sorted(found)


def _is_hook(thing: Mapping[str, Any]) -> bool:
    return "helm.sh/hook" in (thing["metadata"].get("annotations") or {})


@cache
def _helm() -> str:
    return str(tools.ensure("helm")["helm"])
