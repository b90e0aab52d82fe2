"""Render a pinned chart with the real helm, as the provider does, and read the objects back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml

import tools
from automation import rendering
from charts.pull import Package, resolve
from components.values import logs, traces
from components.values.context import Context
from settings import names

_DOCUMENTS: dict[str, str] = {}


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
    return [each for each in rendering.objects(_DOCUMENTS[key]) if hooks or not rendering.is_hook(each)]


def template(release: str, package: Package, values: Mapping[str, Any], namespace: str) -> str:
    """Return helm's own output, not cached, to compare one rendering with another.

    Raises:
        AssertionError: helm refuses; the message is helm's.
    """
    done = rendering.template(str(tools.ensure("helm")["helm"]), release, package, values, namespace)
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


def loki_files(given: Context, package: Package | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Loki's configuration and its runtime overrides, of the default package or another."""
    objects = render("loki", package or resolve({})["loki"], logs.helm_values(given), names.NAMESPACE)
    config = one(objects, "ConfigMap", "loki")["data"]["config.yaml"]
    runtime = one(objects, "ConfigMap", "loki-runtime")["data"]["runtime-config.yaml"]
    return yaml.safe_load(config), yaml.safe_load(runtime)["overrides"]


def tempo_files(given: Context, package: Package | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Tempo's configuration and its overrides, of the default package or another."""
    objects = render("tempo", package or resolve({})[traces.chart(given)], traces.helm_values(given), names.NAMESPACE)
    files = {key: text for each in objects if each["kind"] == "ConfigMap" for key, text in each["data"].items()}
    return yaml.safe_load(files["tempo.yaml"]), yaml.safe_load(files["overrides.yaml"])["overrides"]


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
