"""Read one trace, one log line and one sample back from Tempo, Loki and Prometheus."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from automation.problem import AutomationError
from automation.verify.endpoints import Endpoints

TIMEOUT_SECONDS: Final = 30.0
ORG_HEADER: Final = "X-Scope-OrgID"
_SHOWN: Final = 300


class UnreadableError(AutomationError):
    """A backend did not answer, or refused; the message has its answer and never a credential."""


@dataclass(frozen=True)
class Line:
    """One log line as Loki returns it."""

    text: str
    labels: Mapping[str, str]
    """The stream's labels and the line's structured metadata, which the API returns as one."""


@dataclass(frozen=True)
class Sample:
    """One series' newest value."""

    value: float
    labels: Mapping[str, str]


class Reader:
    """Reads as one org id, or as whoever the token is of."""

    def __init__(self, endpoints: Endpoints, org: str) -> None:
        """Prepare a reader.

        Args:
            endpoints: where the backends are.
            org: org id; several are joined by `|`.
        """
        self._endpoints = endpoints
        self._session = requests.Session()
        self._session.trust_env = False
        if endpoints.token is None:
            self._session.headers[ORG_HEADER] = org
        else:
            self._session.headers["Authorization"] = f"Bearer {endpoints.token}"

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of a trace, each with `resource` and `attributes` as plain dicts and ids in hex.

        Empty while Tempo does not know it.

        Raises:
            UnreadableError: Tempo did not answer, or refused.
        """
        answer = self._get(f"{self._endpoints.tempo}/api/traces/{trace_id}", {}, {404})
        if answer.status_code == requests.codes.not_found:
            return []
        document = _json(answer)
        return [
            {
                **span,
                **{key: _hex(span[key]) for key in ("traceId", "spanId", "parentSpanId") if key in span},
                "resource": _plain(group["resource"].get("attributes", [])),
                "attributes": _plain(span.get("attributes", [])),
            }
            for group in document.get("batches") or document.get("resourceSpans") or []
            for scope in group.get("scopeSpans", [])
            for span in scope.get("spans", [])
        ]

    def lines(self, expression: str, since: str = "1h", limit: int = 1000) -> list[Line]:
        """Return the lines that a LogQL query finds, the oldest first.

        Raises:
            UnreadableError: Loki did not answer, or refused.
        """
        asked = {"query": expression, "since": since, "limit": str(limit), "direction": "forward"}
        document = _json(self._get(f"{self._endpoints.loki}/loki/api/v1/query_range", asked))
        found = [
            (int(value[0]), Line(value[1], stream["stream"]))
            for stream in document["data"]["result"]
            for value in stream["values"]
        ]
        return [line for _, line in sorted(found, key=lambda each: each[0])]

    def streams(self, selector: str, since: str = "1h") -> list[dict[str, str]]:
        """Return the label sets of the streams that a selector finds: index labels only.

        Raises:
            UnreadableError: Loki did not answer, or refused.
        """
        asked = {"match[]": selector, "since": since}
        found: list[dict[str, str]] = _json(self._get(f"{self._endpoints.loki}/loki/api/v1/series", asked))["data"]
        return found

    def stream_labels(self, since: str = "1h") -> set[str]:
        """Return the names of all index labels of the org id.

        Raises:
            UnreadableError: Loki did not answer, or refused.
        """
        return set(_json(self._get(f"{self._endpoints.loki}/loki/api/v1/labels", {"since": since}))["data"])

    def samples(self, expression: str) -> list[Sample]:
        """Return the series that a PromQL query finds now.

        Raises:
            UnreadableError: Prometheus did not answer, or refused.
        """
        document = _json(self._get(f"{self._endpoints.prometheus}/api/v1/query", {"query": expression}))
        return [Sample(float(each["value"][1]), each["metric"]) for each in document["data"]["result"]]

    def _get(
        self, url: str, parameters: Mapping[str, str], allowed: frozenset[int] | set[int] = frozenset()
    ) -> requests.Response:
        try:
            answer = self._session.get(url, params=dict(parameters), timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise UnreadableError(f"{url} does not answer ({type(error).__name__}).") from error
        if not answer.ok and answer.status_code not in allowed:
            raise UnreadableError(f"{url} answered {answer.status_code}: {answer.text[:_SHOWN]}")
        return answer


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except requests.JSONDecodeError as error:
        raise UnreadableError(
            f"{answer.url} answered something that is no JSON; is this address the backend's?"
        ) from error
    if not isinstance(document, dict):
        raise UnreadableError(f"{answer.url} answered JSON of another form; is this address the backend's?")
    return document


def _hex(text: str) -> str:
    """Return an id in hex; Tempo's JSON has bytes in base64."""
    return base64.b64decode(text).hex()


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), None) for each in attributes}
