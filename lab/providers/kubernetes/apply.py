"""Apply one object for Create and Update, or try it with a dry run for their previews."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct

from automation.waiting import until
from lab.providers.kubernetes import objects
from lab.providers.kubernetes.cluster import ApiError, Cluster, Gvk
from lab.providers.protocol import Connection, ProviderError
from lab.providers.values import Object, has_unknown, mark_like, marshal

DEFINITION: Final = Gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
_ESTABLISHED: Final = 180.0
_ARRIVAL: Final = 10.0
"""Seconds to wait for a kind whose definition is being applied beside it; the real provider retries five times."""
_NO_SUCH_PATH: Final = "the server could not find the requested resource"
_NAME_LENGTH: Final = 57
"""Characters kept of a name that gets six others: a label's limit is 63."""


@dataclass(frozen=True)
class Settings:
    """One provider resource's configuration, and the cluster that it points at."""

    cluster: Cluster
    namespace: str | None
    config_maps: bool
    secrets: bool
    force: bool
    upsert: bool


def tried(on: Connection[Settings], urn: str, obj: Object, manager: str, *, new: bool = False) -> Object | None:
    """Return what a dry run makes of an object; None when it cannot be tried yet.

    That is so with an unknown value, with a kind or namespace that comes in the same run, for a user who may only
    look, and for a `new` object whose fields its predecessor still holds.
    Raises ProviderError with the server's words when the object is wrong in itself.
    """
    if has_unknown(obj) or on.settings.cluster.resource(Gvk.of(obj)) is None:
        return None
    try:
        live = _apply(on, urn, obj, manager, dry_run=True)
    except ApiError as error:
        if error.status in (403, 404) or (new and error.status == 409):
            return None
        if error.status == 422 and new and ("immutable" in str(error) or "updates to" in str(error)):
            return _tried_beside(on, urn, obj, manager)
        raise _explained(error, obj, "would be refused") from error
    live.pop("status", None)
    return live


def applied(on: Connection[Settings], urn: str, obj: Object, manager: str, failure: str) -> Object:
    """Apply an object and return it live; a CustomResourceDefinition is waited for until it is established.

    Raises ProviderError, beginning with the object and `failure`, when the server refuses.
    """
    cluster = on.settings.cluster
    found: list[Object] = []

    def attempt() -> bool:
        try:
            found.append(_apply(on, urn, obj, manager, dry_run=False))
        except ApiError as error:
            if error.status == 404 and _NO_SUCH_PATH in str(error):
                # A definition is established a moment before its kind is served.
                return False
            raise _explained(error, obj, failure) from error
        return True

    if not arrived(cluster, obj) or not until(attempt, _ARRIVAL):
        raise ProviderError(
            f"creation of resource {objects.identity(obj)} failed because the Kubernetes API server reported that "
            f'the apiVersion for this resource does not exist (no matches for kind "{obj["kind"]}" in version '
            f'"{obj["apiVersion"]}"). Verify that any required CRDs have been created.'
        )
    if Gvk.of(obj) == DEFINITION:
        if not until(lambda: _established(cluster, obj), _ESTABLISHED):
            raise ProviderError(
                f"CustomResourceDefinition {obj['metadata']['name']} was applied and is not established; look at "
                "its conditions."
            )
        cluster.learn(obj)
    return found[0]


def arrived(cluster: Cluster, obj: Mapping[str, Any]) -> bool:
    """Tell whether an object's kind is served, or comes to be within ten seconds."""
    gvk = Gvk.of(obj)
    return until(lambda: cluster.resource(gvk) is not None, _ARRIVAL)


def checkpoint(news: Mapping[str, Any], inputs: Object, live: Object, manager: str) -> Struct:
    """Return what the engine keeps: the live object, secret where the inputs are, and who manages its fields.

    The real provider keeps the inputs here as well (`__inputs`). The engine keeps them anyway and hands them to every
    call, and a second copy of each object is what large ones, such as definitions, cost it.
    """
    state = objects.hidden(mark_like(live, news))
    state["__initialApiVersion"] = inputs["apiVersion"]
    state["__fieldManager"] = manager
    return marshal(state)


def _tried_beside(on: Connection[Settings], urn: str, obj: Object, manager: str) -> Object:
    """Try an object that will replace one of its name: under another name all but the name is still validated."""
    metadata = obj["metadata"]
    other = {**metadata, "name": f"{metadata['name'][:_NAME_LENGTH]}{secrets.token_hex(3)}"}
    live = _apply(on, urn, {**obj, "metadata": other}, manager, dry_run=True)
    live.pop("status", None)
    return {**live, "metadata": {**live["metadata"], "name": metadata["name"]}}


def _apply(on: Connection[Settings], urn: str, obj: Object, manager: str, *, dry_run: bool) -> Object:
    force = on.settings.force or objects.annotation(obj, "pulumi.com/patchForce") == "true"
    live, warnings = on.settings.cluster.apply(obj, manager, force=force, dry_run=dry_run)
    for warning in warnings:
        on.log.warn(urn, warning)
    return live


def _explained(error: ApiError, obj: Mapping[str, Any], failure: str) -> ProviderError:
    fix = ""
    if error.status == 409:
        fix = (
            " Another manager owns these fields; set the annotation pulumi.com/patchForce to take them over, or leave "
            "them out."
        )
    return ProviderError(f"resource {objects.identity(obj)} {failure} by the Kubernetes API server: {error}{fix}")


def _established(cluster: Cluster, definition: Mapping[str, Any]) -> bool:
    live = cluster.get(definition) or {}
    conditions = (live.get("status") or {}).get("conditions") or []
    holds = {item["type"] for item in conditions if item["status"] == "True"}
    return {"Established", "NamesAccepted"} <= holds
