"""What a gateway does per second and core, over what the same collector does that only passes OTLP on.

Both are given the same requests over gRPC, those that agents send (`bench.loads`), one after the other, and send to the
same sink. Compared is the processor time that each has used when everything is through, so that neither waits (the
sampler's window) nor other work on the machine count.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import yaml

import tools
from automation.waiting import until
from bench.loads import Load, loads
from components.values import addresses
from components.values.collection import gateway, pieces, workload
from components.values.context import Context
from lab.problem import LabError
from lab.process import free_ports
from lab.telemetry import collectors
from lab.telemetry.operators import answers
from settings import load
from settings.sizing import RATES
from settings.vocabulary import Workload

STACK: Final = "dev.us-east"
TIMES_RATED: Final = 3
"""Load of the memory figure, in multiples of what the region is sized for."""
GATEWAY, BARE, DELIVERING = "gateway", "bare collector", "bare collector with the gateway's delivery"
RUNS: Final = 3
MEMORY: Final = f"gateway: peak memory / memory_limiter at {TIMES_RATED}x the rate"
LOADED_SECONDS: Final = 20.0
_SETTLED_SECONDS: Final = 5.0
"""Beyond the sampler's wait: batches of a second, and metrics of spans every 15 s that are not waited for."""
_START_SECONDS: Final = 60.0
_QUEUE_BYTES: Final = 10**9
_SERVICE: Final = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
_METHODS: Final = {
    "traces": _SERVICE.format("trace", "Trace"),
    "logs": _SERVICE.format("logs", "Logs"),
    "metrics": _SERVICE.format("metrics", "Metrics"),
}


def measure() -> dict[str, Any]:
    """Return throughput per core, its ratios to bare collectors', and peak memory under a multiple of the rate.

    There are two bare ones: by the exporter's defaults (queue in memory, gzip), and with the gateway's own delivery
    (queue on disk, batches, zstd) and limits of memory. Of each the median of several runs counts.
    """
    context = Context(*load.from_file(STACK))
    sent = loads(context)
    wait = context.platform.collection.decision_wait.seconds + _SETTLED_SECONDS
    env = {each["name"]: each["value"] for each in workload.environment(context, Workload.COLLECTOR_GATEWAY)}
    with tempfile.TemporaryDirectory() as name, _running(_Program(_sink()), Path(name)) as sink:
        folder = Path(name)
        rendered = _Program(_rendered(context, sink.ports), env, gateway.arguments())
        sides = {
            GATEWAY: (rendered, wait),
            BARE: (_Program(_bare(sink.ports)), _SETTLED_SECONDS),
            DELIVERING: (_Program(_delivering(sink.ports), env), _SETTLED_SECONDS),
        }
        costs = {
            (side, each.signal): statistics.median(_cost(program, folder, each, settle) for _ in range(RUNS))
            for each in sent
            for side, (program, settle) in sides.items()
        }
        share = _memory(context, rendered, folder, sent[0])
    per_core = {each.signal: each.amount / costs[GATEWAY, each.signal] for each in sent}
    return {
        "gateway: spans per second and core": round(per_core["traces"]),
        "gateway: log MB per second and core": round(per_core["logs"], 1),
        "gateway: metric points per second and core": round(per_core["metrics"]),
        **{
            f"{GATEWAY} / {other}, {signal}": round(costs[other, signal] / costs[GATEWAY, signal], 2)
            for other in (BARE, DELIVERING)
            for signal in ("traces", "logs", "metrics")
        },
        MEMORY: round(share, 2),
    }


