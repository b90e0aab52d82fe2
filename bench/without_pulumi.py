"""What people do without Pulumi: render the charts, then ask the API server about every object."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from typing import Any

import tools
from charts.pull import resolve
from components.values.context import Context
from components.values.releases import all_of
from lab.instance import Instance
from settings import load, names
from settings.load import ROOT


def helm_template(stack: str) -> float:
    """Return the seconds of `helm template` of the region's charts with the region's values, one after the other."""
    context = Context(*load.from_file(stack))
    packages = resolve(context.region.charts)
    helm = str(tools.ensure("helm")["helm"])
    version = tools.TOOLS["kube-apiserver"].pinned(ROOT / "tools")
    seconds = 0.0
    for release in all_of(context):
        command = [helm, "template", release.name, str(packages[release.chart].path), "-n", release.namespace]
        values = json.dumps(release.values)
        started = time.monotonic()
        subprocess.run(
            [*command, "--kube-version", version, "-f", "-"], input=values, text=True, check=True, capture_output=True
        )
        seconds += time.monotonic() - started
    return seconds


def kubectl_dry_run(stack: str) -> tuple[float, int]:
    """Return the seconds of a server-side dry run of the region's objects, and how many objects there are.

    The objects are those of the stack's state, so both sides ask about the same, but for Secrets: their values are
    encrypted in the state.
    """
    instance = Instance.of(stack)
    objects = _objects(instance)
    kubectl = str(tools.ensure("kubectl")["kubectl"])
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"apiVersion": "v1", "kind": "List", "items": objects}, file)
        file.flush()
        command = [kubectl, "--kubeconfig", str(instance.kubeconfig), "apply", "--server-side", "--dry-run=server"]
        started = time.monotonic()
        subprocess.run(
            [*command, "--force-conflicts", "--field-manager=bench", "-f", file.name],
            check=True,
            capture_output=True,
            text=True,
        )
        return time.monotonic() - started, len(objects)


def _objects(instance: Instance) -> list[dict[str, Any]]:
    state = json.loads(instance.checkpoint(names.PROJECT).read_text())
    resources = state["checkpoint"]["latest"]["resources"]
    return [
        {key: value for key, value in resource["inputs"].items() if not key.startswith("__")}
        for resource in resources
        if resource["custom"]
        and resource["type"].startswith("kubernetes:")
        and resource["type"] != "kubernetes:core/v1:Secret"
    ]
