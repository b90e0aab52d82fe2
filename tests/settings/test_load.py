"""From a file or a running stack to settings: what is read, and what is refused before a model sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
import yaml

import tools
from settings import document, load, names
from settings.problem import SettingsError
from tests.settings.documents import SMALL, at

KEY = "observability-platform:platform"
STACKS = ["dev.us-east", "prod.us-east", "prod.eu-west", "prod.ap-southeast"]


def written(root: Path, text: str, environment: str = "dev") -> Path:
    (root / f"Pulumi.{environment}.yaml").write_text(text, encoding="utf-8")
    return root


def refusal(root: Path, stack: str = "dev.us-east") -> str:
    with pytest.raises(SettingsError) as caught:
        load.from_file(stack, root)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return str(caught.value)


@pytest.mark.parametrize("stack", STACKS)
def test_the_shipped_files_are_accepted(stack: str) -> None:
    platform, region = load.from_file(stack)
    assert names.stack(platform.environment, region) == stack


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_shipped_files_mean_the_same_to_pyyaml(environment: str) -> None:
    text = load.config_file(environment).read_text(encoding="utf-8")
    assert document.read(text, "file") == yaml.safe_load(text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(load.ROOT / name, tmp_path)
    (tmp_path / "Pulumi.dev.us-east.yaml").touch()
    assert refusal(tmp_path, "staging.us-east") == (
        "Pulumi.staging.yaml: environment staging has no settings; allowed: dev, prod; fix: write Pulumi.staging.yaml"
    )


@pytest.mark.parametrize("text", ["", "config:", "config: {}", "config: {observability-platform:platfrom: {}}", "- a"])
def test_a_file_without_the_key_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(written(tmp_path, text)) == (
        f"Pulumi.dev.yaml: config.{KEY} is missing; allowed: a map: the environment's settings; "
        f"fix: add {KEY} under config"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "config:\n  a: [1, 2\n",
            "line 3, column 1 is no YAML: expected ',' or ']', but got '<stream end>'; allowed: one YAML document; "
            "fix: correct this place",
        ),
        (
            "password: hunter2 }\nconfig: {password: hunter2",
            "line 2, column 27 is no YAML: expected ',' or '}', but got '<stream end>'; allowed: one YAML document; "
            "fix: correct this place",
        ),
        (
            "config:\n\t- a",
            "line 2, column 1 is no YAML: found character '\\t' that cannot start any token; allowed: one YAML "
            "document; fix: correct this place",
        ),
        (
            "password: !hunter2",
            "line 1, column 11 is no YAML: could not determine a constructor for the tag; allowed: one YAML document; "
            "fix: correct this place",
        ),
        (
            "password: *hunter2",
            "line 1, column 11 is no YAML: found undefined alias; allowed: one YAML document; fix: correct this place",
        ),
        (
            "config: \x01",
            "file is no YAML (ReaderError); allowed: one YAML document; fix: save it as UTF-8 text",
        ),
        (
            "config:\n  tenants:\n    shop: {a: 1}\n    payments: {}\n    shop: {b: 2}\n",
            "config.tenants.shop is written twice, in line 3 and in line 5; allowed: each key once, for only the last "
            "one would count; fix: merge the two entries, or rename one",
        ),
        (
            "config:\n  list:\n  - {a: 1, a: 2}\n",
            "config.list[0].a is written twice, in line 3 and in line 3; allowed: each key once, for only the last "
            "one would count; fix: merge the two entries, or rename one",
        ),
        (
            "config: {since: 2026-01-01}",
            'config.since is 2026-01-01, which is a date to YAML; allowed: text; fix: write it in quotes: "2026-01-01"',
        ),
        (
            "config:\n  404: shop\n",
            'line 2 has the key 404, which is no text; allowed: text; fix: write it in quotes: "404"',
        ),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert refusal(written(tmp_path, text)) == f"Pulumi.dev.yaml: {problem}"


# What the pinned Pulumi makes of them; the test below asks it.
SCALARS: dict[str, object] = {
    "no": "no",
    "on": "on",
    "yes": "yes",
    "1:30": "1:30",
    "0x1F": 31,
    "0o17": 15,
    "0b11": 3,
    "010": 8,
    "089": 89,
    "1_000": 1000,
    "-7": -7,
    "-0.5": -0.5,
    "1e3": 1000,
    "2.0": 2,
    "500m": "500m",
    "1.2.3": "1.2.3",
    "~": None,
    "": None,
    "True": True,
    "'true'": "true",
    "'2026-01-01'": "2026-01-01",
    '"111111111111"': "111111111111",
    "111111111111": 111111111111,
}


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=repr)
def test_scalars_are_read_as_pulumi_reads_them(text: str, value: object) -> None:
    found = document.read(f"key: {text}", "file")["key"]
    assert (found, type(found)) == (value, type(value))


def test_pulumi_reads_scalars_so(tmp_path: Path) -> None:
    lines = "".join(f"    k{number}: {text}\n" for number, text in enumerate(SCALARS))
    written(tmp_path, f"config:\n  {KEY}:\n{lines}")
    (tmp_path / "Pulumi.yaml").write_text(f"name: {names.PROJECT}\nruntime: python\n", encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": tmp_path.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    for command in (["stack", "init", "dev.us-east"], ["config", "--json", "--config-file", "Pulumi.dev.yaml"]):
        done = subprocess.run(
            [str(tools.ensure("pulumi")["pulumi"]), *command, "--non-interactive"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    read = json.loads(json.loads(done.stdout)[KEY]["value"])
    assert {text: read[f"k{number}"] for number, text in enumerate(SCALARS)} == SCALARS


SMALL_FILE = yaml.safe_dump({"config": {KEY: SMALL}})


@pytest.mark.parametrize(
    ("stack", "sentence"),
    [
        (
            "dev.mars",
            "stack dev.mars names the region 'mars', which this environment does not have; allowed: dev.eu-west, "
            "dev.us-east; fix: choose one of these stacks, or add the region under regions",
        ),
        (
            "dev",
            "stack dev names no region; allowed: dev.eu-west, dev.us-east; fix: choose one of these stacks, or add "
            "the region under regions",
        ),
    ],
)
def test_a_stack_of_no_region_is_refused(tmp_path: Path, stack: str, sentence: str) -> None:
    assert refusal(written(tmp_path, SMALL_FILE), stack) == f"Pulumi.dev.yaml: {sentence}"


def test_a_file_of_another_environment_is_refused(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, SMALL_FILE, "prod"), "prod.us-east") == (
        "Pulumi.prod.yaml: environment is 'dev', in the file of the environment 'prod'; allowed: prod; fix: write "
        "prod, or name the file Pulumi.dev.yaml"
    )


class NoResources(pulumi.runtime.Mocks):
    """A program that registers nothing: only its configuration is read."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        raise AssertionError(args.name)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)


