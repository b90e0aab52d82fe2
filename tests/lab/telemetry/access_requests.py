"""Say a request byte by byte: clients tidy paths and headers, attackers do not."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from tests.lab.telemetry.access_stand import Stand

TIMEOUT = 20
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """One request to the access proxy."""

    target: str
    """Path and query, sent as they are; `<mine>` and `<other>` stand for silence ids."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    authorization: tuple[str, ...] = ("Bearer <token>",)
    """Authorization headers; `<token>` stands for the caller's own."""

    def with_headers(self, *headers: tuple[str, str]) -> Request:
        """Return the request with more headers."""
        return replace(self, headers=(*self.headers, *headers))


@dataclass(frozen=True, repr=False)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        """Return it short enough for a failed assertion."""
        return f"{self.status} {self.text[:600]}"


def get(path: str, *pairs: tuple[str, str]) -> Request:
    """Return a GET with an encoded query."""
    return Request(path + (f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""))


def post(path: str, *pairs: tuple[str, str]) -> Request:
    """Return a POST of a form."""
    return Request(path, "POST", (("Content-Type", FORM),), urlencode(pairs))


def posted(path: str, document: Any) -> Request:
    """Return a POST of JSON."""
    return Request(path, "POST", (("Content-Type", "application/json"),), json.dumps(document))


def ask(stand: Stand, caller: str, request: Request, *, other: str = "payments") -> Answer:
    """Send a request with a caller's token, and return the answer."""
    connection = http.client.HTTPConnection(stand.host, timeout=TIMEOUT)
    try:
        _write(connection, stand, caller, request, other)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders()))
    finally:
        connection.close()


def tail(stand: Stand, caller: str, query: str, *headers: tuple[str, str]) -> socket.socket:
    """Open a websocket on Loki's tail, and return its connection once the upgrade is through."""
    opening = get("/loki/loki/api/v1/tail", ("query", query)).with_headers(
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        *headers,
    )
    connection = http.client.HTTPConnection(stand.host, timeout=TIMEOUT)
    _write(connection, stand, caller, opening, "payments")
    answer = connection.getresponse()
    assert answer.status == 101, f"{answer.status} {answer.read()!r}"
    opened = connection.sock
    assert opened is not None
    return opened


def _write(connection: http.client.HTTPConnection, stand: Stand, caller: str, request: Request, other: str) -> None:
    body = None if request.body is None else _filled(request.body, stand, caller, other).encode()
    connection.putrequest(
        request.method, _filled(request.target, stand, caller, other), skip_host=True, skip_accept_encoding=True
    )
    given = {name.lower() for name, _ in request.headers}
    if "host" not in given:
        connection.putheader("Host", stand.host)
    for value in request.authorization:
        connection.putheader("Authorization", value.replace("<token>", stand.tokens[caller]))
    for name, value in request.headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)


def _filled(text: str, stand: Stand, caller: str, other: str) -> str:
    mine = stand.silences.get(caller, "")
    return text.replace("<mine>", mine).replace("<other>", stand.silences[other])
