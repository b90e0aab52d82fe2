"""A telemetry run does not keep its region from going, however it was left; who owned it says so and goes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config as S3Config
from rich.console import Console

from lab import cloud, cluster
from lab.cluster import Api
from lab.instance import ROOT
from lab.lifecycle import Lab
from lab.pki import Pki
from lab.reporter import Reporter
from lab.telemetry import ending

STACK = "dev.us-east"
DEADLINE = 60.0
PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

cluster = kubernetes.Provider("cluster", context="dev-us-east", cluster_identifier="test")
cloud = aws.Provider("cloud", region="us-east-1")
labels = {"app": "served"}
pod = {"containers": [{"name": "main", "image": "registry.example.com/served:1.0.0"}]}
kubernetes.apps.v1.Deployment(
    "served",
    metadata={"name": "served", "namespace": "default"},
    spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    opts=pulumi.ResourceOptions(provider=cluster, custom_timeouts=pulumi.CustomTimeouts(delete="20s")),
)
aws.s3.Bucket("held", bucket="held", opts=pulumi.ResourceOptions(provider=cloud))
"""
RUN = """
import sys
from pathlib import Path

from rich.console import Console

from components.values.context import Context
from lab.cluster import Api, server_url
from lab.lifecycle import Lab
from lab.pki import Pki
from lab.process import Command
from lab.reporter import Reporter
from lab.telemetry import command, ending, run
from lab.telemetry.network import Network
from settings import load

STACK, ROOT = sys.argv[1], Path(sys.argv[2])


def started(lab, facts, agents):
    network = Network(Api(server_url(lab.processes), Pki(lab.instance.pki)))
    network.node("lab-0")
    name = network.pod_of("Deployment", "default", "served", 0, "lab-0")
    network.runs("default", name, "10.244.0.10")
    lab.processes.start(Command("store", lambda _: ["/bin/sleep", "600"], lambda _: True))
    places = run.Endpoints([], [], "", "", "", "", None)
    return run.Telemetry(places, {}, None, ending.folder(lab.instance))


run._started = started
sys.exit(command.start(Lab(STACK, Reporter(), root=ROOT), Context(*load.from_file(STACK, ROOT)), 1, False, True))
"""


@dataclass(frozen=True)
class Region:
    """A small region that is up: a Deployment, whose pod a run binds to a node, and a bucket."""

    lab: Lab
    root: Path

    @property
    def api(self) -> Api:
        return Api(cluster.server_url(self.lab.processes), Pki(self.lab.instance.pki))

    @property
    def bound(self) -> list[str]:
        """Return the nodes of pods."""
        return [pod["spec"]["nodeName"] for pod in self.api.get("/api/v1/pods")["items"] if "nodeName" in pod["spec"]]

    def write(self) -> None:
        """Put an object into the bucket, as a store does."""
        ours = cloud.running(self.lab.processes, "us-east-1")
        s3 = ours.session().client("s3", endpoint_url=ours.url, config=S3Config(proxies={}))
        s3.put_object(Bucket="held", Key="chunk", Body=b"lines")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "crds").mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "crds/Pulumi.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "crds" / "__main__.py").write_text("import pulumi\n")
    yield folder
    lab = Lab(STACK, Reporter(Console(quiet=True)), root=folder)
    lab.processes.stop()
    lab.down()


@pytest.fixture
def region(root: Path) -> Region:
    """Return the region, which is brought up where a test before has taken it down."""
    lab = Lab(STACK, Reporter(Console(quiet=True)), root=root)
    lab.up()
    return Region(lab, root)


@contextmanager
def running(region: Region) -> Iterator[subprocess.Popen[str]]:
    """Run the command on the small region until the context is left; what it starts is one program and one pod."""
    script = region.root / "telemetry.py"
    script.write_text(RUN)
    with subprocess.Popen(
        [sys.executable, str(script), STACK, str(region.root)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            assert command.stdout is not None
            said = ""
            while not said.endswith("\n}\n"):
                line = command.stdout.readline()
                assert line, command.communicate()
                said += line
            document: dict[str, Any] = json.loads(said)
            assert document["stack"] == STACK
            region.write()
            yield command
        finally:
            command.kill()


def test_an_interrupt_ends_a_run_and_leaves_the_lab_as_it_was(region: Region) -> None:
    before = region.lab.processes.recorded()
    with running(region) as command:
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=DEADLINE)
    assert command.returncode == 0
    assert "another command" not in said
    assert region.lab.processes.recorded() == before
    assert region.bound == region.api.get("/api/v1/nodes")["items"] == []
    assert not ending.folder(region.lab.instance).exists()


def test_up_leaves_a_run_alone_that_somebody_owns_and_ends_one_that_nobody_does(region: Region) -> None:
    with running(region) as command:
        region.lab.up()
        assert command.poll() is None
        assert region.bound == ["lab-0"]
        command.kill()
        command.wait(DEADLINE)
        region.lab.up()
    assert region.bound == region.api.get("/api/v1/nodes")["items"] == []
    assert set(region.lab.processes.recorded()) == {*cluster.NAMES, cloud.NAME}


def test_a_second_run_takes_the_place_of_the_first(region: Region) -> None:
    with running(region) as first:
        store = region.lab.processes.recorded()["store"]
        with running(region) as second:
            _, said = first.communicate(timeout=DEADLINE)
            assert (first.returncode, "another command" in said) == (0, True)
            assert not store.alive()
            assert second.poll() is None
            assert region.bound == ["lab-0"]


@pytest.mark.parametrize("killed", [False, True], ids=["stands", "killed"])
def test_down_ends_a_run_and_then_destroys_everything(region: Region, killed: bool) -> None:
    with running(region) as command:
        assert region.bound == ["lab-0"]
        store = region.lab.processes.recorded()["store"]
        if killed:
            command.kill()
            command.wait(DEADLINE)
        removal = region.lab.down()
        assert [(each.project, each.ok) for each in removal.results] == [("region", True), ("crds", True)]
        assert (removal.kept, removal.skipped) == ([], "")
        _, said = command.communicate(timeout=DEADLINE)
    assert not store.alive()
    assert not region.lab.instance.exists()
    own = len(cluster.NAMES) + 2
    if killed:
        assert removal.ended == own
        return
    assert removal.ended == own + 1
    assert command.returncode == 0
    assert said.endswith(
        f"lab {STACK}: another command (lab down, up or telemetry) ends this run, and removes what is left of it.\n"
    )
