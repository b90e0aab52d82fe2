"""Answer the engine for any Kubernetes kind by server-side apply, with the rules of pulumi-kubernetes 4.34.

Read in its provider.go: Diff asks the cluster nothing, it compares the new inputs with the state's live object
cut to the shape of the old inputs, so drift shows after a refresh; a preview applies with dryRun=All what is
created or changed.
Two things differ. Nothing schedules pods where this stand-in is used, so it waits for no workload to become ready
(pulumi.com/skipAwait is accepted and changes nothing); and owners are deleted in the foreground only when they have
dependents by nature, since the garbage collector learns of new kinds late.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers import changes
from lab.providers.kubernetes import objects
from lab.providers.kubernetes.chart import CHART, construct
from lab.providers.kubernetes.cluster import ApiError, Cluster, Gvk, UnknownKindError
from lab.providers.kubernetes.kubeconfig import endpoint, server_of
from lab.providers.protocol import Connection, Provider, ProviderError, flag
from lab.providers.values import Object, has_unknown, mark_like, marshal, plain, unmarshal
from lab.waiting import until

_DEADLINE: Final = 600.0
"""Seconds to wait for a deletion when the program sets no custom timeout: the real provider's ten minutes."""
_ESTABLISHED: Final = 60.0
_ARRIVAL: Final = 10.0
"""Seconds to wait for a kind whose definition is being applied beside it; the real provider retries five times."""
_DEFINITION: Final = Gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
_OWNERS: Final = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})
_ON: Final = Connection["Settings"]


@dataclass(frozen=True)
class Settings:
    """One provider resource's configuration, and the cluster that it points at."""

    cluster: Cluster
    namespace: str | None
    config_maps: bool
    secrets: bool
    force: bool
    upsert: bool


