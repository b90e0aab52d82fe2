"""A provider whose resource types are rows of a table: functions to create, read, update and delete, and flags.

What every row shares is here: defaults and generated names in Check, a comparison of the new inputs with the last
ones in Diff (a refresh rewrites those when it finds drift), secret outputs, and previews that say what is known.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers import changes
from lab.providers.protocol import Connection, Provider, ProviderError
from lab.providers.values import UNKNOWN, Object, Secret, has_unknown, mark_like, marshal, plain, unmarshal

Client = TypeVar("Client")


@dataclass(frozen=True)
class Found:
    """A resource as it is: the properties it has beyond its inputs, and the inputs that differ from the program's."""

    outputs: Object
    drifted: Object


@dataclass(frozen=True)
class Kind(Generic[Client]):
    """One resource type.

    inputs are the properties it takes. create returns the ID and the outputs; update the outputs; read None when
    the resource is gone, and is handed the last inputs (empty at an import). Inputs are plain and known there. A kind
    without update is replaced by any change. preview returns the outputs known before creation.
    """

    inputs: tuple[str, ...]
    create: Callable[[Client, Object], tuple[str, Object]]
    read: Callable[[Client, str, Object, Object], Found | None]
    delete: Callable[[Client, str, Object], None]
    update: Callable[[Client, str, Object, Object], Object] | None = None
    computed: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    named: str | None = None
    name_prefix: str = ""
    lower_case: bool = False
    defaults: Callable[[Client, Object], Object] = lambda _client, _inputs: {}
    preview: Callable[[Client, Object], Object] = lambda _client, _inputs: {}
    validate: Callable[[Object], str | None] = lambda _inputs: None
    delete_first: bool = False


class TableProvider(Provider[Client]):
    """Answer for the types of `kinds`, a table from type token to Kind."""

    kinds: Mapping[str, Kind[Client]]

    def check(self, on: Connection[Client], request: proto.CheckRequest) -> proto.CheckResponse:
        """Fill in defaults and a generated name, and let the row refuse values."""
        kind = self._kind(request.urn)
        news, olds = unmarshal(request.news), plain(unmarshal(request.olds))
        unknown = sorted(news.keys() - {*kind.inputs})
        if unknown:
            # A property that is dropped in silence would make the lab say yes to what the cloud then is not.
            raise ProviderError(
                f"{request.urn}: {', '.join(unknown)}: the stand-in {self.package} provider does not know this "
                f"property; it knows {', '.join(sorted(kind.inputs))}. Leave it out, or use the real provider."
            )
        inputs = {**kind.defaults(on.settings, news), **news}
        if kind.named and not inputs.get(kind.named):
            seed = request.randomSeed or secrets.token_bytes(8)
            name = request.urn.split("::", 3)[3]
            name = name.lower() if kind.lower_case else name
            generated = f"{kind.name_prefix}{name}-{hashlib.sha256(seed).hexdigest()[:7]}"
            inputs[kind.named] = olds.get(kind.named) or generated
        wrong = kind.validate(plain(inputs))
        failures = [proto.CheckFailure(reason=wrong)] if wrong else []
        return proto.CheckResponse(inputs=marshal(inputs), failures=failures)

    def diff(self, on: Connection[Client], request: proto.DiffRequest) -> proto.DiffResponse:
        """Compare the new inputs with the last ones."""
        del on
        kind = self._kind(request.urn)
        if request.news == request.old_inputs:
            return changes.response([], [])
        olds, news = plain(unmarshal(request.old_inputs)), plain(unmarshal(request.news))

        def same(path: changes.Path, old: Any, new: Any) -> bool:
            if old is None or new is None:
                return old in (None, {}, []) and new in (None, {}, [])
            return len(path) == 1 and path[0] in kind.documents and same_document(old, new)

        found = [
            change
            for change in changes.changes(olds, news, same)
            if not changes.ignored(change.path, request.ignoreChanges)
        ]
        replaced = news.keys() | olds.keys() if kind.update is None else kind.replaces
        fixed = kind.named is None or (olds.get(kind.named) == news.get(kind.named))
        return changes.response(
            found, [(name,) for name in replaced], delete_first=fixed and (kind.delete_first or kind.named is not None)
        )

    def create(self, on: Connection[Client], request: proto.CreateRequest) -> proto.CreateResponse:
        """Create, or at a preview return what is known already."""
        kind = self._kind(request.urn)
        inputs = unmarshal(request.properties)
        if request.preview:
            known = {} if has_unknown(inputs) else kind.preview(on.settings, plain(inputs))
            outputs = {**dict.fromkeys(kind.computed, UNKNOWN), **known}
            return proto.CreateResponse(properties=_state(kind, inputs, outputs))
        identifier, outputs = kind.create(on.settings, plain(inputs))
        return proto.CreateResponse(id=identifier, properties=_state(kind, inputs, outputs))

    def read(self, on: Connection[Client], request: proto.ReadRequest) -> proto.ReadResponse:
        """Read the live resource; what drifted goes into the inputs, so that the next preview shows it."""
        kind = self._kind(request.urn)
        inputs = unmarshal(request.inputs)
        found = kind.read(on.settings, request.id, plain(inputs), plain(unmarshal(request.properties)))
        if found is None:
            return proto.ReadResponse()
        drifted = {
            name: value
            for name, value in found.drifted.items()
            if not (name in kind.documents and same_document(plain(inputs).get(name), value))
        }
        live = mark_like({**inputs, **drifted}, inputs)
        return proto.ReadResponse(id=request.id, properties=_state(kind, live, found.outputs), inputs=marshal(live))

    def update(self, on: Connection[Client], request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Change in place, or at a preview keep the outputs, which an update leaves as they are."""
        kind = self._kind(request.urn)
        inputs, state = unmarshal(request.news), plain(unmarshal(request.olds))
        if kind.update is None:
            raise ProviderError(f"{request.type} {request.id}: it cannot be changed in place; replace it.")
        if request.preview:
            outputs = {name: state[name] for name in kind.computed if name in state}
            return proto.UpdateResponse(properties=_state(kind, inputs, outputs))
        outputs = kind.update(on.settings, request.id, plain(inputs), state)
        return proto.UpdateResponse(properties=_state(kind, inputs, outputs))

    def delete(self, on: Connection[Client], request: proto.DeleteRequest) -> Empty:
        """Delete, given the last state."""
        self._kind(request.urn).delete(on.settings, request.id, plain(unmarshal(request.properties)))
        return Empty()

    def _kind(self, urn: str) -> Kind[Client]:
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in self.kinds:
            known = ", ".join(sorted(self.kinds))
            raise ProviderError(
                f"{token}: the stand-in {self.package} provider does not know this type; it knows {known}. "
                "Use one of them, or the real provider."
            )
        return self.kinds[token]


def same_document(left: Any, right: Any) -> bool:
    """Tell whether two texts hold the same JSON, which a cloud may hand back in another order."""
    try:
        return bool(json.loads(left) == json.loads(right))
    except (TypeError, ValueError):
        return bool(left == right)


def _state(kind: Kind[Any], inputs: Object, outputs: Object) -> Struct:
    state = {**inputs, **outputs}
    for name in kind.secret:
        if name in state and not isinstance(state[name], Secret):
            state[name] = Secret(state[name])
    return marshal(state)
