"""The part of the engine's provider protocol that every stand-in shares.

One server answers for every provider resource of a package: an engine that attaches by port opens one
connection per provider resource, and several regions may run at once. Settings therefore belong to the
connection, not the process.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers.values import Object, plain, unmarshal

MESSAGE_LIMIT: Final = 400 * 1024 * 1024
"""Bytes of one message; the engine's own limit (sdk/go/common/util/rpcutil)."""
_LOG = logging.getLogger(__name__)


class ProviderError(Exception):
    """A failure to show to whoever runs the program."""


class EngineLog:
    """Messages to the engine's display, under the resource they concern."""

    def __init__(self) -> None:
        self._stub: Any = None

    def connect(self, address: str) -> None:
        """Send what follows to the engine at this address."""
        channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", MESSAGE_LIMIT)])
        self._stub = engine_pb2_grpc.EngineStub(channel)

    def warn(self, urn: str, message: str) -> None:
        """Show a warning, or write it to the log when no engine has attached."""
        self._send(engine_pb2.LogSeverity.WARNING, urn, message)

    def _send(self, severity: Any, urn: str, message: str) -> None:
        if self._stub is None:
            _LOG.warning("%s: %s", urn, message)
            return
        self._stub.Log(engine_pb2.LogRequest(severity=severity, urn=urn, message=message))


Settings = TypeVar("Settings")


@dataclass
class Connection(Generic[Settings]):
    """What one attached provider resource has told us."""

    log: EngineLog = field(default_factory=EngineLog)
    configured: Settings | None = None

    @property
    def settings(self) -> Settings:
        """What configure returned; raise ProviderError when the engine has not configured the provider."""
        if self.configured is None:
            raise ProviderError("the provider was used before it was configured; this is the engine's doing.")
        return self.configured


