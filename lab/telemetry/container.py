"""Give a container's process what the kubelet would: mounted files, environment and arguments, below a local folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.problem import LabError
from lab.telemetry.applied import Applied

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Pod:
    """Who a pod is to its containers."""

    namespace: str
    name: str
    node: str


@dataclass(frozen=True)
class Container:
    """A container as a local process finds it."""

    args: list[str]
    """As written, with variables expanded and mounted paths swapped."""
    env: dict[str, str]
    mounts: dict[str, Path]
    """Local place of each mounted path."""

    def read(self, path: str) -> bytes:
        """Return a mounted file by its path in the container."""
        return local(path, self.mounts).read_bytes()

    def localized(self, text: str) -> str:
        """Return a text with each mounted path swapped for its local place."""
        return swapped_paths(text, self.mounts)


def local(path: str, mounts: Mapping[str, Path]) -> Path:
    """Return the local place of a path in a container."""
    return Path(swapped_paths(path, mounts))


def swapped_paths(text: str, mounts: Mapping[str, Path]) -> str:
    """Return a text with each mounted path, as a whole or as the beginning of a path, swapped for its local place."""
    if not mounts:
        return text
    longest_first = sorted(mounts, key=len, reverse=True)
    pattern = "|".join(re.escape(path) for path in longest_first)
    # `file.` before a path is how Caddy is told to read one.
    begins = r"(?:(?<=\bfile\.)|(?<![\w./-]))"
    return re.sub(rf"{begins}(?:{pattern})(?![\w.-])", lambda found: str(mounts[found.group()]), text)


def contained(applied: Applied, workload: Mapping[str, Any], name: str, pod: Pod, folder: Path) -> Container:
    """Return one container of a workload's pod, with its mounted files written below a folder.

    What a volume held before stays, unless it is made of a ConfigMap or Secret.

    Args:
        applied: where ConfigMaps and Secrets are read.
        workload: a StatefulSet, DaemonSet or Deployment.
        name: of the container.
        pod: the pod that it is of.
        folder: where the pod's volumes are kept.

    Raises:
        LabError: what it mounts or refers to is not there.
    """
    spec = workload["spec"]["template"]["spec"]
    (container,) = [each for each in spec["containers"] if each["name"] == name]
    volumes = {each["name"]: each for each in spec.get("volumes") or []}
    mounts = {}
    for mount in container.get("volumeMounts") or []:
        place = folder / mount["name"]
        place.mkdir(parents=True, exist_ok=True)
        for file, content in _content(applied, pod.namespace, volumes.get(mount["name"], {})).items():
            (place / file).write_bytes(content)
        inside = place / mount.get("subPath", "")
        if not inside.exists():
            inside.mkdir(parents=True)
        mounts[mount["mountPath"]] = inside
    given = {each["name"]: _value(applied, pod, mounts, each) for each in container.get("env") or []}
    env = {name: value for name, value in given.items() if value is not None}
    args = [swapped_paths(expanded(each, env), mounts) for each in container.get("args") or []]
    return Container(args, env, mounts)


def expanded(text: str, env: Mapping[str, str]) -> str:
    """Return a text with `$(NAME)` replaced by the variable's value; an unknown one stays, as in Kubernetes."""
    return re.sub(r"\$\((\w+)\)", lambda found: env.get(found[1], found[0]), text)


def _content(applied: Applied, namespace: str, volume: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of a volume by name; none for a volume that the pod itself writes."""
    if source := volume.get("configMap"):
        return _chosen(applied.config_map(namespace, source["name"]), source)
    if source := volume.get("secret"):
        return _chosen(applied.secret(namespace, source["secretName"]), source)
    found: dict[str, bytes] = {}
    for source in volume.get("projected", {}).get("sources", []):
        if part := source.get("configMap"):
            found |= _chosen(applied.config_map(namespace, part["name"]), part)
        elif part := source.get("secret"):
            found |= _chosen(applied.secret(namespace, part["name"]), part)
        else:
            raise LabError(f"volume {volume['name']}: projects {', '.join(source)}; the lab knows ConfigMaps, Secrets.")
    return found


def _chosen(content: Mapping[str, bytes], source: Mapping[str, Any]) -> dict[str, bytes]:
    if "items" not in source:
        return dict(content)
    return {item["path"]: content[item["key"]] for item in source["items"]}


def _value(applied: Applied, pod: Pod, mounts: Mapping[str, Path], variable: Mapping[str, Any]) -> str | None:
    if "valueFrom" not in variable:
        return swapped_paths(str(variable.get("value", "")), mounts)
    source = variable["valueFrom"]
    if reference := source.get("secretKeyRef"):
        return applied.secret(pod.namespace, reference["name"])[reference["key"]].decode()
    if reference := source.get("configMapKeyRef"):
        return applied.config_map(pod.namespace, reference["name"])[reference["key"]].decode()
    fields = {
        "metadata.name": pod.name,
        "metadata.namespace": pod.namespace,
        "spec.nodeName": pod.node,
        "status.podIP": LOOPBACK,
    }
    # A resource that has no limit is the node's: the process is then told nothing and looks for itself.
    return fields[source["fieldRef"]["fieldPath"]] if "fieldRef" in source else None
