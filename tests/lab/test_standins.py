"""The stand-ins live as long as the command that needs them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from lab import standins
from lab.instance import Instance
from lab.problem import LabError


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance.of("dev.test", tmp_path)
    made.create()
    return made


def test_the_engine_is_told_the_port_of_each_and_nobody_listens_afterwards(instance: Instance) -> None:
    with standins.attached(instance, {}) as variables:
        ports = dict(each.split(":") for each in variables["PULUMI_DEBUG_PROVIDERS"].split(","))
        assert sorted(ports) == ["aws", "kubernetes", "random"]
        for port in ports.values():
            socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def test_stand_ins_that_do_not_start_are_refused_with_their_last_words(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no grpc here')"]
    monkeypatch.setattr(standins, "python_module", lambda *_: broken)
    with pytest.raises(LabError) as error, standins.attached(instance, {}):
        pass
    assert str(error.value) == (
        f"lab dev.test: the stand-in providers did not start; see {instance.logs / 'providers.log'}, "
        "or use the real ones with --providers real:\nno grpc here"
    )
