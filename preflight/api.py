"""Ask an API server, and tell its answers from its failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from requests import exceptions

TIMEOUT_SECONDS = 5.0
"""How long a request may take before the API server counts as out of reach."""
_ADMINISTRATOR = "a user that may administer the cluster"


class UnusableError(Exception):
    """A context cannot be used as it stands."""

    def __init__(self, what: str, allowed: str, fix: str) -> None:
        """Keep the parts of the sentence; see `settings.problem.Problem`."""
        super().__init__(what)
        self.what, self.allowed, self.fix = what, allowed, fix


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    """HTTP status."""
    body: Mapping[str, Any]
    """The object; empty where the answer is none."""


@dataclass(frozen=True)
class Api:
    """An API server, with the credentials of one context."""

    server: str
    """Its address."""
    session: requests.Session
    """Carries the credentials; used from several threads at once, for reading only."""

    def get(self, path: str, accept: str = "application/json") -> Answer:
        """Return the answer to a GET of a path.

        Raises:
            UnusableError: the server cannot be reached, or its certificate is not the kubeconfig's.
        """
        try:
            answer = self.session.get(f"{self.server}{path}", headers={"Accept": accept}, timeout=TIMEOUT_SECONDS)
            body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        except exceptions.SSLError:
            raise UnusableError(
                f"leads to {self.server}, whose certificate is not the one the kubeconfig trusts",
                "the API server that the kubeconfig was made for",
                "write the kubeconfig again: aws eks update-kubeconfig",
            ) from None
        except (exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema) as error:
            raise UnusableError(
                f"leads to {self.server}, where that or its proxy-url is no address ({type(error).__name__})",
                "https://HOST:PORT, and a proxy-url that begins with http, https or socks5",
                "correct server or proxy-url of the cluster in the kubeconfig",
            ) from None
        except exceptions.RequestException as error:
            raise UnusableError(
                f"leads to {self.server}, which does not answer ({type(error).__name__})",
                f"an API server that answers within {TIMEOUT_SECONDS:g} s",
                "check the network, the VPN and that the cluster runs",
            ) from None
        return Answer(answer.status_code, body if isinstance(body, dict) else {})

    def find(self, path: str, accept: str = "application/json") -> Mapping[str, Any] | None:
        """Return the object at a path; None where the server says that there is none.

        Every other answer is no fact about the cluster, and whoever took it for one would advise to repair what is
        whole.

        Raises:
            UnusableError: the server says neither, or cannot be asked.
        """
        answer = self.get(path, accept)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status == HTTPStatus.OK and answer.body:
            return answer.body
        says = f"leads to {self.server}, which answers HTTP {answer.status} to GET {path}"
        if answer.status == HTTPStatus.OK:
            raise UnusableError(
                f"{says}, but with no object",
                "the API server of a cluster",
                "look whether a login page or a proxy answers in its place",
            )
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise UnusableError(says, _ADMINISTRATOR, "sign in again, or give the user access to the cluster")
        if answer.status == HTTPStatus.FORBIDDEN:
            raise UnusableError(says, _ADMINISTRATOR, "give the context's user the right to get that")
        raise UnusableError(says, "200, or 404 where there is none", "try again; if it stays so, see to the API server")