@dataclass(frozen=True)
class _Collector:
    """A collector that runs."""

    pid: int
    ports: Mapping[str, int]

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Return the most memory that it has held."""
        lines_of = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(each.split()[1]) for each in lines_of if each.startswith("VmHWM")) / 1024


Make = Callable[[Mapping[str, int], Path], dict[str, Any]]
"""A configuration from ports by purpose and a folder for its state."""


@dataclass(frozen=True)
class _Program:
    """A collector before it is started."""

    make: Make
    env: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()


@contextmanager
def _running(program: _Program, folder: Path) -> Iterator[_Collector]:
    ports = dict(zip(collectors.PORTS, free_ports(len(collectors.PORTS)), strict=True))
    with tempfile.TemporaryDirectory(dir=folder) as own:
        file = Path(own) / "config.yaml"
        file.write_text(yaml.safe_dump(program.make(ports, Path(own))))
        with (Path(own) / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(tools.ensure("otelcol")["otelcol"]), "--config", str(file), *program.arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.env, "POD_NAME": "gateway-collector-0"},
            )
        try:
            if not until(lambda: answers(ports["health"], "/"), _START_SECONDS):
                raise LabError(f"the collector does not start: {(Path(own) / 'log').read_text()[-2000:]}")
            yield _Collector(process.pid, ports)
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


def _sink() -> Make:
    """Return a collector that takes what stores take, and forgets it."""

    def made(ports: Mapping[str, int], _: Path) -> dict[str, Any]:
        paths = {"logs_url_path": "/otlp/v1/logs", "metrics_url_path": "/api/v1/otlp/v1/metrics"}
        http = {"endpoint": f"127.0.0.1:{ports['otlp_http']}", **paths}
        grpc_ = {"endpoint": f"127.0.0.1:{ports['otlp_grpc']}", "max_recv_msg_size_mib": 64}
        return {
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{ports['health']}"}},
            "receivers": {"otlp": {"protocols": {"grpc": grpc_, "http": http}}},
            "exporters": {"debug": {"verbosity": "basic", "use_internal_logger": False}},
            "service": {
                "extensions": ["health_check"],
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {signal: pieces.pipeline(["otlp"], [], ["debug"]) for signal in _METHODS},
            },
        }

    return made


def _rendered(context: Context, sink: Mapping[str, int]) -> Make:
    """Return the rendered gateway with the sink in place of every store."""

    def made(ports: Mapping[str, int], folder: Path) -> dict[str, Any]:
        text = yaml.safe_dump(gateway.config(context)).replace(pieces.STATE, str(folder))
        for url in (addresses.loki_url(), *addresses.prometheus_replica_urls(context)):
            text = text.replace(url, f"http://127.0.0.1:{sink['otlp_http']}")
        text = text.replace(addresses.tempo_otlp_endpoint(context), f"127.0.0.1:{sink['otlp_grpc']}")
        return collectors.listening(yaml.safe_load(text), ports)

    return made


def _bare(sink: Mapping[str, int]) -> Make:
    """Return a collector that only passes on what it receives, by the exporter's defaults."""

    def made(ports: Mapping[str, int], _: Path) -> dict[str, Any]:
        target = f"127.0.0.1:{sink['otlp_grpc']}"
        return {
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{ports['health']}"}},
            "receivers": {
                "otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{ports['otlp_grpc']}"}}},
            },
            "exporters": {"otlp_grpc": {"endpoint": target, "tls": {"insecure": True}}},
            "service": {
                "extensions": ["health_check"],
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {signal: pieces.pipeline(["otlp"], [], ["otlp_grpc"]) for signal in _METHODS},
            },
        }

    return made


def _delivering(sink: Mapping[str, int]) -> Make:
    """Return the same with the queue, the batches and the compression of the gateway's exporters."""
    bare = _bare(sink)

    def made(ports: Mapping[str, int], folder: Path) -> dict[str, Any]:
        config = bare(ports, folder)
        storage = pieces.extensions()[pieces.STORAGE]
        extension = yaml.safe_load(yaml.safe_dump(storage).replace(pieces.STATE, str(folder)))
        config["extensions"][pieces.STORAGE] = extension
        config["service"]["extensions"].append(pieces.STORAGE)
        delivery = {"compression": pieces.COMPRESSION, **pieces.delivery(_QUEUE_BYTES)}
        config["exporters"]["otlp_grpc"].update(delivery)
        return config

    return made


def _cost(program: _Program, folder: Path, load_: Load, settle: float) -> float:
    """Return the processor seconds that a new collector takes for a load, its start not counted."""
    with _running(program, folder) as collector:
        before = collector.cpu_seconds()
        for _ in _sent(collector, load_.signal, load_.requests):
            pass
        time.sleep(settle)
        return collector.cpu_seconds() - before


def _sent(collector: _Collector, signal: str, encoded: list[bytes]) -> Iterator[int]:
    """Send requests one after the other, and yield the number of each that was taken."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{collector.ports['otlp_grpc']}", options=options) as channel:
        export = channel.unary_unary(_METHODS[signal], request_serializer=bytes, response_deserializer=bytes)
        for number, each in enumerate(encoded):
            export(each, timeout=60, wait_for_ready=True)
            yield number


def _memory(context: Context, program: _Program, folder: Path, load_: Load) -> float:
    """Return the most memory that the gateway held at a multiple of its rate, as a share of its limit."""
    per_request = load_.amount / len(load_.requests)
    pace = per_request / (TIMES_RATED * RATES[context.region.size].spans_per_second)
    wanted = load_.requests[: int(LOADED_SECONDS / pace)]
    with _running(program, folder) as collector:
        started = time.monotonic()
        for number in _sent(collector, load_.signal, wanted):
            time.sleep(max(0.0, started + (number + 1) * pace - time.monotonic()))
        limit: int = pieces.memory_limiter(context, Workload.COLLECTOR_GATEWAY)["limit_mib"]
        return collector.peak_mib() / limit
