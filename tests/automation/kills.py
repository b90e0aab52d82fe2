"""Kill a part of a rollout at a seeded moment, resume, and compare what stands with an undisturbed run."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tools
from automation.waiting import until
from lab import cloud, cluster
from lab.instance import ROOT
from settings import names
from tests.automation.standing import Fleet

REGION = "us-east"
DEADLINE = 300.0
DRIVER, ENGINE, API_SERVER = "driver", "engine", "API server"
_NOISE = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "__fieldManager", "status"}
_VOLATILE = {"created", "modified", "sourcePosition", "stackTrace", "provider", "id"}


@dataclass(frozen=True)
class Stage:
    """One region in small, and the commands of the driver on it."""

    fleet: Fleet

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command of the driver, with more variables than the fleet's own."""
        site = ["--env", self.fleet.environment, "--root", str(self.fleet.root)]
        self._temporary.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "automation", *arguments, *site]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **self.fleet.variables, "TMPDIR": str(self._temporary), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """Run a command of the driver to its end, and return all that it said."""
        process = self.start(*arguments, **variables)
        said = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == code, said
        assert "Traceback" not in said
        return said

    @property
    def locks(self) -> list[Path]:
        """The lock files of the backend."""
        return list((self.fleet.lab(REGION).instance.state / ".pulumi" / "locks").rglob("*.json"))

    @property
    def half_written(self) -> list[Path]:
        """Files of the backend that are not written at once; killed over one, an engine leaves it empty."""
        backend = self.fleet.lab(REGION).instance.state
        return [file for file in backend.rglob("*") if file.suffix not in {".json", ".bak", ".yaml"} and file.is_file()]

    def killed(self, victim: str, operation: tuple[str, ...], seed: int) -> str:
        """Start an operation and kill the victim at a seeded moment while the stack is locked; return what was said."""
        delay = random.Random(seed).uniform(0.0, 3.0)  # noqa: S311 - a moment, no secret
        process = self.start(*operation)
        assert until(lambda: self.engine() is not None or process.poll() is not None, DEADLINE), "it never began"
        time.sleep(delay)  # the moment is what the seed chooses
        if victim == DRIVER:
            process.kill()
        elif victim == ENGINE and (pid := self.engine()) is not None:
            os.kill(pid, signal.SIGKILL)
        elif victim == API_SERVER:
            os.kill(self.fleet.lab(REGION).processes.recorded()[cluster.API_SERVER].pid, signal.SIGKILL)
        said = process.communicate(timeout=DEADLINE)[0]
        if victim == API_SERVER:
            lab = self.fleet.lab(REGION)
            cluster.start(lab.instance, lab.processes, tools.ensure(*cluster.NAMES), "dev-us-east")
        return said

    def engine(self) -> int | None:
        """Return the process that holds the stack's lock, if it lives: one that was killed leaves its lock behind."""
        owners = [int(json.loads(each.read_text())["pid"]) for each in self.locks]
        return next((pid for pid in owners if Path(f"/proc/{pid}").exists()), None)

    def state(self, region: str = REGION) -> dict[str, Any]:
        """Return a region's state as it lies on disk; empty before anything was recorded."""
        file = self.fleet.lab(region).instance.checkpoint(names.PROJECT)
        document = json.loads(file.read_text()) if file.exists() else {"checkpoint": {}}
        latest: dict[str, Any] = document["checkpoint"].get("latest") or {}
        return latest

    def standing(self) -> dict[str, Any]:
        """Return state and live objects without what differs between two undisturbed runs."""
        resources = {
            each["urn"]: _quiet({key: value for key, value in each.items() if key not in _VOLATILE})
            for each in self.state().get("resources", [])
            if not each["type"].startswith("pulumi:")
        }
        return {"state": resources, "objects": self.objects(), "buckets": self.buckets()}

    def objects(self) -> dict[str, Any]:
        """Return the live objects of the program, its namespace among them, each with the number of its managers."""
        kinds, own = "namespaces,configmaps,secrets,statefulsets", "app.kubernetes.io/part-of=small"
        listed = self.kubectl("get", kinds, "-l", own, "-o", "json", "--show-managed-fields")
        found = {}
        for each in json.loads(listed)["items"]:
            managers = {one["manager"] for one in each["metadata"]["managedFields"] if "pulumi" in one["manager"]}
            hidden = {**each, "data": sorted(each["data"])} if each["kind"] == "Secret" else each
            found[f"{each['kind']}/{each['metadata']['name']}"] = (len(managers), _quiet(hidden))
        return found

    def kubectl(self, *arguments: str, region: str = REGION) -> str:
        """Return what kubectl says of the program's namespace, as somebody beside the driver."""
        command = [str(tools.path("kubectl")), "--kubeconfig", str(self.fleet.lab(region).instance.kubeconfig)]
        return subprocess.run(
            [*command, "-n", "small", *arguments], capture_output=True, text=True, timeout=DEADLINE, check=True
        ).stdout

    def buckets(self) -> list[str]:
        """Return the buckets that there are."""
        aws = cloud.running(self.fleet.lab(REGION).processes, "us-east-1")
        client = aws.session().client("s3", endpoint_url=aws.url)
        return sorted(each["Name"] for each in client.list_buckets()["Buckets"])

    def secrets(self) -> list[bytes]:
        """Return what must not show anywhere: the passphrase and the generated password, as text."""
        shown = self.kubectl("get", "secret", "generated", "--ignore-not-found", "-o", "jsonpath={.data.password}")
        values = [self.fleet.lab(REGION).instance.passphrase().encode(), base64.b64decode(shown)]
        return [value for value in values if value]

    @property
    def _temporary(self) -> Path:
        """Where the driver and all that it starts put what is to go by itself."""
        return self.fleet.root / ".temporary"

    def debris(self) -> dict[str, bytes]:
        """Return every file that the driver and what it started have left."""
        folders = (self.fleet.root / ".fleet", self._temporary)
        return {str(file): file.read_bytes() for each in folders for file in each.rglob("*") if file.is_file()}


def _quiet(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "ciphertext" in value:
            return "[secret]"
        # The engine writes what a resource waits for in no order.
        unordered = {key: sorted(inner) for key, inner in value.items() if key == "dependencies"}
        return {key: _quiet(inner) for key, inner in {**value, **unordered}.items() if key not in _NOISE}
    return [_quiet(each) for each in value] if isinstance(value, list) else value
