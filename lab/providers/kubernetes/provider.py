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
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as proto

from automation.waiting import until
from lab.providers import changes
from lab.providers.kubernetes import objects
from lab.providers.kubernetes.apply import DEFINITION, Settings, applied, arrived, checkpoint, tried
from lab.providers.kubernetes.chart import CHART, construct
from lab.providers.kubernetes.cluster import Cluster, Gvk, UnknownKindError
from lab.providers.kubernetes.kubeconfig import endpoint, server_of
from lab.providers.protocol import Connection, Provider, ProviderError, flag
from lab.providers.values import Object, has_unknown, mark_like, marshal, plain, unmarshal

_DEADLINE: Final = 600.0
"""Seconds to wait for a deletion when the program sets no custom timeout: the real provider's ten minutes."""
_OWNERS: Final = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})


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
        gvk = objects.gvk_of(request.urn)
        if gvk.kind.endswith(("List", "Patch")):
            raise ProviderError(
                f"{gvk.api_version} {gvk.kind}: the stand-in provider has no List and Patch resources; "
                "use the underlying kind."
            )
        inputs = {"apiVersion": gvk.api_version, "kind": gvk.kind, **news}
        inputs = objects.named(inputs, olds, request.urn.split("::", 3)[3], request.randomSeed)
        metadata = inputs["metadata"]
        if on.settings.namespace and isinstance(metadata, dict) and not metadata.get("namespace"):
            known = on.settings.cluster.resource(gvk)
            # A kind not known yet is taken for a namespaced one, as the real provider does.
            if known is None or known.namespaced:
                inputs["metadata"] = {**metadata, "namespace": on.settings.namespace}
        return proto.CheckResponse(inputs=marshal(objects.hidden(inputs)))

    def diff(self, on: Connection[Settings], request: proto.DiffRequest) -> proto.DiffResponse:
        """Compare the new inputs with the last live state, cut to the shape of the old inputs."""
        if request.news == request.old_inputs and objects.is_builtin(objects.gvk_of(request.urn)):
            return changes.response([], [])
        news, state = plain(unmarshal(request.news)), plain(unmarshal(request.olds))
        gvk = Gvk.of(news)
        served = on.settings.cluster.resource(gvk)
        namespaced = served is None or served.namespaced
        old_inputs = plain(unmarshal(request.old_inputs))
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
        kept = objects.place(before) == objects.place(after)
        return changes.response(found, fields, delete_first=kept and not objects.is_autonamed(news))

    def create(self, on: Connection[Settings], request: proto.CreateRequest) -> proto.CreateResponse:
        """Apply a new object; refuse one that is there already, unless upsertExistingObjects is set."""
        news = unmarshal(request.properties)
        obj = objects.renamed(plain(news))
        manager = objects.annotation(obj, "pulumi.com/patchFieldManager") or f"pulumi-kubernetes-{secrets.token_hex(4)}"
        if request.preview:
            if Gvk.of(obj) == DEFINITION and not has_unknown(obj):
                on.settings.cluster.expect(obj)
            live = tried(on, request.urn, obj, manager, new=True)
            shown = request.properties if live is None else checkpoint(news, obj, live, manager)
            return proto.CreateResponse(properties=shown)
        if not on.settings.upsert and arrived(on.settings.cluster, obj) and on.settings.cluster.get(obj):
            raise ProviderError(
                f"resource {objects.identity(obj)} was not successfully created by the Kubernetes API server: "
                f'{obj["kind"]} "{obj["metadata"]["name"]}" already exists; import it, or set '
                "kubernetes:upsertExistingObjects for one run to adopt it."
            )
        live = applied(on, request.urn, obj, manager, "was not successfully created")
        return proto.CreateResponse(id=objects.identity(live), properties=checkpoint(news, obj, live, manager))

    def update(self, on: Connection[Settings], request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Apply the new inputs under the field manager of the state."""
        news, state = unmarshal(request.news), plain(unmarshal(request.olds))
        obj = objects.renamed(plain(news))
        former = state.get("__fieldManager") or f"pulumi-kubernetes-{secrets.token_hex(4)}"
        manager = objects.annotation(obj, "pulumi.com/patchFieldManager") or former
        if request.preview:
            live = tried(on, request.urn, obj, manager)
            shown = request.news if live is None else checkpoint(news, obj, live, manager)
            return proto.UpdateResponse(properties=shown)
        live = applied(on, request.urn, obj, manager, "was not successfully updated")
        if manager != former:
            on.settings.cluster.relinquish(obj, former)
        return proto.UpdateResponse(properties=checkpoint(news, obj, live, manager))

    def read(self, on: Connection[Settings], request: proto.ReadRequest) -> proto.ReadResponse:
        """Return the live object and the inputs as they would have to be for it; empty when it is gone."""
        state, old_inputs = unmarshal(request.properties), unmarshal(request.inputs)
        before, inputs = plain(state), plain(old_inputs)
        gvk = Gvk.of(inputs) if inputs.get("kind") else objects.gvk_of(request.urn)
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
            id=request.id, properties=checkpoint(marked, inputs, live, manager), inputs=marshal(marked)
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
        if Gvk.of(obj) == DEFINITION:
            cluster.forget(obj)
        return Empty()

    def construct(self, on: Connection[Settings], request: proto.ConstructRequest) -> proto.ConstructResponse:
        """Render a Helm chart and register its objects."""
        if request.type != CHART:
            return super().construct(on, request)
        return construct(on.settings.cluster, on.settings.namespace, on.log, request)


def _has_namespace(inputs: Struct) -> bool:
    return "namespace" in inputs.fields["metadata"].struct_value.fields


def _never_same(_path: changes.Path, _old: Any, _new: Any) -> bool:
    return False


def _lives_on(cluster: Cluster, obj: Mapping[str, Any]) -> bool:
    live = cluster.get(obj)
    # Another object of the same name may have taken its place meanwhile.
    return live is not None and live["metadata"]["uid"] == obj["metadata"].get("uid", live["metadata"]["uid"])
