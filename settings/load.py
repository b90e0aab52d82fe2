"""Read an environment's settings: the only reader of the stack configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pydantic import ValidationError

from settings import credentials, names, refusal
from settings.platform import Platform
from settings.problem import Problem, SettingsError

ROOT = Path(__file__).resolve().parent.parent


def config_file(environment: str, root: Path = ROOT) -> Path:
    """Return the file that all stacks of an environment read."""
    return root / f"Pulumi.{environment}.yaml"


def from_stack() -> tuple[Platform, str]:
    """Return the settings of the running stack and its region.

    Raises:
        SettingsError: the stack was started without its config file, is not named `<env>.<region>`, or its
            settings are refused.
    """
    stack = pulumi.get_stack()
    environment = stack.partition(".")[0]
    source = f"Pulumi.{environment}.yaml"
    document = pulumi.Config(names.PROJECT).get(names.CONFIG_KEY)
    if document is None:
        problem = Problem(
            f"stack {stack}",
            "was started without its config file",
            f"--config-file {source}",
            f"pulumi up --stack {stack} --config-file {source}",
        )
        raise SettingsError([problem], "pulumi")
    return _for_stack(stack, parse(json.loads(document), source), source)


def from_file(stack: str, root: Path = ROOT) -> tuple[Platform, str]:
    """Return the settings and region of a stack without Pulumi: for tools, pipelines and tests.

    Args:
        stack: `<env>.<region>`.
        root: folder of the `Pulumi.<env>.yaml` files.

    Raises:
        SettingsError: there is no such file or region, or the settings are refused.
    """
    environment = stack.partition(".")[0]
    platform = environment_from_file(environment, root)
    return _for_stack(stack, platform, config_file(environment, root).name)


def environment_from_file(environment: str, root: Path = ROOT) -> Platform:
    """Return all of an environment.

    Raises:
        SettingsError: there is no such file, it is no YAML map, or the settings are refused.
    """
    path = config_file(environment, root)
    if not path.is_file():
        known = ", ".join(sorted(p.name.split(".")[1] for p in root.glob("Pulumi.*.yaml"))) or "none yet"
        problem = Problem(f"environment {environment}", "has no settings", known, f"write {path.name}")
        raise SettingsError([problem], path.name)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        problem = Problem("file", f"is no YAML: {str(error).splitlines()[-1].strip()}", "YAML", "correct it")
        raise SettingsError([problem], path.name) from None
    key = f"{names.PROJECT}:{names.CONFIG_KEY}"
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict) or key not in config:
        problem = Problem(f"config.{key}", "is missing", "the environment's settings", f"add {key} under config")
        raise SettingsError([problem], path.name)
    return parse(config[key], path.name)


def parse(document: Any, source: str) -> Platform:
    """Return the settings that a parsed document holds.

    Args:
        document: the value of `observability-platform:platform`.
        source: name of the file, for messages.

    Raises:
        SettingsError: with one problem per mistake; credentials are looked for first and never shown.
    """
    leaks = list(credentials.problems_of(document))
    if leaks:
        raise SettingsError(leaks, source)
    try:
        return Platform.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise SettingsError(refusal.problems_of(error, Platform), source) from None


def _for_stack(stack: str, platform: Platform, source: str) -> tuple[Platform, str]:
    environment, _, region = stack.partition(".")
    if environment != platform.environment or region not in platform.regions:
        allowed = ", ".join(names.stack(platform.environment, name) for name in sorted(platform.regions))
        problem = Problem(
            f"stack {stack}",
            "names no region of this environment",
            allowed,
            "choose one of these, or add the region under regions",
        )
        raise SettingsError([problem], source)
    return platform, region
