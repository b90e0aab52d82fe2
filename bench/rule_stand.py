"""The Prometheus of a fleet's region: the history that its rules read, and what it scrapes."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any, Final

import tools
from bench import rule_load
from bench.backfill import LONGEST_BLOCK
from components.values.context import Context
from lab import prometheus
from rules.slo import conventions, recordings

INTERVAL: Final = 30
"""Seconds between scrapes and between evaluations. Groups that ship with a longer interval are evaluated as often, to
be measured as often, and count by the interval that they ship with."""
LOAD_SECONDS: Final = 300.0
_SCRAPED: Final = 420
"""Seconds of what is scraped that are there at the start: rates are over 5 minutes."""
_DAY: Final = 86_400


@dataclass(frozen=True)
class _Past:
    """What is recorded of each SLO before the start: two series, one of them a thousandth of the other."""

    total: str
    errors: str
    value: float
    start: int
    """Seconds before now, as the end is."""
    end: int
    step: int


_PASTS: Final = (
    _Past(conventions.TOTAL, conventions.ERRORS, 1, 3900, 0, INTERVAL),
    _Past(conventions.TOTAL_COUNTED, conventions.ERRORS_COUNTED, 300, 6 * 3600 + 300, 0, 300),
    _Past("slo:sli_total:increase15m", "slo:sli_errors:increase15m", 900, 10 * _DAY, 0, 900),
    _Past("slo:sli_total:sum10d", "slo:sli_errors:sum10d", 10 * _DAY, 10 * _DAY + 3600, 10 * _DAY - 1800, 240),
)


def history(context: Context, series: Sequence[rule_load.Series], folder: Path) -> None:
    """Write blocks: the last minutes of what is scraped, and of each SLO what its windows read."""
    now = int(time.time())
    slos = [
        recordings.labels(tenant, name, slo, context.identity)
        for tenant, entry in context.tenants.items()
        for name, slo in entry.slos.items()
    ]
    labels = [",".join(f'{key}="{value}"' for key, value in each.items()) for each in slos]
    text = folder / "history.om"
    with text.open("w", encoding="utf-8") as file:
        for past, each in product(_PASTS, labels):
            times = range(now - past.start, now - past.end, past.step)
            for name, value in ((past.total, past.value), (past.errors, past.value / 1000)):
                file.writelines(f"{name}{{{each}}} {value:g} {at}\n" for at in times)
        for one in series:
            file.writelines(f"{one.line(at - now)} {at}\n" for at in range(now - _SCRAPED, now, INTERVAL))
        file.write("# EOF\n")
    promtool = str(tools.ensure("promtool")["promtool"])
    command = [promtool, "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={LONGEST_BLOCK}"]
    subprocess.run([*command, "openmetrics", str(text), str(prometheus.data(folder))], check=True, capture_output=True)
    text.unlink()


def config(address: str, folder: Path) -> dict[str, Any]:
    """Return a configuration that scrapes an exporter and evaluates the rule files of a folder."""
    return {
        "global": {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": f"{INTERVAL}s"},
        "rule_files": [str(folder / "*.rules.yaml")],
        "scrape_configs": [
            {
                "job_name": "fleet",
                "honor_labels": True,
                "static_configs": [{"targets": [address]}],
                "fallback_scrape_protocol": "PrometheusText0.0.4",
            }
        ],
    }


@contextmanager
def exporter(series: Sequence[rule_load.Series]) -> Iterator[str]:
    """Serve what the fleet says now, and yield host and port."""
    started = time.time()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seconds = time.time() - started
            body = "\n".join([each.line(seconds) for each in series]).encode() + b"\n"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
