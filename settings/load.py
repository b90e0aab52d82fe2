"""Read an environment's settings: the only reader of the stack configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
from pydantic import ValidationError

from settings import credentials, document, names, refusal
from settings.platform import Platform
from settings.problem import Problem, SettingsError

ROOT = Path(__file__).resolve().parent.parent
_KEY = f"{names.PROJECT}:{names.CONFIG_KEY}"


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
    config = pulumi.Config(names.PROJECT)
    value = config.get(names.CONFIG_KEY)
    if value is None:
        problem = Problem(
            f"stack {stack}",
            "was started without its config file",
            f"--config-file {source}",
            f"pulumi up --stack {stack} --config-file {source}",
        )
        raise SettingsError([problem], "pulumi")
    if pulumi.runtime.is_config_secret(config.full_key(names.CONFIG_KEY)):
        raise SettingsError([credentials.encrypted(_KEY)], source)
    return _for_stack(stack, parse(_decoded(value), source), source)


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
        SettingsError: there is no such file, it is no YAML map or another environment's, or the settings are refused.
    """
    path = config_file(environment, root)
    if not path.is_file():
        known = sorted({p.name.split(".")[1] for p in root.glob("Pulumi.*.yaml")})
        problem = Problem(
            f"environment {environment}", "has no settings", ", ".join(known) or "none", f"write {path.name}"
        )
        raise SettingsError([problem], path.name)
    whole = document.read(path.read_text(encoding="utf-8", errors="replace"), path.name)
    config = whole.get("config") if isinstance(whole, dict) else None
    if not isinstance(config, dict) or _KEY not in config:
        problem = Problem(
            f"config.{_KEY}", "is missing", "a map: the environment's settings", f"add {_KEY} under config"
        )
        raise SettingsError([problem], path.name)
    platform = parse(config[_KEY], path.name)
    if platform.environment != environment:
        problem = Problem(
            "environment",
            f"is {str(platform.environment)!r}, in the file of the environment {environment!r}",
            environment,
            f"write {environment}, or name the file {config_file(platform.environment).name}",
        )
        raise SettingsError([problem], path.name)
    return platform


def parse(value: Any, source: str) -> Platform:
    """Return the settings that a parsed document holds.

    Refusals come in three rounds, each complete: credentials, which are looked for first and never shown; single
    fields; and what must hold between them.

    Args:
        value: the value of `observability-platform:platform`.
        source: name of the file, for messages.

    Raises:
        SettingsError: with one problem per mistake of the round.
    """
    problems = list(credentials.problems_of(value))
    if not problems:
        try:
            return Platform.model_validate_json(json.dumps(value, default=str))
        except ValidationError as error:
            problems = refusal.problems_of(error, Platform)
    # Raised out here, so that the refusal has no context: pydantic's error holds the values.
    raise SettingsError(problems, source)


def _decoded(value: str) -> object:
    """Return a configured value: Pulumi hands maps over as JSON, and a text as it is."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _for_stack(stack: str, platform: Platform, source: str) -> tuple[Platform, str]:
    environment, _, region = stack.partition(".")
    if environment == platform.environment and region in platform.regions:
        return platform, region
    what = (
        f"reads the settings of the environment {str(platform.environment)!r}"
        if environment != platform.environment
        else f"names the region {region!r}, which this environment does not have"
        if region
        else "names no region"
    )
    problem = Problem(
        f"stack {stack}",
        what,
        ", ".join(names.stack(platform.environment, name) for name in sorted(platform.regions)),
        "choose one of these stacks, or add the region under regions"
        if environment == platform.environment
        else f"start it with --config-file Pulumi.{environment}.yaml, and check environment in that file",
    )
    raise SettingsError([problem], source)
