"""Compare Kubernetes objects the way pulumi-kubernetes does: inputs against live state cut to the inputs' shape.

Without its typed models, three rules stand in for its normalisation: an empty value equals an absent one for the
built-in kinds (the server drops it), quantities are compared as numbers, stringData as the data it becomes.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from lab.providers.changes import Path
from lab.providers.kubernetes.cluster import Gvk
from lab.providers.protocol import ProviderError
from lab.providers.values import UNKNOWN, Object, Secret

AUTONAMED: Final = "pulumi.com/autonamed"
_SERVER_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SELECTOR: Final = ("spec", "selector")
_ROLE: Final[list[tuple[str, ...]]] = [("roleRef",)]
_POD_SPEC_MUTABLE: Final = frozenset({"activeDeadlineSeconds", "tolerations"})
_FORCE_NEW: Final[dict[tuple[str, str], list[tuple[str, ...]]]] = {
    ("apps", "DaemonSet"): [_SELECTOR],
    ("apps", "Deployment"): [_SELECTOR],
    ("apps", "StatefulSet"): [
        _SELECTOR,
        ("spec", "podManagementPolicy"),
        ("spec", "revisionHistoryLimit"),
        ("spec", "serviceName"),
        ("spec", "volumeClaimTemplates"),
    ],
    ("batch", "Job"): [
        _SELECTOR,
        ("spec", "completions"),
        ("spec", "parallelism"),
        ("spec", "template"),
    ],
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _ROLE,
    ("rbac.authorization.k8s.io", "RoleBinding"): _ROLE,
    ("storage.k8s.io", "StorageClass"): [("parameters",), ("provisioner",)],
    ("", "PersistentVolumeClaim"): [
        _SELECTOR,
        ("spec", "accessModes"),
        ("spec", "storageClassName"),
        ("spec", "volumeName"),
    ],
    ("", "ResourceQuota"): [("spec", "scopes")],
    ("", "Secret"): [("type",)],
    ("", "Service"): [("spec", "clusterIP")],
}
"""Fields whose change replaces an object, by group and kind: pulumi-kubernetes provider/pkg/provider/diff.go."""
_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+)(m|[kMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")
_SCALE: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_QUANTITY_FIELDS: Final = frozenset(
    {"limits", "requests", "capacity", "hard", "sizeLimit", "divisor", "minAvailable", "allocatable"}
)
_RENAMED: Final = re.compile(r"x_kubernetes_[a-z_]+")
"""Keys that the SDKs cannot spell; the schema of a CustomResourceDefinition is full of them."""


def gvk_of(urn: str) -> Gvk:
    """Return the kind that a type token kubernetes:<group>/<version>:<Kind> names."""
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    module, kind = token.split(":")[1:]
    group, _, version = module.partition("/")
    if not version:
        raise ProviderError(f"{token}: the type has no group and version; write kubernetes:<group>/<version>:<Kind>.")
    return Gvk("" if group == "core" else group, version, kind)


def named(inputs: Object, old_inputs: Object, resource_name: str, seed: bytes) -> Object:
    """Return the inputs with a metadata.name: their own, the earlier generated one, or `<resource name>-<8 hex>`.

    A generated name is noted in an annotation, so that a later replacement knows it may take another one.
    """
    metadata = inputs.get("metadata") or {}
    if not isinstance(metadata, dict) or metadata.get("name") or metadata.get("generateName"):
        return inputs
    old = old_inputs.get("metadata") or {}
    if is_autonamed(old_inputs):
        name = old["name"]
    else:
        name = f"{resource_name.lower()}-{hashlib.sha256(seed or secrets.token_bytes(8)).hexdigest()[:8]}"
    annotations = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
    return {**inputs, "metadata": {**metadata, "name": name, "annotations": annotations}}


def is_autonamed(inputs: Mapping[str, Any]) -> bool:
    """Tell whether the name was generated."""
    return annotation(inputs, AUTONAMED) == "true"


def annotation(obj: Mapping[str, Any], name: str) -> str | None:
    """Return an annotation of an object, or None."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(name) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else None


def is_builtin(gvk: Gvk) -> bool:
    """Tell whether a kind is the API server's own, whose values it normalises, and not a custom one."""
    return "." not in gvk.group or gvk.group.endswith(".k8s.io")


