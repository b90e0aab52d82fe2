"""What panels cost: every query of every dashboard over a day of fifty tenants, on a real Prometheus.

A platform operator's worst case: all tenants chosen. Samples are those of bench/samples.yaml, a minute apart, in blocks
as compaction leaves them, with what the rules that ship record of them; what panels compare with yesterday or last week
is there then, too.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import samples
from bench.backfill import Backfilled, Window, shipped
from bench.samples import Owner
from components.values.context import Context
from components.values.dashboard_files import dashboard_files
from dashboards.catalogue import CATALOGUE
from dashboards.filling import Query, filled, opening, queries, step
from lab.instance import Instance
from lab.process import Processes
from settings import load
from settings.names import PLATFORM_TENANT

STACK: Final = "dev.us-east"
TENANTS: Final = 50
COPIES: Final = 3
"""How many times each tenant has every service, pod, topic and statement of the samples."""
END: Final = 1_767_614_400
DAY: Final = 86_400
HOURS_OF_A_FILE: Final = 2
"""Samples are written to disk so many hours at a time: all at once would be 5 GB of text."""
SCRAPED: Final = Window(END - DAY, END, 60)
BEFORE: Final = [Window(END - back - DAY, END - back, 120) for back in (DAY, 7 * DAY)]
COMPARED: Final = (
    "loki_distributor_bytes_received_total",
    "traces_span_metrics_calls_total",
    "webhook_deliveries_total",
)
"""What panels compare with a day or a week before, and what the recordings that they compare are of."""
DRAWN: Final = Window(END - DAY, END, step(DAY))
REPEATS: Final = 3
SHOWN: Final = 10
SLOWEST: Final = "slowest panel query over 24 h for 50 tenants (s)"


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Fill a Prometheus, ask it everything, and return the figures: series, samples and the slowest queries."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance("dashboards", Path(folder) / "lab")
        instance.create()
        processes = Processes(instance)
        try:
            return _measured(Backfilled(processes, Path(folder) / "prometheus"), say)
        finally:
            processes.stop()


def _measured(server: Backfilled, say: Callable[[str], None]) -> dict[str, Any]:
    context = Context(*load.from_file(STACK))
    owners = [Owner(f"tenant-{number}", context.name, 1 + number / 100) for number in range(TENANTS)]
    owners.append(Owner(PLATFORM_TENANT, context.name))
    given = samples.series(owners, COPIES)
    compared = [each for each in given if each.name.startswith(COMPARED)]
    count = sum(server.add(samples.openmetrics(compared, window.times, END)) for window in BEFORE)
    for start in range(SCRAPED.start, SCRAPED.end, HOURS_OF_A_FILE * 3600):
        last = min(start + HOURS_OF_A_FILE * 3600, SCRAPED.end + 1)
        times = [each for each in SCRAPED.times if start <= each < last]
        count += server.add(samples.openmetrics(given, times, END))
        say(f"{count:,} samples of {len(given):,} series")
    recorded = server.record(shipped(context, owners, context.tenants["shop"].slos), [*BEFORE, SCRAPED])
    say(f"{recorded:,} samples recorded")
    texts = _queries(context)
    seconds = {query: _asked(server, query, text, 1) for query, text in texts.items()}
    slowest = sorted(seconds, key=lambda query: -seconds[query])[:SHOWN]
    again = {query: _asked(server, query, texts[query], REPEATS) for query in slowest}
    ordered = sorted(slowest, key=lambda query: -again[query])
    return {
        SLOWEST: again[ordered[0]],
        "series of dashboards' samples": len(given),
        "samples, recordings included": count + recorded,
        "panel queries": len(seconds),
        "median panel query (s)": round(statistics.median(seconds.values()), 3),
        "slowest panel queries (s)": {
            f"{query.dashboard}: {query.panel} {query.ref}": again[query] for query in ordered
        },
    }


def _queries(context: Context) -> dict[Query, str]:
    """Return every query, filled as a panel asks over a day, with all tenants and everything else chosen."""
    filled_in = {}
    for file in dashboard_files(context):
        if file.uid in CATALOGUE:
            model = json.loads(file.text)
            for query in queries(model):
                if query.kind == "prometheus":
                    filled_in[query] = filled(query.text, "prometheus", opening(model), DRAWN.step, DAY)
    return filled_in


def _asked(server: Backfilled, query: Query, text: str, times: int) -> float:
    """Return the median of the seconds that a query takes."""
    took = []
    for _ in range(times):
        started = time.monotonic()
        if query.instant:
            server.instant(text, END)
        else:
            server.range(text, DRAWN)
        took.append(time.monotonic() - started)
    return round(statistics.median(took), 3)


if __name__ == "__main__":
    Console().print_json(json.dumps(measure(Console(stderr=True, highlight=False).print)))
