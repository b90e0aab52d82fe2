"""What a gateway does per second and core, over what the same collector does that only passes OTLP on.

Both are given the same requests over gRPC at the same time, those that agents send (`bench.loads`), compressed as by
agents, at a multiple of the rate that the region is sized for. Both report on themselves and send to the same sink.
Compared is the processor time that each takes for a part of that which begins when the sampler holds as much as it will
and the process has got its memory from the machine: what a gateway takes day by day. Sent as fast as it is taken, a
load is another thing (docs/benchmarks.md).
"""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
from lab.pace import hold
from lab.problem import LabError
from lab.process import free_ports
from lab.signals.path import CHECKOUT
from lab.telemetry import collectors
from lab.telemetry.operators import answers
from settings import load
from settings.sizing import RATES
from settings.vocabulary import Workload

STACK: Final = "dev.us-east"
TIMES_RATED: Final = 3
"""Load, in multiples of what the region is sized for."""
GATEWAY, BARE, DELIVERING = "gateway", "bare collector", "bare collector with the gateway's delivery"
MEMORY: Final = f"gateway: peak memory / memory_limiter at {TIMES_RATED}x the rate"
WARMING_SECONDS: Final = 15.0
"""Before the part that counts; longer than the sampler waits."""
COUNTED_SECONDS: Final = 60.0
_START_SECONDS: Final = 60.0
_QUEUE_BYTES: Final = 10**9
_SILENT: Final = {"metrics": {"level": "none"}}
"""Telemetry of those that are not measured."""
_SERVICE: Final = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
_METHODS: Final = {
    "traces": _SERVICE.format("trace", "Trace"),
    "logs": _SERVICE.format("logs", "Logs"),
    "metrics": _SERVICE.format("metrics", "Metrics"),
}


def measure() -> dict[str, Any]:
    """Return throughput per core, its ratios to bare collectors', and peak memory, all under a multiple of the rate.

    There are two bare ones: by the exporter's defaults (queue in memory, gzip), and with the gateway's own delivery
    (queue on disk, batches, zstd) and limits of memory.
    """
    context = Context(*load.from_file(STACK))
    rates = _rates(context)
    # One second more than is sent: a trace sent twice would cost the sampler less.
    traces = math.ceil((WARMING_SECONDS + COUNTED_SECONDS + 1) * rates["traces"] / len(CHECKOUT.hops))
    env = {each["name"]: each["value"] for each in workload.environment(context, Workload.COLLECTOR_GATEWAY)}
    with tempfile.TemporaryDirectory() as name, _running(_Program(_sink()), Path(name)) as sink:
        programs = {
            GATEWAY: _Program(_rendered(context, sink.ports), env, gateway.arguments()),
            BARE: _Program(_bare(sink.ports)),
            DELIVERING: _Program(_delivering(sink.ports), env),
        }
        spent = {each.signal: _spent(programs, Path(name), each, rates[each.signal]) for each in loads(context, traces)}
    per_core = {signal: 1 / spent[signal][GATEWAY].seconds for signal in _METHODS}
    limit: int = pieces.memory_limiter(context, Workload.COLLECTOR_GATEWAY)["limit_mib"]
    return {
        "gateway: spans per second and core": round(per_core["traces"]),
        "gateway: log MB per second and core": round(per_core["logs"], 1),
        "gateway: metric points per second and core": round(per_core["metrics"]),
        **{
            f"{GATEWAY} / {other}, {signal}": round(spent[signal][other].seconds / spent[signal][GATEWAY].seconds, 2)
            for other in (BARE, DELIVERING)
            for signal in _METHODS
        },
        MEMORY: round(spent["traces"][GATEWAY].peak_mib / limit, 2),
    }


def _rates(context: Context) -> dict[str, float]:
    """Return the load of each signal, in its unit per second."""
    rated = RATES[context.region.size]
    return {
        "traces": TIMES_RATED * rated.spans_per_second,
        "logs": TIMES_RATED * rated.log_mb_per_second,
        "metrics": TIMES_RATED * rated.samples_per_second,
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
                "telemetry": _SILENT,
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


def _agent(taker: Mapping[str, int]) -> Make:
    """Return a collector that hands each request on before it answers, compressed as agents do it."""

    def made(ports: Mapping[str, int], folder: Path) -> dict[str, Any]:
        config = _bare(taker)(ports, folder)
        config["service"]["telemetry"] = _SILENT
        config["exporters"]["otlp_grpc"] |= {
            "compression": pieces.COMPRESSION,
            "sending_queue": {"enabled": False},
            "retry_on_failure": {"enabled": False},
        }
        return config

    return made


def _bare(sink: Mapping[str, int]) -> Make:
    """Return a collector that only passes on what it receives, by the exporter's defaults."""

    def made(ports: Mapping[str, int], _: Path) -> dict[str, Any]:
        target = f"127.0.0.1:{sink['otlp_grpc']}"
        config = {
            "extensions": {"health_check": {}},
            "receivers": {"otlp": {"protocols": {"grpc": {}}}},
            "exporters": {"otlp_grpc": {"endpoint": target, "tls": {"insecure": True}}},
            "service": {
                "extensions": ["health_check"],
                "telemetry": pieces.telemetry(),
                "pipelines": {signal: pieces.pipeline(["otlp"], [], ["otlp_grpc"]) for signal in _METHODS},
            },
        }
        return collectors.listening(config, ports)

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


@dataclass(frozen=True)
class _Spent:
    """What a collector took."""

    seconds: float
    """Processor time for a span, a MB of log lines or a metric point."""
    peak_mib: float


def _spent(programs: Mapping[str, _Program], folder: Path, load_: Load, rate: float) -> dict[str, _Spent]:
    """Return what new collectors take under one sustained load, a load too short for it sent again and again.

    All at once: what else the machine does in these seconds, it does to each.
    """
    per_request = load_.amount / len(load_.requests)
    first, last = (
        int(seconds * rate / per_request) for seconds in (WARMING_SECONDS, WARMING_SECONDS + COUNTED_SECONDS)
    )
    with ExitStack() as stack:
        running = {side: stack.enter_context(_running(each, folder)) for side, each in programs.items()}
        sends = {side: stack.enter_context(_sending(each, folder, load_.signal)) for side, each in running.items()}
        started = time.monotonic()
        taken: dict[tuple[str, int], float] = {}
        for number, request in enumerate(itertools.islice(itertools.cycle(load_.requests), last + 1)):
            for side, send in sends.items():
                send(request)
                # At the same moment of each: a request has just been taken, and what follows from it has not.
                if number in {first, last}:
                    taken[side, number] = running[side].cpu_seconds()
            hold(started, (number + 1) * per_request / rate)
        amount = (last - first) * per_request
        return {
            side: _Spent((taken[side, last] - taken[side, first]) / amount, each.peak_mib())
            for side, each in running.items()
        }


@contextmanager
def _sending(collector: _Collector, folder: Path, signal: str) -> Iterator[Callable[[bytes], object]]:
    """Yield what hands a request to a collector through an agent, and returns when it is taken."""
    options = [("grpc.max_send_message_length", -1)]
    with (
        _running(_Program(_agent(collector.ports)), folder) as agent,
        grpc.insecure_channel(f"127.0.0.1:{agent.ports['otlp_grpc']}", options=options) as channel,
    ):
        export = channel.unary_unary(_METHODS[signal], request_serializer=bytes, response_deserializer=bytes)
        yield lambda request: export(request, timeout=60, wait_for_ready=True)
