"""Every field of every dashboard is one that Grafana's dashboard kind has.

The kind's Go and TypeScript come from CUE, and so do the SDK's models, which know panels' and queries' own kinds too.
Reading a dashboard with them and writing it again loses what they do not know: what comes back must be what went in.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.dashboards.test_dashboards import FILES, model

ADDED = {"titleFormat", "textFormat", "tagKeys", "useValueForTime"}
"""Fields of an annotation query that are its data source's, Prometheus', and not the kind's."""


MATCHERS = {"byName", "byRegexp"}
PROPERTIES = {"color", "custom.cellOptions", "decimals", "links", "thresholds", "unit"}
TRANSFORMATIONS = {"merge", "organize", "sortBy"}
"""Of Grafana's registries: ids.ts of its matchers and transformers, and its standard field options."""


def again(given: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard as the models have it."""
    plugins.register_default_plugins()
    read = Dashboard.from_json(copy.deepcopy(given))
    made: dict[str, Any] = json.loads(json.dumps(read, cls=JSONEncoder))
    return made


def lost(given: Any, made: Any, path: str = "") -> list[str]:
    """Return the paths whose value did not come back as it was."""
    if isinstance(given, dict) and isinstance(made, dict):
        return [
            each
            for key in given
            for each in (lost(given[key], made[key], f"{path}.{key}") if key in made else [f"{path}.{key}"])
        ]
    if isinstance(given, list) and isinstance(made, list) and len(given) == len(made):
        return [
            each for index, pair in enumerate(zip(given, made, strict=True)) for each in lost(*pair, f"{path}[{index}]")
        ]
    return [] if given == made else [path]


@pytest.mark.parametrize("uid", sorted(FILES))
def test_every_field_is_the_kinds_own(uid: str) -> None:
    found = lost(model(uid), again(model(uid)))
    assert [path for path in found if path.rpartition(".")[2] not in ADDED] == []


@pytest.mark.parametrize("uid", sorted(FILES))
def test_what_overrides_set_and_transformations_do_is_grafanas(uid: str) -> None:
    """Their names are free text to the kind."""
    for panel in model(uid)["panels"]:
        overrides = panel.get("fieldConfig", {}).get("overrides") or []
        assert {each["matcher"]["id"] for each in overrides} <= MATCHERS, panel["title"]
        assert {each["id"] for override in overrides for each in override["properties"]} <= PROPERTIES, panel["title"]
        assert {each["id"] for each in panel.get("transformations") or []} <= TRANSFORMATIONS, panel["title"]


def test_a_field_that_the_kind_does_not_have_is_found() -> None:
    wrong = model("slo")
    wrong["refreshes"] = "1m"
    stat = next(panel for panel in wrong["panels"] if panel["type"] == "stat")
    place = wrong["panels"].index(stat)
    stat["options"]["colour"] = "value"
    stat["fieldConfig"]["defaults"]["units"] = "s"
    stat["targets"][0]["expression"] = "up"
    assert set(lost(wrong, again(wrong))) >= {
        ".refreshes",
        f".panels[{place}].options.colour",
        f".panels[{place}].fieldConfig.defaults.units",
        f".panels[{place}].targets[0].expression",
    }


def test_what_is_added_to_the_kind_is_in_annotations_only() -> None:
    for path in lost(model("slo"), again(model("slo"))):
        assert path.startswith(".annotations.list[")
