"""Where a region is spoken to: where signals go in, and where they must come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.problem import AutomationError
from components.values import addresses
from components.values.context import Context


@dataclass(frozen=True)
class Endpoints:
    """Base addresses of one region, each without a slash at the end."""

    otlp: str
    """OTLP over HTTP of an agent; signals are posted to /v1/<signal> below it."""
    loki: str
    """Loki's API, or the access proxy in front of it."""
    tempo: str
    """Tempo's query API, or the access proxy in front of it."""
    prometheus: str
    """Prometheus' API, or the access proxy in front of it."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Local address that a tenant's signals are sent from; without one the machine's own.

    Agents take a sender's tenant from the pod whose address the connection comes from. A pod has one address, so this
    is for a machine that has several pods' addresses, which is the lab.
    """
    token: str | None = field(default=None, repr=False)
    """Bearer token for the access proxy, which derives the tenant from it; without one the org id header is sent."""

    def __post_init__(self) -> None:
        """Refuse addresses that no request could be sent to.

        Raises:
            AutomationError: an address has no http or https in front.
        """
        for name in ("otlp", "loki", "tempo", "prometheus"):
            url = getattr(self, name)
            if not url.startswith(("http://", "https://")):
                raise AutomationError(
                    f"--{name}: {url!r} is no address; write http:// or https:// in front, then host and port."
                )
            object.__setattr__(self, name, url.rstrip("/"))


def inside(context: Context, token: str | None = None) -> Endpoints:
    """Return the addresses as pods of the region's cluster know them.

    Args:
        context: the region.
        token: read through the access proxy with it; without one from the stores, which only pods of the platform's
            own namespace reach.
    """
    otlp = f"http://{addresses.agent_endpoint()}:{addresses.OTLP_HTTP}"
    if token is not None:
        loki, tempo, prometheus = (addresses.access_url(backend) for backend in ("loki", "tempo", "prometheus"))
    else:
        loki, tempo, prometheus = addresses.loki_url(), addresses.tempo_url(context), addresses.prometheus_url()
    return Endpoints(otlp, loki, tempo, prometheus, token=token)