class Provider(Generic[Settings]):
    """A provider of one package; a subclass implements the lower-case methods and raises ProviderError."""

    package: str
    version: str

    def __init__(self) -> None:
        self._connections: dict[str, Connection[Settings]] = {}
        self._latest: Connection[Settings] = Connection()
        self._lock = threading.Lock()

    # What a subclass says.

    def check_config(self, news: Object) -> list[proto.CheckFailure]:
        """Return what is wrong with the provider's own configuration."""
        del news
        return []

    def diff_config(self, olds: Object, news: Object) -> list[str]:
        """Return the properties whose change means another cluster or account, so that everything is replaced."""
        del olds, news
        return []

    def configure(self, config: Object) -> Settings:
        """Turn the configuration into what the operations need; every value is plain and known."""
        raise NotImplementedError

    def check(self, on: Connection[Settings], request: proto.CheckRequest) -> proto.CheckResponse:
        """Return the inputs with names and defaults filled in."""
        raise NotImplementedError

    def diff(self, on: Connection[Settings], request: proto.DiffRequest) -> proto.DiffResponse:
        """Return what differs between the last state and the new inputs."""
        raise NotImplementedError

    def create(self, on: Connection[Settings], request: proto.CreateRequest) -> proto.CreateResponse:
        """Create a resource, or say what would come of it at a preview."""
        raise NotImplementedError

    def read(self, on: Connection[Settings], request: proto.ReadRequest) -> proto.ReadResponse:
        """Return the live state; an empty answer when the resource is gone."""
        raise NotImplementedError

    def update(self, on: Connection[Settings], request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Change a resource in place, or say what would come of it at a preview."""
        raise NotImplementedError

    def delete(self, on: Connection[Settings], request: proto.DeleteRequest) -> Empty:
        """Delete a resource; one that is already gone is no failure."""
        raise NotImplementedError

    def construct(self, on: Connection[Settings], request: proto.ConstructRequest) -> proto.ConstructResponse:
        """Build a component's children through the engine's monitor."""
        del on
        raise ProviderError(
            f"{request.type}: the {self.package} stand-in has no component of this type; "
            "use the resources it is made of."
        )

    # What the engine calls.

    def handler(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """Return the service to add to a server; a method that is not here answers UNIMPLEMENTED by itself."""
        unary: dict[str, tuple[Callable[[Any, grpc.ServicerContext], Message], type[Message]]] = {
            "Handshake": (self._handshake, proto.ProviderHandshakeRequest),
            "Attach": (self._attach, plugin_pb2.PluginAttach),
            "GetPluginInfo": (self._plugin_info, Empty),
            "GetSchema": (self._schema, proto.GetSchemaRequest),
            "CheckConfig": (self._check_config, proto.CheckRequest),
            "DiffConfig": (self._diff_config, proto.DiffRequest),
            "Configure": (self._configure, proto.ConfigureRequest),
            "Check": (self._runner(self.check), proto.CheckRequest),
            "Diff": (self._runner(self.diff), proto.DiffRequest),
            "Create": (self._runner(self.create), proto.CreateRequest),
            "Read": (self._runner(self.read), proto.ReadRequest),
            "Update": (self._runner(self.update), proto.UpdateRequest),
            "Delete": (self._runner(self.delete), proto.DeleteRequest),
            "Construct": (self._runner(self.construct), proto.ConstructRequest),
            "Cancel": (self._cancel, Empty),
        }
        return grpc.method_handlers_generic_handler(
            "pulumirpc.ResourceProvider",
            {
                name: grpc.unary_unary_rpc_method_handler(
                    method,
                    request_deserializer=request.FromString,
                    response_serializer=lambda message: message.SerializeToString(),
                )
                for name, (method, request) in unary.items()
            },
        )

    def _handshake(
        self, request: proto.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> proto.ProviderHandshakeResponse:
        # Neither message need hold an address: an engine that has none to give sends it empty.
        self._connection(context, new=True).log.connect(request.engine_address)
        return proto.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, supports_autonaming_configuration=True
        )

    def _attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        self._connection(context, new=True).log.connect(request.address)
        return Empty()

    def _plugin_info(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=self.version)

    def _schema(self, request: proto.GetSchemaRequest, context: grpc.ServicerContext) -> proto.GetSchemaResponse:
        # An attached provider is asked for its schema only to display names, so one without types will do.
        del request, context
        return proto.GetSchemaResponse(schema=f'{{"name":"{self.package}","version":"{self.version}"}}')

    def _check_config(self, request: proto.CheckRequest, context: grpc.ServicerContext) -> proto.CheckResponse:
        del context
        return proto.CheckResponse(inputs=request.news, failures=self.check_config(unmarshal(request.news)))

    def _diff_config(self, request: proto.DiffRequest, context: grpc.ServicerContext) -> proto.DiffResponse:
        del context
        olds, news = unmarshal(request.old_inputs or request.olds), unmarshal(request.news)
        changed = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
        kind = proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(changes=kind, diffs=changed, replaces=self.diff_config(olds, news))

    def _configure(self, request: proto.ConfigureRequest, context: grpc.ServicerContext) -> proto.ConfigureResponse:
        connection = self._connection(context)
        try:
            connection.configured = self.configure(plain(unmarshal(request.args)))
        except ProviderError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        with self._lock:
            self._latest = connection
        return proto.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=True,
            supports_autonaming_configuration=True,
        )

    def _cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        # The engine says so when it closes a provider; the next engine comes with a connection of its own.
        del request
        with self._lock:
            self._connections.pop(context.peer(), None)
        return Empty()

    def _runner(
        self, operation: Callable[[Connection[Settings], Any], Message]
    ) -> Callable[[Any, grpc.ServicerContext], Message]:
        def run(request: Any, context: grpc.ServicerContext) -> Message:
            try:
                return operation(self._connection(context), request)
            except ProviderError as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))
                raise

        return run

    def _connection(self, context: grpc.ServicerContext, *, new: bool = False) -> Connection[Settings]:
        """Return what belongs to the caller; one whose connection was reopened gets the latest configuration."""
        peer = context.peer()
        with self._lock:
            if peer not in self._connections:
                self._connections[peer] = Connection() if new or self._latest.configured is None else self._latest
            return self._connections[peer]


def flag(config: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a boolean of a provider's configuration, which the SDKs send as the text of a JSON value."""
    value = config.get(name, default)
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ProviderError(f"provider configuration {name}: '{value}' is not a boolean; use true or false.")
        return value == "true"
    return bool(value)
