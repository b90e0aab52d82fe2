"""Ask a standing run's stores as the platform team, and fill data-source links as Grafana does."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from automation.verify import Endpoints
from automation.verify.readers import Reader
from automation.waiting import until
from components.values import datasources
from components.values.context import Context

T = TypeVar("T")
ARRIVAL_SECONDS = 120.0
"""Sampler 10 s, metrics of spans every 15 s, scrapes every 30 s; the rest is for a busy machine."""
TIMEOUT = 30
HOUR = 3600
_SHOWN = 2_000


@dataclass(frozen=True)
class Stores:
    """Loki, Tempo and Prometheus of a run, read across tenants as the provisioned data sources do."""

    endpoints: Endpoints
    context: Context

    @property
    def reader(self) -> Reader:
        """Read every tenant of the region."""
        return Reader(self.endpoints, datasources.org_ids(self.context))

    def as_tenant(self, tenant: str) -> Reader:
        """Read one tenant."""
        return Reader(self.endpoints, tenant)

    def counts(self, expression: str, *labels: str) -> Counter[tuple[str, ...]]:
        """Return the values that a query finds, by some of their labels."""
        found = self.reader.samples(expression)
        return Counter({tuple(each.labels.get(label, "") for label in labels): round(each.value) for each in found})

    def series(self, *selectors: str) -> set[tuple[tuple[str, str], ...]]:
        """Return the label sets of the series that any selector finds."""
        found = self._prometheus("series", {"match[]": selectors})
        return {tuple(sorted(each.items())) for each in found}

    def labels(self) -> set[str]:
        """Return every label name that Prometheus has."""
        return set(self._prometheus("labels", {}))

    def exemplars(self, selector: str) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Return the labels of each exemplar, and those of its series."""
        found = self._prometheus("query_exemplars", {"query": selector})
        return [(point["labels"], each["seriesLabels"]) for each in found for point in each["exemplars"]]

    def searched(self, query: str, limit: int = 20_000) -> dict[str, int]:
        """Return the traces that a TraceQL query finds, with the number of spans that matched in each."""
        now = int(time.time())
        answer = self._get(
            f"{self.endpoints.tempo}/api/search",
            {"q": query, "limit": str(limit), "spss": "1", "start": str(now - HOUR), "end": str(now + 60)},
        )
        found = answer.json().get("traces", [])
        return {each["traceID"].zfill(32): sum(s["matched"] for s in each["spanSets"]) for each in found}

    def _prometheus(self, path: str, parameters: Mapping[str, str | tuple[str, ...]]) -> Any:
        now = time.time()
        asked = {**parameters, "start": str(now - HOUR), "end": str(now + 60)}
        return self._get(f"{self.endpoints.prometheus}/api/v1/{path}", asked).json()["data"]

    def _get(self, url: str, parameters: Mapping[str, str | tuple[str, ...]]) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["X-Scope-OrgID"] = datasources.org_ids(self.context)
            answer = session.get(url, params=dict(parameters), timeout=TIMEOUT)
        assert answer.ok, answer.text
        return answer


def becomes(expected: T, look: Callable[[], T], seconds: float = ARRIVAL_SECONDS) -> None:
    """Wait until a look gives what is expected; at the deadline the difference is the failure."""
    found: list[T] = []

    def same() -> bool:
        found[:] = [look()]
        return found[0] == expected

    until(same, seconds)
    assert found[0] == expected, f"after {seconds:.0f} s {str(found[0])[:_SHOWN]} is not {str(expected)[:_SHOWN]}"


def link(context: Context, uid: str, *path: str) -> Any:
    """Return a part of a data source as Grafana reads it: two dollar signs in the file are one."""
    (source,) = [each for each in datasources.provisioning(context)["datasources"] if each["uid"] == uid]
    found: Any = source["jsonData"]
    for step in path:
        found = found[step]
    return _undoubled(found)


def _undoubled(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: _undoubled(each) for key, each in value.items()}
    return [_undoubled(each) for each in value] if isinstance(value, list) else value


def filled(query: str, tags: Sequence[Mapping[str, str]], span: Mapping[str, Any]) -> str:
    """Fill a link's query as Grafana does for a span: its trace id, and its mapped attributes as matchers.

    public/app/features/explore/TraceView/createSpanLink.tsx: both `$name` and `${name}` are variables.
    """
    known = {**span["attributes"], **span["resource"]}
    matchers = ", ".join(f'{tag["value"]}="{known[tag["key"]]}"' for tag in tags if tag["key"] in known)
    variables: dict[str, str] = {
        "__tags": matchers,
        "__trace.traceId": span["traceId"],
        "__span.spanId": span["spanId"],
    }

    def value(found: re.Match[str]) -> str:
        name: str = found[1] or found[2]
        return variables[name]

    return re.sub(r"\$(?:\{([\w.]+)\}|(\w+))", value, query)
