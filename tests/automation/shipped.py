"""The resources of a shipped region as policies see them: the program's own under mocks, and its charts' objects."""

from __future__ import annotations

from functools import cache
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from automation import upgrade
from automation.paths import masked
from automation.recorder import Planned
from charts.pull import resolve
from components.region import Region
from components.values import releases
from components.values.context import Context
from settings import load, names

STACKS = [
    names.stack(environment, region)
    for environment in ("dev", "prod")
    for region in load.environment_from_file(environment).regions
]


@cache
def planned(stack: str) -> tuple[Planned, ...]:
    """Return all resources of a stack; they are shared, and not to be changed. `HELM_BIN` says which helm renders."""
    platform, region = load.from_file(stack)
    context, packages = Context(platform, region), resolve(platform.regions[region].charts)
    monitor = _Monitor(stack)
    pulumi.runtime.set_mocks(monitor.mocks, project=names.PROJECT, stack=stack, preview=False, monitor=monitor)

    def body() -> None:
        Region(region, context, packages)

    pulumi.runtime.test(body)()  # type: ignore[no-untyped-call] # the SDK's mocks carry no types
    for release in releases.all_of(context):
        for key, thing in upgrade._objects(release, packages[release.chart]).items():
            kind, _, name = key.replace("kubernetes:v1:", "kubernetes:core/v1:").partition("::")
            thing["metadata"].setdefault("namespace", release.namespace)
            monitor.tell(kind, name, thing, protect=True)
    return tuple(monitor.found)


class _Echo(Mocks):
    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", {"arn": f"arn:mock:{args.name}", **args.inputs}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token} is called; components read nothing")


class _Monitor(MockMonitor):
    """Keeps what is registered, of every type; names alone do not tell components from their charts."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        self.mocks = _Echo()
        super().__init__(self.mocks)
        self.found: list[Planned] = []

    def tell(self, kind: str, name: str, inputs: dict[str, Any], *, protect: bool) -> None:
        urn = f"urn:pulumi:{self.stack}::{names.PROJECT}::{kind}::{name}"
        self.found.append(Planned(urn, kind, inputs, protect, protect))

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name is gRPC's
        inputs = masked(json_format.MessageToDict(request.object))
        self.tell(request.type, request.name, inputs, protect=request.protect)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # likewise
