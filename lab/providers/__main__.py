"""Serve the stand-in providers on loopback until told to stop, or until whoever started them is gone."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from concurrent import futures
from typing import Any

import grpc

from lab.providers.protocol import MESSAGE_LIMIT, Provider

THREADS = 96
"""Calls of one package at a time. Each chart under construction holds one while its children need others; the engine
runs as many operations at once as its --parallel says (four per core unless set)."""


def provider(package: str) -> Provider[Any]:
    """Return the stand-in of a package; only what is served is imported, as boto3 alone takes half a second."""
    if package == "kubernetes":
        from lab.providers.kubernetes.provider import KubernetesProvider

        return KubernetesProvider()
    if package == "random":
        from lab.providers.random import RandomProvider

        return RandomProvider()
    from lab.providers.aws.provider import AwsProvider

    return AwsProvider()


PACKAGES = ("kubernetes", "random", "aws")


def serve(packages: list[str]) -> tuple[dict[str, int], list[grpc.Server]]:
    """Start one server per package on a free loopback port; return the ports and the servers."""
    ports, servers = {}, []
    for package in packages:
        server = grpc.server(
            futures.ThreadPoolExecutor(THREADS, thread_name_prefix=package),
            options=[
                ("grpc.max_receive_message_length", MESSAGE_LIMIT),
                ("grpc.max_send_message_length", MESSAGE_LIMIT),
                ("grpc.so_reuseport", 0),
            ],
        )
        server.add_generic_rpc_handlers((provider(package).handler(),))
        ports[package] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    return ports, servers


def main() -> int:
    """Print the ports as one line of JSON, then serve."""
    parser = argparse.ArgumentParser(prog="python -m lab.providers", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the ports as JSON instead of for a shell")
    parser.add_argument("--only", default=",".join(PACKAGES), help="packages to serve (default: %(default)s)")
    options = parser.parse_args()
    packages = [name for name in options.only.split(",") if name]
    unknown = sorted(set(packages) - set(PACKAGES))
    if unknown or not packages:
        parser.error(
            f"--only: '{options.only}' names {', '.join(unknown) or 'nothing'}; choose from {', '.join(PACKAGES)}"
        )

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    parent = os.getppid()
    ports, servers = serve(packages)
    attach = ",".join(f"{name}:{port}" for name, port in ports.items())
    print(json.dumps(ports) if options.json else f"export PULUMI_DEBUG_PROVIDERS={attach}", flush=True)
    # PR_SET_PDEATHSIG would do without asking, but it fires when the thread that started us ends, not the process.
    while not stopped.wait(0.5) and os.getppid() == parent:
        pass
    for server in servers:
        server.stop(grace=2.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
