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


def text() -> str:
    """Return the schema as it is committed in docs/settings.schema.json."""
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"
