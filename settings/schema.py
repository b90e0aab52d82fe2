"""Export the JSON schema of `Pulumi.<env>.yaml`, so that editors complete and check it."""

from __future__ import annotations

import json
from typing import Any

from settings import names
from settings.platform import Platform


def document() -> dict[str, Any]:
    """Return the schema of a whole stack configuration file."""
    platform = Platform.model_json_schema()
    definitions = platform.pop("$defs")
    for model in (platform, *definitions.values()):
        _close(model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Pulumi.<env>.yaml of {names.PROJECT}",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "required": [f"{names.PROJECT}:{names.CONFIG_KEY}"],
                "properties": {f"{names.PROJECT}:{names.CONFIG_KEY}": platform},
            }
        },
        "$defs": definitions,
    }


def _close(model: dict[str, Any]) -> None:
    """Refuse names that fit no pattern: pydantic does, its schema does not say so."""
    for entry in model.get("properties", {}).values():
        if "patternProperties" in entry:
            entry["additionalProperties"] = False


def text() -> str:
    """Return the schema as it is committed in docs/settings.schema.json."""
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"
