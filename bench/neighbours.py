"""The two tenants of `bench.isolation` in a region's telemetry: what they sent, and what the stores have of it."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import requests

from automation.waiting import until
from bench.noise import PATIENCE, Neighbour
from lab.problem import LabError
from lab.telemetry import run
from lab.telemetry.producer import Producer
from lab.telemetry.run import Process, Telemetry

QUIET: Final = "payments"
DISCARDED: Final = {"logs": "loki_discarded_samples_total", "spans": "tempo_discarded_spans_total"}
"""What each store counts its refusals in."""
_ARRIVAL_SECONDS: Final = 60.0
_MARGIN_SECONDS: Final = 60


@dataclass
class Site:
    """Where everything is, and what the quiet tenant has sent."""

    telemetry: Telemetry
    stores: Mapping[str, str]
    """Addresses of Loki and Tempo, as `DISCARDED` names what they take."""
    otlp: str
    """Where Tempo takes spans."""
    access: str
    token: str
    pod: Producer
    neighbour: Neighbour
    began: float = field(default_factory=time.time)
    lines: int = 0
    traces: int = 0


def session() -> requests.Session:
    """Return a session that goes through nobody's proxy."""
    made = requests.Session()
    made.trust_env = False
    return made


def discarded(site: Site, tenant: str) -> Counter[str]:
    """Return how many lines and spans of a tenant the stores have refused so far, by reason."""
    found: Counter[str] = Counter()
    for what, metric in DISCARDED.items():
        for line in session().get(f"{site.stores[what]}/metrics", timeout=PATIENCE).text.splitlines():
            if line.startswith(f"{metric}{{") and f'tenant="{tenant}"' in line:
                reason = dict(re.findall(r'(\w+)="([^"]*)"', line))["reason"]
                found[f"{what}, {reason}"] += round(float(line.rpartition(" ")[2]))
    return +found


def signals(counted: Counter[str]) -> set[str]:
    """Return of which signals, as `DISCARDED` names them, something was refused."""
    return {what.partition(",")[0] for what in counted}


def forget(site: Site) -> None:
    """Throw away what the gateways hold, once everything of the quiet tenant's has left them."""
    require_all(site)

    def renew(gateway: Process) -> None:
        gateway.stop()
        (queues,) = (site.telemetry.folder / gateway.name).glob("volumes/*/storage")
        shutil.rmtree(queues)
        gateway.start()

    with ThreadPoolExecutor(run.GATEWAYS) as pool:
        list(pool.map(renew, (site.telemetry.process(f"gateway-{number}") for number in range(run.GATEWAYS))))


def require_all(site: Site) -> None:
    """Wait until the stores have every line and trace that the quiet tenant has sent.

    Raises:
        LabError: something is lost, or was refused.
    """
    asking, wanted = session(), (site.lines, site.traces)
    found = [(0, 0)]

    def there() -> bool:
        query = {"query": 'sum(count_over_time({service_name="bench"}[1h]))'}
        own = {"X-Scope-OrgID": QUIET}
        answer = asking.get(f"{site.stores['logs']}/loki/api/v1/query", params=query, headers=own, timeout=PATIENCE)
        lines = sum(int(each["value"][1]) for each in answer.json()["data"]["result"])
        search = {
            "q": '{name="bench"}',
            "limit": str(site.traces + 1),
            "start": str(int(site.began) - _MARGIN_SECONDS),
            "end": str(int(time.time()) + _MARGIN_SECONDS),
        }
        answer = asking.get(f"{site.stores['spans']}/api/search", params=search, headers=own, timeout=PATIENCE)
        found.append((lines, len(answer.json()["traces"])))
        return found[-1] == wanted

    if not until(there, _ARRIVAL_SECONDS, 0.5) or discarded(site, QUIET):
        raise LabError(
            f"{QUIET} sent {wanted} lines and traces, and {found[-1]} are there; refused: {discarded(site, QUIET)}"
        )
