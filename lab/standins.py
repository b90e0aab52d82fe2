"""The stand-in providers' process: lives as long as one command, as real plugins do."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from lab.instance import MARK, ROOT, Instance
from lab.problem import LabError
from lab.process import STOP_SECONDS, python_module

_READY_SECONDS: Final = 60.0


def variables(ports: Mapping[str, int]) -> dict[str, str]:
    """Return what makes the engine use providers that serve already, each at its port of the loopback.

    Without the second variable the engine still tries to download every plugin that the state names, five times with
    growing pauses: two seconds of each operation on a stack that exists.
    """
    return {
        "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in ports.items()),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


@contextmanager
def attached(instance: Instance, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the stand-ins, and give the variables that make the engine use them.

    Args:
        instance: where their log goes.
        env: addresses of cluster and cloud.

    Raises:
        LabError: they do not start.
    """
    log = instance.logs / "providers.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            python_module("lab.providers", "--json"),
            cwd=ROOT,
            env={**os.environ, **env, MARK: str(instance.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # An interrupt at the terminal goes to the engine, which still needs them to end in order.
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for just above
            readable, _, _ = select.select([process.stdout], [], [], _READY_SECONDS)
            line = process.stdout.readline() if readable else ""
            if not line:
                tail = "\n".join(log.read_text().splitlines()[-5:])
                raise LabError(
                    f"lab {instance.stack}: the stand-in providers did not start; see {log}, "
                    f"or use the real ones with --providers real:\n{tail}"
                )
            yield variables(json.loads(line))
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
