"""Series that a tenant names as the platform's: rules go on being evaluated for everybody, and say nothing of others.

An expression fails as a whole when one side of a match, or a rewritten label, makes two series one. So each selector of
each rule is met by series that differ in one label, and the real promtool fails where a rule does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.values.context import Context
from components.values.rule_files import everywhere
from rules import files
from rules.lint import OWNER
from rules.lint_promql import read, tokens
from settings.thresholds import TenantThresholds, defaults
from tests.contexts import context
from tests.running import run

STACK = "dev.us-east"
HERE = {"region": "us-east", "cluster": "c", "environment": "dev"}
SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\{([^{}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
WHERE = {"job": "mallory/web", "namespace": "mallory"}
"""What a scraped series has and a recording lacks."""


def owning() -> Context:
    """Return dev, where a tenant has a threshold of its own for everything that may have one."""
    tenants = dict(context(STACK).platform.tenants)
    alerts = {name: each.value for name, each in defaults().items() if each.scope != "environment"}
    services = {name: each.value for name, each in defaults().items() if each.scope == "service"}
    own = TenantThresholds(alerts=alerts, services={"cart": services})
    tenants["shop"] = tenants["shop"].model_copy(update={"thresholds": own})
    return context(STACK, platform={"tenants": tenants})


def asked(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each metric that an expression asks for, with a value for each label that it asks it for."""
    braced = SELECTOR.findall(expression)
    for name, inside in braced:
        said = {label: value.partition("|")[0] for label, how, value in MATCHER.findall(inside) if how[0] == "="}
        yield name, {label: value.replace(".+", "a").replace("..", "00") for label, value in said.items()}
    yield from ((each.metric, {}) for each in read(expression).selectors if each.metric not in dict(braced))


def named(expression: str) -> set[str]:
    """Return the labels that an expression names: in selectors, in lists, and as words of label_replace."""
    found = read(expression)
    lists = [*(each.labels for each in found.selectors), *(each.labels for each in found.groupings)]
    texts = {word.strip('"') for kind, word in tokens(expression) if kind == "text"}
    return {each for each in texts.union(*lists) if re.fullmatch(r"[A-Za-z_]\w*", each)}


def imitations(rules: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield series for each selector of rules: one with every label of theirs, and others that differ in one."""
    labels = sorted(set().union(*(named(rule["expr"]) for rule in rules)) - OWNER - WHERE.keys())
    for name, values in (each for rule in rules for each in asked(rule["expr"]) if each[0]):
        said = {label: value for label, value in values.items() if label not in WHERE and value != "platform"}
        own = {"__name__": name, "tenant": "mallory", **HERE, "x": name, **WHERE}
        whole = {**dict.fromkeys(labels, "a"), **own, **said}
        yield whole
        yield from ({**whole, label: f"{name} b"} for label in (*labels, "tenant", "x") if label not in said)
        # A monitor may take the job away, and what is pushed has no namespace.
        yield from ({**whole, label: ""} for label in WHERE)


def written(series: dict[str, str]) -> str:
    """Return a series as promtool reads it."""
    labels = ", ".join(f'{label}="{value}"' for label, value in series.items() if value and label != "__name__")
    return f"{series['__name__']}{{{labels}}}"


@pytest.mark.parametrize("area", sorted(files.sources()))
def test_series_named_as_the_platforms_keep_no_rule_from_being_evaluated(area: str, tmp_path: Path) -> None:
    shipped = everywhere(owning())[area]
    rules = [rule for group in shipped["groups"] for rule in group["rules"]]
    series = sorted({written(each) for each in imitations(rules)})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
    test = {
        "interval": "1m",
        "input_series": [{"series": each, "values": "1+1x30"} for each in series],
        "alert_rule_test": [{"eval_time": "20m", "alertname": "Nobody", "exp_alerts": []}],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "test", "rules", str(tmp_path / "test.yaml"))
    assert done.returncode == 0, "\n".join((done.stdout + done.stderr).splitlines()[:20])
