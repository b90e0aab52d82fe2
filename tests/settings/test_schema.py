"""The JSON schema and the documentation: current, and in agreement with what the program accepts."""

from __future__ import annotations

import json
import re
import typing
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from settings import document, documentation, fields, load, refusal, schema
from settings.__main__ import app
from settings.platform import Platform
from settings.problem import SettingsError
from tests.settings.documents import SMALL, at

KEY = "observability-platform:platform"
VALIDATOR = jsonschema.Draft202012Validator(schema.document())


def models(model: type[BaseModel] = Platform) -> dict[str, type[BaseModel]]:
    """Return a model and every model that its fields, lists and maps reach, by name."""
    found = {model.__name__: model}
    for spot in fields.of(model).values():
        kind = spot.bare[0]
        inner = fields.Spot(typing.get_args(kind)[-1]).bare[0] if typing.get_args(kind) else kind
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= models(inner)
    return found


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_shipped_files_fit_the_schema(environment: str) -> None:
    path = load.config_file(environment)
    assert [error.message for error in VALIDATOR.iter_errors(document.read(path.read_text("utf-8"), path.name))] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"retentoin": {}},
        {"retention.logs": "30"},
        {"retention.logs": 30},
        {"tenants.shop.namespaces": []},
        {"tenants.shop.limits.active_series": 1},
        {"tenants.Shop_1": SMALL["tenants"]["shop"]},
        {"regions.us-east.size": "huge"},
        {"regions": {}},
        {"regions.us-east.overrides.prometheus": {"cpu": 2}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_program_refuses(changes: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors({"config": {KEY: SMALL}})) == []
    assert len(list(VALIDATOR.iter_errors({"config": {KEY: at(changes)}}))) == 1


def test_the_schema_wants_the_settings() -> None:
    assert [error.message for error in VALIDATOR.iter_errors({"config": {}})] == [f"'{KEY}' is a required property"]


def test_the_committed_schema_is_current() -> None:
    committed = (load.ROOT / "docs/settings.schema.json").read_text(encoding="utf-8")
    assert committed == schema.text(), "run: make schema"


def test_the_documented_fields_are_current() -> None:
    assert (load.ROOT / documentation.FILE).read_text(encoding="utf-8") == documentation.page(), (
        "run: python -m settings docs"
    )


def test_the_documented_entries_are_accepted() -> None:
    text = (load.ROOT / documentation.FILE).read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"(?m)^    (?:regions|tenants):\n(?:^     .*\n)+", text)]
    regions, tenants = (block[key] for block, key in zip(blocks, ("regions", "tenants"), strict=True))
    grown = {**SMALL, "regions": {**SMALL["regions"], **regions}, "tenants": {**SMALL["tenants"], **tenants}}
    assert load.parse(grown, "file").tenants_in("eu-central").keys() == {"shop", "payments", "checkout"}


def test_the_documented_refusals_are_said() -> None:
    text = (load.ROOT / documentation.FILE).read_text(encoding="utf-8")
    said = re.findall(r"(?m)^    (Pulumi\.prod\.yaml: .*)$", text)
    bad = at({"retention.logs": 30, "regions.us-east.size": "larg"})
    with pytest.raises(SettingsError) as caught:
        load.parse(bad, "Pulumi.prod.yaml")
    assert str(caught.value).splitlines() == said


@pytest.mark.parametrize("model", models().values(), ids=models())
def test_every_field_is_described(model: type[BaseModel]) -> None:
    about = {name: info.description or "" for name, info in model.model_fields.items()}
    bare = [name for name, text in about.items() if len(text.split()) < 3 or not text.endswith(".")]
    assert (bare, bool(model.__doc__)) == ([], True)


def test_the_models_are_all_reached() -> None:
    listed = {name for name, entry in schema.document()["$defs"].items() if entry["type"] == "object"}
    assert models().keys() == listed | {"Platform"}


def test_paths_are_written_as_operators_read_them() -> None:
    assert refusal.path_of(("tenants", "shop", "namespaces", 0)) == "tenants.shop.namespaces[0]"
    assert refusal.path_of(("regions", "Bad", "[key]")) == "regions.Bad"
    assert refusal.path_of(()) == "document"


def test_the_command_prints_the_schema() -> None:
    assert CliRunner().invoke(app, []).output == schema.text()


def test_the_command_checks_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = CliRunner().invoke(app, ["check", "dev"])
    assert (accepted.exit_code, accepted.output) == (
        0,
        "Pulumi.dev.yaml: accepted. Regions: us-east. Tenants: payments, shop.\n"
        "Next: make preview ENV=dev REGION=us-east\n",
    )
    monkeypatch.setattr(load, "config_file", lambda *_: load.ROOT / "Pulumi.dev.yaml")
    other = CliRunner().invoke(app, ["check", "staging"])
    assert (other.exit_code, other.output) == (
        1,
        "Pulumi.dev.yaml: environment is 'dev', in the file of the environment 'staging'; allowed: staging; fix: write "
        "staging, or name the file Pulumi.dev.yaml\n",
    )
    monkeypatch.undo()
    refused = CliRunner().invoke(app, ["check", "qa", "--json"])
    assert (refused.exit_code, json.loads(refused.output)) == (
        1,
        {
            "accepted": False,
            "problems": [
                {
                    "path": "environment qa",
                    "what": "has no settings",
                    "allowed": "dev, prod",
                    "fix": "write Pulumi.qa.yaml",
                }
            ],
        },
    )