@pytest.fixture
def stack() -> Iterator[None]:
    pulumi.runtime.set_mocks(NoResources(), project=names.PROJECT, stack="dev.us-east")
    yield
    pulumi.runtime.set_all_config({})


@pytest.mark.usefixtures("stack")
def test_a_stack_reads_its_configuration() -> None:
    pulumi.runtime.set_all_config({KEY: json.dumps(SMALL)})
    platform, region = load.from_stack()
    assert (platform, region) == (load.parse(SMALL, "file"), "us-east")


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("config", "secrets", "sentence"),
    [
        (
            {},
            [],
            "pulumi: stack dev.us-east was started without its config file; allowed: --config-file Pulumi.dev.yaml; "
            "fix: pulumi up --stack dev.us-east --config-file Pulumi.dev.yaml",
        ),
        (
            {KEY: json.dumps(at({"environment": "prod"}))},
            [],
            "Pulumi.dev.yaml: stack dev.us-east reads the settings of the environment 'prod'; allowed: prod.eu-west, "
            "prod.us-east; fix: start it with --config-file Pulumi.dev.yaml, and check environment in that file",
        ),
        (
            {KEY: "text"},
            [],
            "Pulumi.dev.yaml: document is 'text'; allowed: a map; fix: correct it: One environment with its regions "
            "and tenants",
        ),
        (
            {KEY: json.dumps(SMALL)},
            [KEY],
            f"Pulumi.dev.yaml: {KEY} is a Pulumi secret (secure:); allowed: the name of a secret in the region's "
            "secret store; fix: put the value into the store, and write its name here",
        ),
    ],
    ids=["no config file", "another environment", "no map", "encrypted"],
)
def test_a_stack_is_refused(config: dict[str, str], secrets: list[str], sentence: str) -> None:
    pulumi.runtime.set_all_config(config, secrets)
    with pytest.raises(SettingsError) as caught:
        load.from_stack()
    assert str(caught.value) == sentence