class KubernetesProvider(Provider[Settings]):
    """Every kind the API server serves, by its type token kubernetes:<group>/<version>:<Kind>."""

    package = "kubernetes"
    version = "4.34.2"

    def check_config(self, news: Object) -> list[proto.CheckFailure]:
        """Refuse, in strict mode, a configuration that could fall on an ambient cluster."""
        if not flag(news, "strictMode"):
            return []
        return [
            proto.CheckFailure(
                property=key, reason=f'strict mode prohibits default provider, and needs "{key}"; set kubernetes:{key}.'
            )
            for key in ("kubeconfig", "context")
            if not news.get(key)
        ]

    def diff_config(self, olds: Object, news: Object) -> list[str]:
        """Replace everything when clusterIdentifier changes or, without one, when the server's URL does."""
        old, new = olds.get("clusterIdentifier"), news.get("clusterIdentifier")
        if old or new:
            return ["clusterIdentifier"] if old != new else []
        if has_unknown(news):
            return []
        return ["kubeconfig"] if server_of(plain(olds)) != server_of(plain(news)) else []

    def configure(self, config: Object) -> Settings:
        """Read the kubeconfig and open a connection pool; the cluster itself is asked later."""
        if not flag(config, "enableServerSideApply", default=True):
            raise ProviderError(
                "kubernetes:enableServerSideApply: false; the stand-in provider only applies server-side, remove it."
            )
        return Settings(
            cluster=Cluster(endpoint(config)),
            namespace=config.get("namespace"),
            config_maps=flag(config, "enableConfigMapMutable"),
            secrets=flag(config, "enableSecretMutable"),
            force=flag(config, "enablePatchForce"),
            upsert=flag(config, "upsertExistingObjects"),
        )

    def check(self, on: Connection[Settings], request: proto.CheckRequest) -> proto.CheckResponse:
        """Fill in apiVersion and kind from the type, the provider's namespace and a name.

        Inputs that equal the last checked ones are returned unread: checking is idempotent, and an everyday preview
        is mostly this.
        """
        if request.news == request.olds and (on.settings.namespace is None or _has_namespace(request.news)):
            return proto.CheckResponse(inputs=request.news)
        news, olds = unmarshal(request.news), plain(unmarshal(request.olds))
        gvk = gvk_of(request.urn)
        if gvk.kind.endswith(("List", "Patch")):
            raise ProviderError(
                f"{gvk.api_version} {gvk.kind}: the stand-in provider has no List and Patch resources; "
                "use the underlying kind."
            )
        inputs = {"apiVersion": gvk.api_version, "kind": gvk.kind, **news}
        inputs = objects.named(inputs, olds, resource_name(request.urn), request.randomSeed)
        if on.settings.namespace and not inputs["metadata"].get("namespace"):
            known = on.settings.cluster.resource(gvk)
            # A kind not known yet is taken for a namespaced one, as the real provider does.
            if known is None or known.namespaced:
                inputs["metadata"] = {**inputs["metadata"], "namespace": on.settings.namespace}
        return proto.CheckResponse(inputs=marshal(objects.hidden(inputs)))

    def diff(self, on: Connection[Settings], request: proto.DiffRequest) -> proto.DiffResponse:
        """Compare the new inputs with the last live state, cut to the shape of the old inputs."""
        if request.news == request.old_inputs and objects.is_builtin(gvk_of(request.urn)):
            return changes.response([], [])
        news, state = plain(unmarshal(request.news)), plain(unmarshal(request.olds))
        gvk = Gvk.of(news)
        served = on.settings.cluster.resource(gvk)
        namespaced = served is None or served.namespaced
        old_inputs = state.get("__inputs", {})
        builtin = objects.is_builtin(gvk)
        base = old_inputs if builtin else objects.pruned(state, old_inputs)
        before = objects.comparable(base, namespaced=namespaced)
        after = objects.comparable(objects.renamed(news), namespaced=namespaced)
        before.setdefault("apiVersion", after.get("apiVersion"))
        same = objects.same if builtin else _never_same
        found = [
            change
            for change in changes.changes(before, after, same)
            if not changes.ignored(change.path, request.ignoreChanges)
        ]
        fields = objects.replacing(gvk, news, config_maps=on.settings.config_maps, secrets_too=on.settings.secrets)
        kept = all(before["metadata"].get(key) == after["metadata"].get(key) for key in ("name", "namespace"))
        return changes.response(found, fields, delete_first=kept and not objects.is_autonamed(news))

    def create(self, on: Connection[Settings], request: proto.CreateRequest) -> proto.CreateResponse:
        """Apply a new object; refuse one that is there already, unless upsertExistingObjects is set."""
        news = unmarshal(request.properties)
        obj = objects.renamed(plain(news))
        manager = objects.annotation(obj, "pulumi.com/patchFieldManager") or f"pulumi-kubernetes-{secrets.token_hex(4)}"
        if request.preview:
            if Gvk.of(obj) == _DEFINITION and not has_unknown(obj):
                on.settings.cluster.expect(obj)
            live = self._preview(on, request.urn, obj, manager)
            shown = request.properties if live is None else _state(news, obj, live, manager)
            return proto.CreateResponse(properties=shown)
        if not on.settings.upsert and _arrived(on.settings.cluster, obj) and on.settings.cluster.get(obj):
            raise ProviderError(
                f"resource {objects.identity(obj)} was not successfully created by the Kubernetes API server: "
                f'{obj["kind"]} "{obj["metadata"]["name"]}" already exists; import it, or set '
                "kubernetes:upsertExistingObjects for one run to adopt it."
            )
        live = self._applied(on, request.urn, obj, manager, "was not successfully created")
        return proto.CreateResponse(id=objects.identity(live), properties=_state(news, obj, live, manager))

    def update(self, on: Connection[Settings], request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Apply the new inputs under the field manager of the state."""
        news, state = unmarshal(request.news), plain(unmarshal(request.olds))
        obj = objects.renamed(plain(news))
        former = state.get("__fieldManager") or f"pulumi-kubernetes-{secrets.token_hex(4)}"
        manager = objects.annotation(obj, "pulumi.com/patchFieldManager") or former
        if request.preview:
            live = self._preview(on, request.urn, obj, manager)
            shown = request.news if live is None else _state(news, obj, live, manager)
            return proto.UpdateResponse(properties=shown)
        live = self._applied(on, request.urn, obj, manager, "was not successfully updated")
        if manager != former:
            on.settings.cluster.relinquish(obj, former)
        return proto.UpdateResponse(properties=_state(news, obj, live, manager))

    def read(self, on: Connection[Settings], request: proto.ReadRequest) -> proto.ReadResponse:
        """Return the live object and the inputs as they would have to be for it; empty when it is gone."""
        state, old_inputs = unmarshal(request.properties), unmarshal(request.inputs)
        before, inputs = plain(state), plain(old_inputs)
        gvk = Gvk.of(inputs) if inputs.get("kind") else gvk_of(request.urn)
        namespace, _, name = request.id.rpartition("/")
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        try:
            live = on.settings.cluster.get({"apiVersion": gvk.api_version, "kind": gvk.kind, "metadata": metadata})
        except UnknownKindError:
            live = None
        if live is None:
            return proto.ReadResponse()
        own = {key: value for key, value in before.items() if not key.startswith("__")}
        inputs = objects.followed(inputs, own, live) if inputs and own else inputs or objects.imported(live)
        marked = objects.hidden(mark_like(inputs, old_inputs))
        manager = before.get("__fieldManager") or f"pulumi-kubernetes-{secrets.token_hex(4)}"
        return proto.ReadResponse(
            id=request.id, properties=_state(marked, inputs, live, manager), inputs=marshal(marked)
        )

    def delete(self, on: Connection[Settings], request: proto.DeleteRequest) -> Empty:
        """Delete an object and wait until it is gone; its annotation may ask to orphan what it owns."""
        cluster = on.settings.cluster
        obj = plain(unmarshal(request.properties))
        asked = objects.annotation(obj, "pulumi.com/deletionPropagationPolicy")
        policy = (asked or ("foreground" if obj.get("kind") in _OWNERS else "background")).capitalize()
        try:
            found = cluster.delete(obj, policy)
        except UnknownKindError:
            # Without its definition, the object is gone too.
            return Empty()
        if found and not until(lambda: not _lives_on(cluster, obj), request.timeout or _DEADLINE):
            raise ProviderError(
                f"{obj['kind']} {request.id} was asked to go and is still there; look at its finalizers, and whether "
                "kube-controller-manager runs."
            )
        if Gvk.of(obj) == _DEFINITION:
            cluster.forget(obj)
        return Empty()

    def construct(self, on: Connection[Settings], request: proto.ConstructRequest) -> proto.ConstructResponse:
        """Render a Helm chart and register its objects."""
        if request.type != CHART:
            return super().construct(on, request)
        return construct(on.settings.cluster, on.settings.namespace, on.log, request)

    def _preview(self, on: Connection[Settings], urn: str, obj: Object, manager: str) -> Object | None:
        """Return what a dry run makes of an object; None when it cannot be tried yet, as with an unknown value."""
        if has_unknown(obj) or on.settings.cluster.resource(Gvk.of(obj)) is None:
            return None
        try:
            live = self._apply(on, urn, obj, manager, dry_run=True)
        except ApiError as error:
            if error.status == 403 or (error.status == 404 and "namespaces" in str(error)):
                # The namespace may come in the same run; a user who may not write may still preview.
                return None
            if error.status == 422 and ("immutable" in str(error) or "updates to" in str(error)):
                # The object is about to be replaced; under another name the rest is still validated.
                other = {
                    **obj,
                    "metadata": {**obj["metadata"], "name": f"{obj['metadata']['name'][:57]}{secrets.token_hex(3)}"},
                }
                live = self._apply(on, urn, other, manager, dry_run=True)
                return {**live, "metadata": {**live["metadata"], "name": obj["metadata"]["name"]}}
            raise self._explained(error, obj, "would be refused") from error
        live.pop("status", None)
        return live

    def _applied(self, on: Connection[Settings], urn: str, obj: Object, manager: str, failure: str) -> Object:
        cluster = on.settings.cluster
        if not _arrived(cluster, obj):
            raise ProviderError(
                f"creation of resource {objects.identity(obj)} failed because the Kubernetes API server reported that "
                f'the apiVersion for this resource does not exist (no matches for kind "{obj["kind"]}" in version '
                f'"{obj["apiVersion"]}"). Verify that any required CRDs have been created.'
            )
        try:
            live = self._apply(on, urn, obj, manager, dry_run=False)
        except ApiError as error:
            raise self._explained(error, obj, failure) from error
        if Gvk.of(obj) == _DEFINITION:
            if not until(lambda: _established(cluster, obj), _ESTABLISHED):
                raise ProviderError(
                    f"CustomResourceDefinition {obj['metadata']['name']} was applied and is not established; look at "
                    "its conditions."
                )
            cluster.learn(obj)
        return live

    def _apply(self, on: Connection[Settings], urn: str, obj: Object, manager: str, *, dry_run: bool) -> Object:
        force = on.settings.force or objects.annotation(obj, "pulumi.com/patchForce") == "true"
        live, warnings = on.settings.cluster.apply(obj, manager, force=force, dry_run=dry_run)
        for warning in warnings:
            on.log.warn(urn, warning)
        return live

    @staticmethod
    def _explained(error: ApiError, obj: Mapping[str, Any], failure: str) -> ProviderError:
        fix = ""
        if error.status == 409:
            fix = (
                " Another manager owns these fields; set the annotation pulumi.com/patchForce to take them over, "
                "or leave them out."
            )
        return ProviderError(f"resource {objects.identity(obj)} {failure} by the Kubernetes API server: {error}{fix}")


def gvk_of(urn: str) -> Gvk:
    """Return the kind that a type token kubernetes:<group>/<version>:<Kind> names."""
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    module, kind = token.split(":")[1:]
    group, _, version = module.partition("/")
    if not version:
        raise ProviderError(f"{token}: the type has no group and version; write kubernetes:<group>/<version>:<Kind>.")
    return Gvk("" if group == "core" else group, version, kind)


def resource_name(urn: str) -> str:
    """Return the program's name of a resource."""
    return urn.split("::", 3)[3]


def _has_namespace(inputs: Struct) -> bool:
    return "namespace" in inputs.fields["metadata"].struct_value.fields


def _never_same(_path: changes.Path, _old: Any, _new: Any) -> bool:
    return False


def _arrived(cluster: Cluster, obj: Mapping[str, Any]) -> bool:
    gvk = Gvk.of(obj)
    return until(lambda: cluster.resource(gvk) is not None, _ARRIVAL)


def _established(cluster: Cluster, definition: Mapping[str, Any]) -> bool:
    live = cluster.get(definition) or {}
    conditions = (live.get("status") or {}).get("conditions") or []
    holds = {item["type"] for item in conditions if item["status"] == "True"}
    return {"Established", "NamesAccepted"} <= holds


def _lives_on(cluster: Cluster, obj: Mapping[str, Any]) -> bool:
    live = cluster.get(obj)
    # Another object of the same name may have taken its place meanwhile.
    return live is not None and live["metadata"]["uid"] == obj["metadata"].get("uid", live["metadata"]["uid"])


def _state(news: Mapping[str, Any], inputs: Object, live: Object, manager: str) -> Struct:
    """Return what the engine keeps: the live object, secret where the inputs are, and the inputs beside it."""
    state = objects.hidden(mark_like(live, news))
    state["__inputs"] = objects.hidden(mark_like(inputs, news))
    state["__initialApiVersion"] = inputs["apiVersion"]
    state["__fieldManager"] = manager
    return marshal(state)
