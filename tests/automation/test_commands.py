"""The commands as a shell runs them, and the examples, on the real engine and API server: good days and bad ones."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from automation.journal import Logbook
from automation.site import HOME, SECRETS_PROVIDER
from automation.waiting import until
from lab import cloud
from lab.instance import ROOT
from settings import names
from tests.automation.kills import DEADLINE, REGION, Stage
from tests.automation.standing import standing
from tests.serving import Asked, serving

FAILED, CHANGES = 1, 2
AWS_REGION = "us-east-1"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("commands"), "dev") as fleet, pytest.MonkeyPatch.context() as patch:
        for name, value in fleet.variables.items():
            patch.setitem(os.environ, name, value)
        yield Stage(fleet)


@pytest.fixture(scope="module")
def up(stage: Stage) -> Stage:
    """The stage with its region up, as the first example brings it up."""
    run = example("canary_then_ask").main
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    assert run("dev", no, stage.fleet.root) == 2
    assert asked == ["wave 1: 24 changes in us-east; go on?"]
    assert run("dev", lambda _: True, stage.fleet.root) == 0
    return stage


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_exported_state_holds_no_secret_and_can_be_put_back(up: Stage, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    up.run("export", "--region", REGION, str(file))
    exported = file.read_bytes()
    assert b"part-0" in exported
    assert [secret for secret in up.secrets() if secret in exported] == []
    up.run("import", "--region", REGION, "--confirm", "dev.us-east", str(file))
    assert "No change. Nothing to do." in up.run("preview")


def test_what_a_person_changed_is_seen_and_no_longer_fits_what_was_reviewed(up: Stage, tmp_path: Path) -> None:
    plan, metric = tmp_path / "plan.json", tmp_path / "drift.prom"
    assert "No change. Nothing to do." in up.run("preview", "--save-plan", str(plan))
    up.kubectl("delete", "configmap", "part-1")
    refused = up.run("up", "--plan", str(plan), code=FAILED)
    assert "the plan no longer fits (not reviewed: create part-1); region was not touched" in refused
    assert "create ConfigMap part-1 in us-east" in up.run("preview", code=CHANGES)

    up.kubectl("patch", "configmap", "part-0", "-p", '{"data": {"number": "by hand"}}')
    drifted = up.run("drift", code=CHANGES)
    assert "update ConfigMap part-0 in us-east\n    - data.number: 0\n    + data.number: by hand" in drifted
    assert "delete ConfigMap part-1 in us-east" in drifted
    assert example("drift_to_metric").main("dev", metric, up.fleet.root) == CHANGES
    assert metric.read_text().splitlines()[-1].endswith('{environment="dev",region="us-east"} 2')

    said = sentence(up.run("preview", code=FAILED))
    assert "somebody else has set fields of an object" in said
    assert 'conflict with "kubectl-patch" using v1: .data.number' in said
    up.run("up", PULUMI_K8S_ENABLE_PATCH_FORCE="true")
    shown = up.kubectl("get", "configmap", "part-0", "part-1", "-o", "jsonpath={.items[*].data.number}")
    assert shown == "0 1"


@contextmanager
def under_way(stage: Stage, hold: Path) -> Iterator[subprocess.Popen[str]]:
    """A rollout whose program waits until the file is gone, which somebody interrupts once."""
    hold.touch()
    with stage.start("up", SMALL_HOLD=str(hold)) as process:
        try:
            assert until(hold.with_suffix(".reached").exists, DEADLINE)
            refused = stage.run("up", code=FAILED)
            assert f"(pid {process.pid}) has been at work on it since" in refused
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert any("Ending what was begun; interrupt again to end at once." in line for line in process.stdout)
            yield process
        finally:
            process.kill()


def test_a_second_driver_is_refused_with_the_firsts_name_and_an_interrupt_ends_in_order(
    up: Stage, tmp_path: Path
) -> None:
    with under_way(up, tmp_path / "hold") as first:
        (tmp_path / "hold").unlink()
        first.communicate(timeout=DEADLINE)
    assert first.returncode == FAILED
    left = Logbook(up.fleet.root / ".fleet" / "dev").read()
    assert left is not None
    assert (str(left.regions[REGION].status), left.regions[REGION].step) == ("failed", "region preview")
    assert up.locks == []
    assert "dev.us-east: done" in up.run("resume")


def test_a_second_interrupt_ends_at_once_and_resume_needs_nobody(up: Stage, tmp_path: Path) -> None:
    with under_way(up, tmp_path / "hold") as process:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=DEADLINE)[0]
    assert process.returncode == FAILED
    assert "Ended at once." in said
    (tmp_path / "hold").unlink()
    assert "dev.us-east: done" in up.run("resume")
    assert up.locks == []


def sentence(said: str) -> str:
    """The one sentence of a command that failed; the region's line of counts and the title of nothing are not it."""
    lines = [line for line in said.splitlines() if line.startswith("dev.us-east: ") and ";" in line]
    assert len(set(lines)) == 1, said
    return lines[0]


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"PULUMI_CONFIG_PASSPHRASE": "another"}, "the passphrase does not open the stack's secrets"),
        (
            {
                "PULUMI_BACKEND_URL": "s3://states?endpoint=http://127.0.0.1:9&s3ForcePathStyle=true&region=us-east-1",
                "AWS_MAX_ATTEMPTS": "1",
            },
            "the backend that keeps the state cannot be reached",
        ),
    ],
    ids=["passphrase", "backend"],
)
def test_a_bad_environment_is_one_sentence(up: Stage, tmp_path: Path, variables: dict[str, str], what: str) -> None:
    assert what in sentence(up.run("preview", code=FAILED, **up.fleet.elsewhere(tmp_path, **variables)))


