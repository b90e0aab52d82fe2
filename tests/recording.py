"""Run a component under Pulumi's mocks and read back what it registers, options included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import callback_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
COMPUTED = {"random:index/randomPassword:RandomPassword": {"result": {_SIGNATURE: _SECRET, "value": "generated"}}}
"""Outputs that a provider computes and marks secret, by type."""


@dataclass(frozen=True)
class Registered:
    """One resource as the engine is told of it."""

    type: str
    name: str
    inputs: dict[str, Any]
    """Plain inputs; a secret stands as `Secret(value)`."""
    parent: str
    """URN of the parent."""
    protect: bool
    retain_on_delete: bool
    depends_on: frozenset[str]
    """Names of what it waits for, those its inputs come from included."""
    transforms: int
    """Number of transforms that ask to see the resource and its children."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine is told to keep secret."""

    value: Any


class Recorded(dict[str, Registered]):
    """What was registered, by name; in the order of registration."""

    def of_type(self, token: str) -> list[Registered]:
        """Return the resources of a type token."""
        return [each for each in self.values() if each.type == token]


def record(
    make: Callable[[], object], *, project: str = "observability-platform", stack: str = "prod.us-east"
) -> Recorded:
    """Run `make` as a program's body, wait for every registration, and return them.

    Raises:
        AssertionError: two resources have the same name, which needs no proof of being a mistake here.
    """
    monitor = _Monitor()
    pulumi.runtime.set_mocks(monitor.mocks, project=project, stack=stack, preview=False, monitor=monitor)
    # The mocks know no server for transforms, without which a resource that has any is refused.
    pulumi.runtime.settings.SETTINGS.callbacks = _Callbacks()

    def body() -> None:
        make()

    pulumi.runtime.test(body)()  # type: ignore[no-untyped-call] # the SDK's mocks carry no types
    return monitor.recorded


class _Callbacks:
    """Take transforms as the SDK's server does; nobody calls them, since mocks render no chart."""

    def register_transform(self, transform: object) -> callback_pb2.Callback:
        return callback_pb2.Callback(token=str(id(transform)), target="mocks")


class _Echo(Mocks):
    """Answer as a provider that computes an id and an ARN and changes nothing."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        arn = f"arn:mock:{args.name}"
        return f"{args.name}-id", {"arn": arn, **args.inputs, **COMPUTED.get(args.typ, {})}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token} is called; components read nothing")


class _Monitor(MockMonitor):
    def __init__(self) -> None:
        self.mocks = _Echo()
        super().__init__(self.mocks)
        self.recorded = Recorded()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name is gRPC's
        if request.type != "pulumi:pulumi:Stack":
            assert request.name not in self.recorded, f"{request.name} is registered twice"
            self.recorded[request.name] = Registered(
                type=request.type,
                name=request.name,
                inputs=_plain(json_format.MessageToDict(request.object)),
                parent=request.parent,
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                depends_on=frozenset(urn.rsplit("::", 1)[1] for urn in request.dependencies),
                transforms=len(request.transforms),
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # likewise


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return Secret(_plain(value["value"]))
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
