"""Read rendered manifests, and order them as pulumi-kubernetes' yaml/v2 does before it registers them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from lab.providers.kubernetes.cluster import Cluster, Gvk, kinds_of
from lab.providers.protocol import ProviderError
from lab.providers.values import Object

DEPENDS_ON: Final = "config.kubernetes.io/depends-on"
_SHOWN: Final = 100
Key = tuple[str, str, str, str]
"""Group, kind, namespace and name: what one object is told from another by, whatever its version."""


class _Loader(yaml.CSafeLoader):
    """YAML as the API machinery reads it: no dates, no base-60 numbers, and 1e3 is a number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping with text for keys, as in JSON: `y: 1` has the key "true"."""
        mapping = super().construct_mapping(node, deep)
        return {key if isinstance(key, str) else json.dumps(key): value for key, value in mapping.items()}


for _tag, _pattern, _first in (
    ("bool", r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN)",
        "-+0123456789.",
    ),
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in {"y", "yes", "true", "on"}


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    octal = digits.startswith("0") and digits.isdigit() and digits != "0"
    number = int(digits, 8) if octal else int(digits, 0)
    return -number if text.startswith("-") else number


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def parse(text: str) -> list[Object]:
    """Return the objects of a stream of YAML documents, lists of objects taken apart and empty documents dropped.

    Raises ProviderError when a document is no YAML or an object has no apiVersion, kind or name.
    """
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document]
    except yaml.YAMLError as error:
        raise ProviderError(f"decoding YAML: {error}; correct the chart's templates or values.") from error
    objects = list(_expanded(documents))
    for obj in objects:
        if not (isinstance(obj, dict) and obj.get("apiVersion") and obj.get("kind")):
            raise ProviderError(f"Kubernetes resources require a kind and apiVersion: `{str(obj)[:_SHOWN]}`")
        if not (obj.get("metadata") or {}).get("name"):
            raise ProviderError(f"Kubernetes resources require a .metadata.name: `{str(obj)[:_SHOWN]}`")
    return objects


def normalized(objects: Iterable[Object], namespace: str, cluster: Cluster) -> list[Object]:
    """Give every object of a namespaced kind a namespace.

    Whether a kind is namespaced is looked up among the definitions that come along, then asked of the server; a kind
    nobody knows yet is taken for a namespaced one.
    """
    listed = list(objects)
    coming = {
        gvk: resource
        for obj in listed
        if obj["kind"] == "CustomResourceDefinition"
        for gvk, resource in kinds_of(obj).items()
    }
    for obj in listed:
        gvk = Gvk.of(obj)
        obj["apiVersion"] = gvk.api_version
        resource = coming.get(gvk) or cluster.resource(gvk) or cluster.expected(gvk)
        if (resource is None or resource.namespaced) and not obj["metadata"].get("namespace"):
            obj["metadata"]["namespace"] = namespace
    return listed


def key_of(obj: Mapping[str, Any]) -> Key:
    """Return what tells an object from the others."""
    gvk = Gvk.of(obj)
    return gvk.group, gvk.kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def levels(objects: Iterable[Object]) -> list[list[tuple[Object, list[Key]]]]:
    """Return the objects in the order to register them, each with those among them that it depends on.

    An object depends on its namespace, on its kind's definition, and on what its depends-on annotation names: the
    rules of sigs.k8s.io/cli-utils' dependency graph. Everything in one level may go at once.
    Raises ProviderError when objects wait for each other.
    """
    listed = list(objects)
    known = {key_of(obj) for obj in listed}
    definitions = {
        (obj["spec"]["group"], obj["spec"]["names"]["kind"]): key_of(obj)
        for obj in listed
        if obj["kind"] == "CustomResourceDefinition"
    }
    waiting = [(obj, [key for key in _needs(obj, definitions) if key in known]) for obj in listed]
    done: set[Key] = set()
    found: list[list[tuple[Object, list[Key]]]] = []
    while waiting:
        ready = [item for item in waiting if done.issuperset(item[1])]
        if not ready:
            names = ", ".join(f"{obj['kind']} {obj['metadata']['name']}" for obj, _ in waiting)
            raise ProviderError(f"cyclic dependency among {names}; correct their {DEPENDS_ON} annotations.")
        found.append(ready)
        done.update(key_of(obj) for obj, _ in ready)
        waiting = [item for item in waiting if not done.issuperset([key_of(item[0])])]
    return found


def _expanded(documents: Iterable[Any]) -> Iterator[Any]:
    for document in documents:
        if isinstance(document, dict) and isinstance(document.get("items"), list):
            yield from _expanded(document["items"])
        else:
            yield document


def _needs(obj: Object, definitions: Mapping[tuple[str, str], Key]) -> Iterator[Key]:
    group, kind, namespace, _ = key_of(obj)
    if (group, kind) in definitions:
        yield definitions[group, kind]
    if namespace:
        yield "", "Namespace", "", namespace
    annotations = obj["metadata"].get("annotations") or {}
    for reference in str(annotations.get(DEPENDS_ON) or "").split(","):
        # group/kind/name, or group/namespaces/<namespace>/kind/name
        parts = reference.strip().split("/")
        if len(parts) == 3:
            yield parts[0], parts[1], "", parts[2]
        elif len(parts) == 5 and parts[1] == "namespaces":
            yield parts[0], parts[3], parts[2], parts[4]
