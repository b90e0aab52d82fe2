"""Whose an instance's telemetry run is, and how a run is ended, by whoever ends it.

Apart from `run`, which knows the lab as a whole: the lab itself ends a run before it destroys the region. A pod that is
bound to a node is deleted in two steps, and nobody is there to say that its containers have ended: what waits for such
a pod, its ReplicaSet or its namespace, would wait for ever.
"""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

import requests
from botocore.exceptions import BotoCoreError, ClientError

from automation.private import write_private
from lab import cloud, cluster, process
from lab.cluster import Api
from lab.facts import Facts
from lab.instance import Instance
from lab.pki import Pki
from lab.problem import LabError
from lab.process import Child, Processes
from lab.telemetry import backends
from lab.telemetry.network import Network

_LAB: Final = (*cluster.NAMES, cloud.NAME)
"""Processes that are there without a run, too."""


def folder(instance: Instance) -> Path:
    """Return where a run keeps its files; it is there from a run's beginning to its end."""
    return instance.folder / "telemetry"


def begin(instance: Instance, processes: Processes) -> None:
    """End the run that is there, whose ever it is, and make this process the owner of the next. Raises as `end`."""
    end(instance, processes)
    folder(instance).mkdir()
    write_private(_owner_file(instance), json.dumps(asdict(process.this("owner"))))


def stands(instance: Instance, processes: Processes) -> bool:
    """Return whether there is a run, or anything left of one."""
    return bool(_programs(processes)) or folder(instance).exists()


def is_ours(instance: Instance) -> bool:
    """Return whether there is a run that this process owns."""
    return _owner(instance) == process.this("owner")


def is_attended(instance: Instance) -> bool:
    """Return whether there is a run whose owner lives."""
    owner = _owner(instance)
    return owner is not None and owner.alive()


def end(instance: Instance, processes: Processes) -> int:
    """End a run: its owner, its programs, its pods and nodes, its objects in the buckets, its files.

    An owner that is another process learns by the loss of its file that this is no longer its business. Without a run
    nothing is done.

    Returns:
        How many processes were ended.

    Raises:
        LabError: cluster or cloud do not let its things go.
    """
    if not stands(instance, processes):
        return 0
    programs, owner = _programs(processes), _owner(instance)
    ended = [each for each in programs.values() if each.alive()]
    if owner is not None and owner.pid != os.getpid() and owner.alive():
        _owner_file(instance).unlink()
        process.end(owner)
        ended.append(owner)
    with ThreadPoolExecutor(len(programs) + 1) as pool:
        # At the same time: one that waits for another's answer would take its whole grace.
        list(pool.map(processes.stop, programs))
    _leave(instance, processes)
    shutil.rmtree(folder(instance), ignore_errors=True)
    return len(ended)


def _programs(processes: Processes) -> dict[str, Child]:
    return {name: each for name, each in processes.recorded().items() if name not in _LAB}


def _leave(instance: Instance, processes: Processes) -> None:
    facts = Facts.kept(instance)
    try:
        if processes.running(*cluster.NAMES):
            Network(Api(cluster.server_url(processes), Pki(instance.pki))).leave()
        if facts is not None and processes.running(cloud.NAME):
            backends.emptied(cloud.running(processes, facts.aws_region))
    except (requests.RequestException, BotoCoreError, ClientError) as error:
        raise LabError(
            f"lab {instance.stack}: the telemetry run has ended, and what it left in cluster or cloud cannot be "
            f"removed ({error}); 'python -m lab down' removes the whole lab."
        ) from error


def _owner_file(instance: Instance) -> Path:
    return folder(instance) / "owner.json"


def _owner(instance: Instance) -> Child | None:
    try:
        return Child(**json.loads(_owner_file(instance).read_text()))
    except FileNotFoundError:
        return None