def test_expired_credentials_are_one_sentence(up: Stage, tmp_path: Path) -> None:
    body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    with serving(lambda _: (400, body)) as address:
        backend = f"s3://states?endpoint={address}&s3ForcePathStyle=true&region={AWS_REGION}"
        said = up.run("preview", code=FAILED, **up.fleet.elsewhere(tmp_path, PULUMI_BACKEND_URL=backend))
    assert "the AWS credentials have expired" in sentence(said)


def test_an_empty_file_of_attributes_is_one_sentence(up: Stage) -> None:
    """What a killed `pulumi`, started without the driver, may leave in a backend that is a folder."""
    left = up.fleet.lab(REGION).instance.checkpoint(names.PROJECT).with_suffix(".json.attrs")
    left.touch()
    try:
        said = sentence(up.run("preview", code=FAILED))
    finally:
        left.unlink()
    assert "delete the empty <stack>.json.attrs" in said
    assert up.half_written == []
    up.run("preview")


@pytest.fixture(scope="module")
def keyed(up: Stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that lead to another state of the region's, whose secrets a KMS key opens; it is not there at first."""
    folder = tmp_path_factory.mktemp("keyed")
    aws = cloud.running(up.fleet.lab(REGION).processes, AWS_REGION)
    kms: Any = aws.session().client("kms", endpoint_url=aws.url, config=Config(proxies={}))
    variables = {
        **up.fleet.elsewhere(folder, PULUMI_BACKEND_URL=folder.as_uri()),
        SECRETS_PROVIDER: f"awskms://alias/fleet?region={AWS_REGION}",
    }
    assert "the KMS key cannot be used" in sentence(up.run("preview", code=FAILED, **variables))
    kms.create_alias(AliasName="alias/fleet", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    return variables


KEY = "arn:aws:kms:us-east-1:111111111111:key/0a1b2c3d-0000-4000-8000-000000000001"
DENIED = (
    f"User: arn:aws:sts::111111111111:assumed-role/a/b is not authorized to perform: kms:Decrypt on resource: {KEY}"
)


@pytest.mark.parametrize(
    ("code", "message", "what", "fix"),
    [
        ("DisabledException", f"{KEY} is disabled.", "is switched off", "enable it"),
        ("KMSInvalidStateException", f"{KEY} is pending deletion.", "is switched off", "cancel its deletion"),
        ("AccessDeniedException", DENIED, "cannot be used", "as a role that may encrypt and decrypt with it"),
    ],
    ids=["disabled", "pending deletion", "denied"],
)
def test_a_kms_key_that_no_longer_decrypts_is_one_sentence_and_serves_when_it_does(
    up: Stage, keyed: dict[str, str], tmp_path: Path, code: str, message: str, what: str, fix: str
) -> None:
    """KMS in its own words: moto goes on decrypting with a key that was disabled."""
    assert "create ConfigMap part-0 in us-east" in up.run("preview", code=CHANGES, **keyed)
    asked: list[str | None] = []

    def refuse(request: Asked) -> tuple[int, bytes]:
        asked.append(request.headers.get("X-Amz-Target"))
        return 400, json.dumps({"__type": code, "message": message}).encode()

    with serving(refuse) as address:
        surroundings = replace(up.fleet, variables=keyed).elsewhere(tmp_path, AWS_ENDPOINT_URL_KMS=address)
        said = sentence(up.run("preview", code=FAILED, **{**keyed, **surroundings}))
    assert what in said.partition(" (")[0]
    assert message in said
    assert fix in said.rpartition("; ")[2]
    assert set(asked) == {"TrentService.Decrypt"}


@pytest.mark.parametrize(
    ("hindrance", "what"),
    [
        ("dev", "dev: cannot be made (File exists); allowed: a folder that you may write; fix: set FLEET_HOME to one"),
        ("dev/.rollout.json.partial", "rollout.json: the journal cannot be written (Is a directory)"),
    ],
    ids=["folder", "file"],
)
def test_an_unwritable_journal_is_one_sentence_and_touches_nothing(
    up: Stage, tmp_path: Path, hindrance: str, what: str
) -> None:
    """Something else in its place refuses root, too, as a folder's mode would not."""
    before = up.state()
    if hindrance == "dev":
        (tmp_path / hindrance).touch()
    else:
        (tmp_path / hindrance).mkdir(parents=True)
    said = up.run("up", code=FAILED, **{HOME: str(tmp_path)})
    assert what in said
    assert len(said.strip().splitlines()) == 1, said
    assert up.state() == before
    assert up.locks == []


@pytest.mark.parametrize("full", ["state", "journal"])
def test_a_full_disk_is_one_sentence_and_touches_nothing(up: Stage, tmp_path: Path, full: str) -> None:
    """A file system of one page, in a mount namespace of its own, stands for the full disk."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    probe = f"mount -t tmpfs -o size=4k,nr_inodes=8 none {shlex.quote(str(tmp_path))}"
    if shutil.which("unshare") is None or subprocess.run([*unshare, "sh", "-c", probe], check=False).returncode:
        pytest.skip("no mount namespaces on this machine")
    place = up.fleet.lab(REGION).instance.state if full == "state" else up.fleet.root / ".fleet" / "dev"
    before = up.state()
    command = f"mount -t tmpfs -o size=4k,nr_inodes=8 none {shlex.quote(str(place))} && exec "
    arguments = ["-m", "automation", "up", "--env", "dev", "--root", str(up.fleet.root)]
    done = subprocess.run(
        [*unshare, "sh", "-c", command + shlex.join([sys.executable, *arguments])],
        cwd=ROOT,
        env={**os.environ, **up.fleet.variables},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert "disk is full" in done.stderr or "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert up.state() == before
