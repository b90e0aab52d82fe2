"""Processes are started, found again and ended; strangers are left alone."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from automation.waiting import until
from lab import process
from lab.instance import MARK, Instance
from lab.problem import LabError
from lab.process import Child, Command, Processes, end, free_ports

LISTEN = """
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance.of("dev.test", tmp_path)
    made.create()
    return made


@pytest.fixture
def processes(instance: Instance) -> Iterator[Processes]:
    made = Processes(instance)
    yield made
    made.stop()


def python(code: str) -> Callable[[Mapping[str, int]], list[str]]:
    return lambda ports: [sys.executable, "-c", code, *map(str, ports.values())]


def listens(ports: Mapping[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", ports["main"])) == 0


def listener(name: str = "listener") -> Command:
    return Command(name, python(LISTEN), listens, ("main",))


def test_a_process_is_ready_when_start_returns_and_gone_when_stop_returns(processes: Processes) -> None:
    child = processes.start(listener())
    assert listens(child.ports)
    assert processes.recorded() == {"listener": child}
    assert processes.running("listener")
    assert child.resident_mb() > 1
    processes.stop()
    assert not listens(child.ports)
    assert not child.alive()
    assert child.resident_mb() == 0
    assert processes.recorded() == {}


def test_another_command_finds_and_ends_what_this_one_started(processes: Processes, instance: Instance) -> None:
    child = processes.start(listener())
    other = Processes(instance)
    assert other.running("listener")
    other.stop()
    assert not child.alive()


def test_the_last_started_is_ended_first(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def watched(child: Child) -> None:
        ended.append(child.name)
        end(child)

    monkeypatch.setattr(process, "end", watched)
    for name in ("one", "two", "three"):
        processes.start(listener(name))
    processes.stop()
    assert ended == ["three", "two", "one"]


def test_starting_again_ends_the_one_before(processes: Processes) -> None:
    before = processes.start(listener())
    after = processes.start(listener())
    assert not before.alive()
    assert after.alive()


def test_a_killed_process_is_seen_as_ended(processes: Processes) -> None:
    child = processes.start(listener())
    os.kill(child.pid, signal.SIGKILL)
    assert until(lambda: not child.alive(), 5)
    assert not processes.running("listener")
    processes.stop()
    assert processes.recorded() == {}


def test_a_recycled_pid_is_a_stranger() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as stranger:
        try:
            ours = Child("old", stranger.pid, 1, {})
            assert not ours.alive()
            end(ours)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_one_that_ignores_a_polite_end_is_killed(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.3)
    stubborn = LISTEN.replace(
        "signal.pause()", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()"
    )
    child = processes.start(Command("stubborn", python(stubborn), listens, ("main",)))
    processes.stop()
    assert not child.alive()


def test_one_that_ends_at_once_is_refused_with_its_last_words(processes: Processes, instance: Instance) -> None:
    command = Command("broken", python("raise SystemExit('no such flag')"), lambda _: False)
    with pytest.raises(LabError) as error:
        processes.start(command)
    assert str(error.value) == (
        "lab dev.test: broken ended at once; run 'python -m lab down' and up again if its log names no cause you can "
        f"correct ({instance.logs / 'broken.log'}):\nno such flag"
    )
    assert processes.recorded() == {}


def test_one_that_never_gets_ready_is_ended_and_refused(processes: Processes) -> None:
    command = Command("slow", python("import signal; signal.pause()"), lambda _: False)
    with pytest.raises(LabError, match=r"^lab dev\.test: slow was not ready after 0 s; "):
        processes.start(command, seconds=0.2)
    assert processes.recorded() == {}


def test_a_port_that_somebody_took_meanwhile_is_exchanged(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        offers = iter([taken.getsockname()[1], free_ports(1)[0]])
        monkeypatch.setattr(process, "free_ports", lambda count: [next(offers) for _ in range(count)])
        # Someone else answers on the taken port, so only the end of the process tells that it is not ours.
        command = dataclasses.replace(
            listener(), ready=lambda ports: ports["main"] != taken.getsockname()[1] and listens(ports)
        )
        child = processes.start(command)
        assert child.ports["main"] != taken.getsockname()[1]


def test_what_a_killed_command_left_is_found_by_its_mark(processes: Processes, instance: Instance) -> None:
    recorded = processes.start(listener())
    pause = [sys.executable, "-c", "import signal; signal.pause()"]
    with (
        subprocess.Popen(pause, env={**os.environ, MARK: str(instance.folder)}) as stray,
        subprocess.Popen(pause, env={**os.environ, MARK: f"{instance.folder}-other"}) as other,
    ):
        try:
            assert processes.end_strays() == [stray.pid]
            assert other.poll() is None
            assert recorded.alive()
        finally:
            stray.kill()
            other.kill()


def test_ports_are_free_different_and_below_those_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < port < max(first_outgoing, 32768) for port in ports)
