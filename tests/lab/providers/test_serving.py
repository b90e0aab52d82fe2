"""The process: one line of ports, every package answering, and no longer life than its starter's."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2_grpc

from automation.waiting import until
from tests.lab.providers.conftest import ROOT

COMMAND = [sys.executable, "-m", "lab.providers", "--json"]


def test_each_package_answers_on_its_port_until_told_to_stop() -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        assert list(ports) == ["kubernetes", "random", "aws"]
        versions = {}
        for name, port in ports.items():
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                versions[name] = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(Empty()).version
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert versions == {"kubernetes": "4.34.2", "random": "4.21.4", "aws": "7.51.1"}


def test_it_ends_with_a_starter_that_was_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    starter = (
        "import subprocess, sys, pathlib, time\n"
        f"p = subprocess.Popen({[*COMMAND, '--only', 'random']!r}, stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\n"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid))\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT) as process:
        assert until(lambda: note.exists() and note.read_text() != "", 30)
        process.kill()
    child = int(note.read_text())

    def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        # One that ended and is not yet reaped by whoever inherits it has ended too.
        return "State:\tZ" in Path(f"/proc/{child}/status").read_text()

    assert until(gone, 15)


@pytest.mark.parametrize("only", ["", "azure,random"])
def test_an_unknown_package_is_refused(only: str) -> None:
    result = subprocess.run([*COMMAND, "--only", only], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "choose from kubernetes, random, aws" in result.stderr
