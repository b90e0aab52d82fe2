"""The real Prometheus as one process on loopback; every lab run, bench and test starts it here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

import tools
from lab.process import READY_SECONDS, Command, Processes
from lab.telemetry.container import LOOPBACK
from lab.telemetry.operators import answers

NAME: Final = "prometheus"
REMOTE_WRITE: Final = "--web.enable-remote-write-receiver"
OTLP: Final = "--web.enable-otlp-receiver"
EXEMPLARS: Final = "--enable-feature=exemplar-storage"


def command(folder: Path, config: Mapping[str, Any], *flags: str, name: str = NAME) -> Command:
    """Write a configuration and return the command that runs a Prometheus on it.

    Args:
        folder: exists; gets `prometheus.yaml`, and `data`, which a Prometheus started there before has left.
        config: its configuration file; `{}` for one that only has what it is given.
        flags: beside the files' and the address.
        name: of the process, where several run in one instance.
    """
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    def argv(ports: Mapping[str, int]) -> list[str]:
        return [
            str(tools.ensure("prometheus")["prometheus"]),
            f"--config.file={file}",
            f"--storage.tsdb.path={data(folder)}",
            f"--web.listen-address={LOOPBACK}:{ports['http']}",
            *flags,
        ]

    return Command(name, argv, lambda ports: answers(ports["http"], "/-/ready"), ("http",))


def start(processes: Processes, made: Command, seconds: float = READY_SECONDS) -> str:
    """Start what `command` made, wait until it answers, and return its address.

    Raises:
        LabError: it ended at once, or did not get ready in time.
    """
    return f"http://{LOOPBACK}:{processes.start(made, seconds).ports['http']}"


def data(folder: Path) -> Path:
    """Return where the Prometheus of a folder keeps its blocks: promtool puts those of the past there."""
    return folder / "data"