def replacing(gvk: Gvk, obj: Mapping[str, Any], *, config_maps: bool, secrets_too: bool) -> list[tuple[str, ...]]:
    """Return the fields whose change replaces an object; the flags say whether data may change in place."""
    found = [("metadata", "name"), ("metadata", "namespace"), *_FORCE_NEW.get((gvk.group, gvk.kind), [])]
    fixed = bool(obj.get("immutable"))
    if gvk == Gvk("", "v1", "ConfigMap") and (fixed or not config_maps):
        found += [("data",), ("binaryData",)]
    if gvk == Gvk("", "v1", "Secret") and (fixed or not secrets_too):
        found += [("data",), ("stringData",)]
    if gvk == Gvk("", "v1", "Pod"):
        spec = obj.get("spec") or {}
        found += [("spec", key) for key in spec if key not in _POD_SPEC_MUTABLE]
    return found


def comparable(obj: Mapping[str, Any], *, namespaced: bool) -> Object:
    """Return an object as Diff compares it: without what only the server writes, stringData as data."""
    given = obj.get("metadata") or {}
    if not isinstance(given, dict):
        return dict(obj)
    metadata = {key: value for key, value in given.items() if key not in _SERVER_METADATA}
    if namespaced:
        metadata["namespace"] = metadata.get("namespace") or "default"
    else:
        metadata.pop("namespace", None)
    result = {**obj, "metadata": metadata}
    if obj.get("kind") == "Secret" and isinstance(obj.get("stringData"), dict):
        encoded = {key: _encoded(value) for key, value in result.pop("stringData").items()}
        result["data"] = {**(obj.get("data") or {}), **encoded}
    return result


def pruned(live: Any, shape: Any) -> Any:
    """Return live state cut to the fields, and the first items, that the shape has."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: pruned(live[key], shape[key]) for key in shape if key in live}
    if isinstance(live, list) and isinstance(shape, list):
        return [pruned(item, shape[index]) if index < len(shape) else item for index, item in enumerate(live)]
    return live


def followed(inputs: Any, before: Any, now: Any) -> Any:
    """Return the inputs with what drifted, from one live state to the next, taken over.

    A value the server only wrote differently (1000m for 1) is the same before and now, and stays as the program
    wrote it.
    """
    if before == now:
        return inputs
    if isinstance(inputs, dict) and isinstance(now, dict):
        before = before if isinstance(before, dict) else {}
        return {
            key: followed(value, before.get(key), now.get(key))
            for key, value in inputs.items()
            if key in now or key not in before
        }
    if isinstance(inputs, list) and isinstance(now, list):
        before = before if isinstance(before, list) else []
        return [
            followed(inputs[index], before[index], item) if index < min(len(inputs), len(before)) else item
            for index, item in enumerate(now)
        ]
    return now


def imported(live: Mapping[str, Any]) -> Object:
    """Return inputs for an object that so far existed only in the cluster."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in _SERVER_METADATA}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def same(path: Path, old: Any, new: Any) -> bool:
    """Tell whether two values of a built-in kind mean the same to the server."""
    if old is None or new is None:
        return _empty(new if old is None else old)
    if any(element in _QUANTITY_FIELDS for element in path):
        left, right = _quantity(old), _quantity(new)
        return left is not None and left == right
    return False


def renamed(value: Any) -> Any:
    """Return a value with the keys that the SDKs spell with underscores as the API server knows them."""
    if isinstance(value, dict):
        return {key.replace("_", "-") if _RENAMED.fullmatch(key) else key: renamed(item) for key, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


def hidden(obj: Object) -> Object:
    """Return an object with data and stringData marked secret if it is a Secret."""
    if obj.get("kind") != "Secret" or obj.get("apiVersion") != "v1":
        return obj
    marks: Object = {
        key: Secret(obj[key]) for key in ("data", "stringData") if key in obj and not isinstance(obj[key], Secret)
    }
    return {**obj, **marks}


def identity(obj: Mapping[str, Any]) -> str:
    """Return the ID of an object in state: namespace/name, or the name alone."""
    metadata = obj["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def place(obj: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return namespace and name, which may be UNKNOWN."""
    metadata = obj.get("metadata")
    return (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else (metadata, metadata)


def _empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_empty(item) for item in value.values())
    return value in (None, "", 0, False, [])


def _encoded(value: Any) -> Any:
    return base64.b64encode(str(value).encode()).decode() if value is not UNKNOWN else UNKNOWN


def _quantity(value: Any) -> Decimal | None:
    match = _QUANTITY.fullmatch(str(value))
    if match is None or isinstance(value, (dict, list, bool)):
        return None
    number, suffix = match[1], match[2] or ""
    return (
        Decimal(number + suffix)
        if suffix[:1] in "eE" and suffix[1:] not in ("", "i")
        else Decimal(number) * _SCALE[suffix]
    )
