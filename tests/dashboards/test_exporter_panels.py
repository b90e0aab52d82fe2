"""Panels about exporters that the lab cannot have: every query is run by promtool on samples of theirs.

The samples go through the rules that ship. A query must return data for the tenant and region that have it, and none
for another tenant or region, so that choosing one filters the whole of every panel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.values.dashboard_files import dashboard_files
from components.values.rule_files import everywhere
from tests.contexts import context
from tests.running import run

BOARDS = (
    "gpu",
    "grpc-clients",
    "kafka",
    "kubernetes-workloads",
    "postgres-connections",
    "postgres-queries",
    "webhooks",
)
AREAS = ("business", "gpu", "kafka", "postgres", "postgres-queries", "rabbitmq")
"""Areas whose recordings the panels use; those of postgres-baselines need a week and are among the samples."""
FILES = {each.uid: json.loads(each.text) for each in dashboard_files(context()) if each.uid in BOARDS}
SAMPLES = Path(__file__).with_name("exporter_samples.yaml")
OWNER = 'tenant="shop", region="us-east", cluster="c", environment="dev"'
PLATFORM = OWNER.replace('"shop"', '"platform"')
AT = "2h"
PLATFORMS = {"GPUs that nobody speaks of"}
"""Panels about nodes, which are the platform's."""
LONG = {"Deliveries against a week ago"}
"""Panels that look back for a week; their samples are too many for one file."""


def queries() -> Iterator[tuple[str, str, str]]:
    """Yield dashboard, title and query of each panel that asks Prometheus."""
    for uid in BOARDS:
        for panel in FILES[uid]["panels"]:
            for target in panel.get("targets") or []:
                if target.get("datasource", panel["datasource"])["type"] == "prometheus":
                    yield uid, panel["title"], target["expr"]


def filled(expression: str, tenant: str, region: str) -> str:
    """Return a query with its variables filled as Grafana fills them."""
    for name, value in {"$__rate_interval": "5m", "$tenant": tenant, "$region": region}.items():
        expression = expression.replace(name, value)
    return re.sub(r'"\$\w+"', '".*"', expression)


def series() -> list[dict[str, str]]:
    """Return the samples with their owner: nodes are the platform's, the rest is a tenant's."""
    found = []
    for entry in yaml.safe_load(SAMPLES.read_text(encoding="utf-8")):
        ((name, values),) = entry.items()
        owner = PLATFORM if name.startswith("kube_node_") else OWNER
        found.append({"series": name.replace("{", f"{{{owner}, ", 1), "values": str(values)})
    capacity = {
        "series": f'kube_node_status_capacity{{{OWNER}, node="n", resource="nvidia_com_gpu"}}',
        "values": "1x130",
    }
    return [*found, capacity]


def checked(folder: Path, chosen: tuple[str, str], returns: bool) -> str:
    """Return what promtool says of every query, each being asked whether it returns anything."""
    tests = []
    for uid, title, expression in queries():
        if title in LONG:
            continue
        own = ("platform", chosen[1]) if title in PLATFORMS and returns else chosen
        asked = filled(expression, *own)
        if not returns and "or vector(0)" in asked:
            asked = f"({asked}) > 0"
        expected = [{"labels": "{}", "value": 1}] if returns else []
        wrapped = f"count({asked}) > bool 0  # {uid}: {title}"
        tests.append({"expr": wrapped, "eval_time": AT, "exp_samples": expected})
    for area in AREAS:
        (folder / f"{area}.yaml").write_text(yaml.safe_dump(everywhere(context())[area]), encoding="utf-8")
    document: dict[str, Any] = {
        "rule_files": [f"{area}.yaml" for area in AREAS],
        "evaluation_interval": "5m",
        "tests": [{"interval": "1m", "input_series": series(), "promql_expr_test": tests}],
    }
    file = folder / "panels_test.yaml"
    file.write_text(yaml.safe_dump(document, width=10_000), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_every_query_returns_data_for_the_tenant_that_has_it(tmp_path: Path) -> None:
    assert checked(tmp_path, ("shop", "us-east"), returns=True) == ""


@pytest.mark.parametrize("chosen", [("market", "us-east"), ("shop", "eu-west")])
def test_no_query_returns_anything_of_another_tenant_or_region(tmp_path: Path, chosen: tuple[str, str]) -> None:
    assert checked(tmp_path, chosen, returns=False) == ""


def test_the_long_panels_are_there() -> None:
    assert {title for _, title, _ in queries()} >= LONG | PLATFORMS
