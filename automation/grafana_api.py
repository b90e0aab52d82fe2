"""Grafana's HTTP API as its administrator: one call, for one organization, with an error that shows no secret.

Organizations are the server's, not a service account's, which belongs to one of them: the API takes the name and the
password of an administrator there, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from automation.problem import AutomationError

TIMEOUT_SECONDS: Final = 30.0
ORGANIZATION_HEADER: Final = "X-Grafana-Org-Id"
"""Says which organization a call is about; without it that is the one which the caller looked at last."""
_SHOWN: Final = 200
_FIXES: Final = {
    401: "the password of Grafana's administrator; after a rotation Grafana keeps its first one until it is told",
    403: "an administrator of the server, and an Admin of the organization",
    404: "the address of the region's Grafana",
}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    """Parsed JSON; None where it is none."""


@dataclass(frozen=True)
class Grafana:
    """One server."""

    url: str
    login: str
    password: str = field(repr=False)
    hidden: Sequence[str] = field(default=(), repr=False)
    """Further secrets that bodies carry; an answer that repeats one is shown without it."""
    session: requests.Session = field(default_factory=requests.Session, repr=False, compare=False)

    def get(self, path: str, organization: int | None = None, also: Sequence[int] = ()) -> Answer:
        """Ask for something; see `call`."""
        return self.call("GET", path, None, organization, also)

    def call(
        self, method: str, path: str, body: Any = None, organization: int | None = None, also: Sequence[int] = ()
    ) -> Answer:
        """Return an answer.

        Args:
            method: of HTTP.
            path: from `/api` on.
            body: what is sent as JSON.
            organization: what it is about; None for what belongs to the server.
            also: statuses besides 200 that are no error.

        Raises:
            AutomationError: nobody answers, or the answer is neither 200 nor one of `also`.
        """
        address = f"{self.url.rstrip('/')}{path}"
        headers = {} if organization is None else {ORGANIZATION_HEADER: str(organization)}
        try:
            answer = self.session.request(
                method,
                address,
                json=body,
                headers=headers,
                auth=(self.login, self.password),
                timeout=TIMEOUT_SECONDS,
                # A sign-in page behind a redirect would look like an answer.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise AutomationError(
                f"{address} does not answer ({type(error).__name__}); allowed: the region's Grafana; fix: --grafana"
            ) from error
        if answer.status_code not in (requests.codes.ok, *also):
            raise AutomationError(
                f"{method} {address} answers {answer.status_code}: {self._shown(answer.text)}; allowed: 200; "
                f"fix: {_FIXES.get(answer.status_code, 'what it says')}"
            )
        try:
            return Answer(answer.status_code, answer.json())
        except requests.JSONDecodeError:
            return Answer(answer.status_code, None)

    def _shown(self, text: str) -> str:
        for secret in (self.password, *self.hidden):
            text = text.replace(secret, "***")
        return text.strip()[:_SHOWN]
