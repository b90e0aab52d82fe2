"""How the gateways' volumes are divided among the queues."""

from __future__ import annotations

from components.values import tenants
from components.values.context import Context
from settings.sizing import RATES
from settings.units import Bytes
from settings.vocabulary import Workload

QUEUE_SHARE = 0.8
"""Share of the volume that queues may fill."""
SHARES = {"logs": 0.5, "traces": 0.2, "metrics": 0.2, "sinks": 0.1}
"""How the queues' share is divided; logs are the bulk, and traces are sampled by then."""
LARGEST = 0.25
"""No tenant's queue takes more than this of its signal's share, nor less than SMALLEST."""
SMALLEST = 1 / 64


def volume(context: Context) -> Bytes:
    """Return the size of a gateway's volume."""
    return context.sizing[Workload.COLLECTOR_GATEWAY].volume or Bytes("20Gi")


def of_bytes(context: Context, signal: str, share: float) -> int:
    """Return the size of one queue.

    Args:
        context: the region.
        signal: a key of SHARES.
        share: part of the signal's share, 0 to 1.
    """
    return int(volume(context).mebibytes * 2**20 * QUEUE_SHARE * SHARES[signal] * share)


def tenant_share(context: Context, tenant: str, signal: str) -> float:
    """Return a tenant's part of the queues of a signal: its limit over what the region is sized for.

    It depends on no other tenant, so that a new tenant changes nobody's queue. Limits may add up to more than the
    region is sized for; the queues may then add up to more than the volume, and a full volume refuses like a full
    queue.
    """
    limits, rates = tenants.limits(context)[tenant], RATES[context.region.size]
    part = {
        "logs": limits.log_mb_per_second / rates.log_mb_per_second,
        "traces": limits.spans_per_second / rates.spans_per_second,
    }[signal]
    return min(LARGEST, max(SMALLEST, part))
