"""Servers on loopback that fail as real ones do: an API server that answers at will, and a SOCKS proxy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from typing import Any

UID = "11111111-1111-4111-8111-111111111111"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
Reply = Callable[[str], tuple[int, Any] | None]
"""Status and body of a path: an object is JSON, text is a page; None closes the connection without an answer."""


def all_but_identity(status: int) -> Reply:
    """Answer a status to everything but the question who the cluster is."""
    return lambda path: (200, {"metadata": {"uid": UID}}) if path == KUBE_SYSTEM else (status, {"kind": "Status"})


@contextmanager
def api_server(reply: Reply) -> Iterator[str]:
    """Serve on a free port; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = reply(self.path)
            if answer is None:
                return
            status, body = answer
            page = isinstance(body, str)
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if page else "application/json")
            self.end_headers()
            self.wfile.write((body if page else json.dumps(body)).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing on standard error."""

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def socks_proxy(way_to: tuple[str, int]) -> Iterator[tuple[str, list[str]]]:
    """Serve SOCKS 5, whose every way leads to one place; gives its address, and the names that it was asked for."""
    asked: list[str] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            near: socket.socket = self.request
            near.recv(2 + near.recv(2, socket.MSG_PEEK)[1])
            near.sendall(b"\x05\x00")  # no password
            _, _, _, kind, length = near.recv(5)
            assert kind == 3, "asked for an address, not for a name"
            asked.append(near.recv(length).decode())
            near.recv(2)
            near.sendall(b"\x05\x00\x00\x01" + bytes(6))
            with socket.create_connection(way_to) as far:
                back = threading.Thread(target=_pump, args=(far, near))
                back.start()
                _pump(near, far)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with _running(Server(("127.0.0.1", 0), Handler)) as port:
        yield f"socks5://127.0.0.1:{port}", asked


def _pump(source: socket.socket, target: socket.socket) -> None:
    # Either end may be gone first.
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _running(server: TCPServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
