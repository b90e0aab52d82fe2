"""The Prometheus of a fleet's region: the history that its rules read, and what it scrapes."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import yaml

import tools
from bench import rule_load
from components.values.context import Context
from lab import prometheus
from lab.process import Processes
from rules.slo import conventions, recordings

INTERVAL: Final = 30
"""Seconds between scrapes and between evaluations. Groups that ship with a longer interval are evaluated as often, to
be measured as often, and count by the interval that they ship with."""
LOAD_SECONDS: Final = 300.0
_SCRAPED: Final = 420
"""Seconds of what is scraped that are there at the start: rates are over 5 minutes."""
_SEED: Final = "bench_slo"
_DAY: Final = 86_400


def history(context: Context, series: Sequence[rule_load.Series], processes: Processes, folder: Path) -> None:
    """Write blocks: the last minutes of what is scraped, and of each SLO what its long windows read.

    promtool makes the recordings itself, from one sample per SLO: as text they would be gigabytes.
    """
    now = int(time.time())
    slos = [
        recordings.labels(tenant, name, slo, context.identity)
        for tenant, entry in context.tenants.items()
        for name, slo in entry.slos.items()
    ]
    labels = [",".join(f'{key}="{value}"' for key, value in each.items()) for each in slos]
    seeds = [f"{_SEED}{{{each}}}" for each in labels]
    text = folder / "history.om"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(f"{each} 1 {now - 11 * _DAY}\n" for each in seeds)
        for each in series:
            file.writelines(f"{each.line(at - now)} {at}\n" for at in range(now - _SCRAPED, now, INTERVAL))
        file.write("# EOF\n")
    data = prometheus.data(folder)
    _promtool("create-blocks-from", "openmetrics", "--quiet", str(text), str(data))
    text.unlink()
    url = prometheus.start(processes, prometheus.command(folder, {}), LOAD_SECONDS)
    good, bad = f"last_over_time({_SEED}[12d])", f"0.0001 * last_over_time({_SEED}[12d])"
    for names_of, start, end, step in (
        ((conventions.TOTAL, conventions.ERRORS), now - 6 * 3600 - 600, now, "30s"),
        (("slo:sli_total:increase5m", "slo:sli_errors:increase5m"), now - 10 * _DAY, now, "5m"),
        (("slo:sli_total:sum10d", "slo:sli_errors:sum10d"), now - 10 * _DAY - 3600, now - 10 * _DAY + 1800, "2m"),
    ):
        rules = [{"record": name, "expr": expr} for name, expr in zip(names_of, (good, bad), strict=True)]
        file_of = folder / "seeds.yaml"
        file_of.write_text(yaml.safe_dump({"groups": [{"name": "seeds", "rules": rules}]}), encoding="utf-8")
        span = [f"--start={start}", f"--end={end}", f"--eval-interval={step}"]
        _promtool("create-blocks-from", "rules", *span, f"--url={url}", f"--output-dir={data}", str(file_of))
    processes.stop()


def _promtool(*arguments: str) -> None:
    command = [str(tools.ensure("promtool")["promtool"]), "tsdb", *arguments]
    subprocess.run(command, check=True, capture_output=True)


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
