"""What each tenant sends, as Loki and Tempo count it; the volume and the overview dashboards share it.

Loki and Tempo name the tenant of a series `tenant` themselves. A scraped series' own `tenant` is that of the namespace
it was scraped in, the platform's, so that theirs arrives as `exported_tenant`.
"""

from __future__ import annotations

OWNED = 'tenant="platform", exported_tenant=~"$tenant", region=~"$region"'
"""What every query of a series carries that Loki or Tempo counts by tenant; any pod may expose one about another."""
LOG_BYTES = "loki_distributor_bytes_received_total"
LOG_STREAMS = "loki_ingester_memory_streams"
LOG_DISCARDED = "loki_discarded_samples_total"
"""Lines that Loki refused."""
SPAN_BYTES = "tempo_distributor_bytes_received_total"
SPANS = "tempo_distributor_spans_received_total"
SPANS_DISCARDED = "tempo_discarded_spans_total"


def per_tenant(counter: str, *more: str, window: str = "$__rate_interval") -> str:
    """Return the rate of a counter of Loki or Tempo by tenant, and by further labels."""
    by = ", ".join(("exported_tenant", "region", *more))
    return f"sum by ({by}) (rate({counter}{{{OWNED}}}[{window}]))"


def as_tenant(expr: str) -> str:
    """Return a query whose `exported_tenant` is called `tenant`, so that it meets the platform's own series."""
    renamed = f'label_replace({expr}, "tenant", "$1", "exported_tenant", "(.+)")'
    return f"sum by (tenant, region) ({renamed})"
