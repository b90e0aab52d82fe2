"""A provider whose resources do nothing: what remains of an operation's time is the engine's own."""

from __future__ import annotations

import os
from concurrent import futures

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers.protocol import Connection, Provider
from lab.providers.values import Object

THREADS = 16


class NoopProvider(Provider[None]):
    """Accept everything, differ in nothing."""

    package = "noop"
    version = "1.0.0"

    def configure(self, config: Object) -> None:
        """Need nothing."""

    def check(self, on: Connection[None], request: proto.CheckRequest) -> proto.CheckResponse:
        """Return the inputs."""
        del on
        return proto.CheckResponse(inputs=request.news)

    def diff(self, on: Connection[None], request: proto.DiffRequest) -> proto.DiffResponse:
        """Find nothing."""
        del on, request
        return proto.DiffResponse(changes=proto.DiffResponse.DIFF_NONE)

    def create(self, on: Connection[None], request: proto.CreateRequest) -> proto.CreateResponse:
        """Take the name for the id."""
        del on
        return proto.CreateResponse(id=request.urn.rsplit("::", 1)[1], properties=request.properties)

    def delete(self, on: Connection[None], request: proto.DeleteRequest) -> Empty:
        """Do nothing."""
        del on, request
        return Empty()


def main() -> None:
    """Print the port, and serve until whoever started this is gone."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers((NoopProvider().handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the line that the parent reads
    parent = os.getppid()
    while os.getppid() == parent:
        server.wait_for_termination(timeout=0.5)
    server.stop(grace=0.5)


if __name__ == "__main__":
    main()
