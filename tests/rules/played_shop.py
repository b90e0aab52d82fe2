"""A tenant's services as the gateways count them from spans: well, in a burst of failures, recovered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from settings import names
from tests.serving import Asked

TENANT, SERVICE, SLO = "shop", "cart", "cart-availability"
OTHER_SERVICE = "search"
CALLS = "traces_span_metrics_calls_total"
HEALTHY_PER_SECOND = 10.0
FAILING_PER_SECOND = 0.01
"""What the shop serves when it is well: one failure in a thousand, a fifth of its budget."""
BURST_PER_SECOND = 4000.0
HISTORY_SECONDS = 6 * 3600 + 1800
"""What has been counted before a run begins."""


@dataclass
class Traffic:
    """Requests of one service so far, and how many there are per second."""

    served: float
    failed: float
    healthy_rate: float = HEALTHY_PER_SECOND
    failing_rate: float = FAILING_PER_SECOND
    since: float = field(default_factory=time.time)

    def count(self) -> tuple[float, float]:
        """Return what was served and what failed until now."""
        now = time.time()
        self.served += self.healthy_rate * (now - self.since)
        self.failed += self.failing_rate * (now - self.since)
        self.since = now
        return self.served, self.failed


class Shop:
    """The services of one tenant, which answers scrapes."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        history = HISTORY_SECONDS
        self._lock = Lock()
        self._identity = identity
        self._traffic = {
            name: Traffic(HEALTHY_PER_SECOND * history, FAILING_PER_SECOND * history)
            for name in (SERVICE, OTHER_SERVICE)
        }

    def burst(self, service: str) -> None:
        """Let a service fail nearly every request from now on."""
        self._set(service, HEALTHY_PER_SECOND, BURST_PER_SECOND)

    def recover(self, service: str) -> None:
        """Let a service serve so much that its failures of the last minutes are soon no share of it."""
        self._set(service, 5000 * BURST_PER_SECOND, 0.0)

    def _set(self, service: str, healthy: float, failing: float) -> None:
        with self._lock:
            traffic = self._traffic[service]
            traffic.count()
            traffic.healthy_rate, traffic.failing_rate = healthy, failing

    def answer(self, _asked: Asked) -> tuple[int, bytes]:
        """Answer a scrape."""
        with self._lock:
            counted = {name: traffic.count() for name, traffic in self._traffic.items()}
        lines = [f"# TYPE {CALLS} counter"]
        for name, counts in counted.items():
            for written, count in zip(self.series(name), counts, strict=True):
                lines.append(f"{written} {count:.3f}")
        return 200, ("\n".join(lines) + "\n").encode()

    def series(self, service: str) -> tuple[str, str]:
        """Return the series of good and of failed requests of a service."""
        shared = {names.TENANT_LABEL: TENANT, **self._identity, "service_name": service}
        good, bad = (
            series(CALLS, {**shared, "span_kind": "SPAN_KIND_SERVER", "status_code": f"STATUS_CODE_{code}"})
            for code in ("UNSET", "ERROR")
        )
        return good, bad


def series(name: str, labels: Mapping[str, str]) -> str:
    """Return a series as an exporter writes it."""
    inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{inner}}}"
