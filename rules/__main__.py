"""`python -m rules lint`: check the rule files; exit code 1 when something is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
import yaml

from charts.pull import resolve
from components.values.alerting.stores import stores
from components.values.metrics import UNUSED_RULE_GROUPS
from dashboards import alert_panels
from dashboards.catalogue import CATALOGUE
from rules import files, lint, lint_chart, lint_runbooks
from rules.filling import Threshold, filled, filled_tests
from settings.thresholds import defaults

GRAFANA = "https://grafana.us-east.dev.observability.example.com"
"""The address that stands in the rule tests."""

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Alerting and recording rules.")


@app.callback()
def main() -> None:
    """Keep `lint` a command of its own beside those to come."""


@app.command(name="lint")
def check(
    promtool: Annotated[str, typer.Option(help="Program that checks syntax.")] = "promtool",
    tests: Annotated[bool, typer.Option("--tests", help="Run the rules' tests too, as pytest does.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check every rule: syntax, owner, words, runbook, dashboard, known metrics, doubles of the chart's; and pages."""
    started, areas = time.monotonic(), lint.documents()
    have = lint.known(areas, CATALOGUE.keys())
    found = lint.findings(areas, have)
    theirs = lint_chart.shipped(resolve({})[lint_chart.CHART].path, UNUSED_RULE_GROUPS)
    found += lint_chart.findings(areas, theirs)
    pages = lint_runbooks.problems(files.runbooks(), have, stores())
    problems = [*map(str, found), *pages, *_promtool(promtool, tests)]
    if as_json:
        print(json.dumps({"accepted": not problems, "problems": problems}))
    else:
        count = sum(len(group["rules"]) for groups in areas.values() for group in groups)
        verdict = f"{len(problems)} problems" if problems else "all right"
        print("\n".join([*problems, f"rules: {count} rules, {verdict} ({time.monotonic() - started:.1f} s)"]))
    raise typer.Exit(bool(problems))


def _promtool(program: str, with_tests: bool) -> list[str]:
    """Return what promtool finds wrong with the rules as they ship, and with their tests."""
    path = shutil.which(program)
    if path is None:
        return [f"{program} is not there; fix: python -m tools build promtool, and name it with --promtool"]
    thresholds = {alert: Threshold(default.value, default.unit) for alert, default in defaults().items()}
    panels = alert_panels.by_alert()
    with tempfile.TemporaryDirectory() as folder:
        rules, tests = [], []
        for area, document in files.documents().items():
            rules.append(Path(folder) / f"{area}{files.SUFFIX}")
            shipped = filled(document, GRAFANA, thresholds, panels)
            rules[-1].write_text(yaml.safe_dump(shipped), encoding="utf-8")
            tests.append(Path(folder) / f"{area}{files.TESTS_SUFFIX}")
            expected = filled_tests(yaml.safe_load(files.tests(area)), panels)
            tests[-1].write_text(yaml.safe_dump(expected), encoding="utf-8")
        rules.append(Path(folder) / f"runbooks{files.SUFFIX}")
        rules[-1].write_text(yaml.safe_dump(lint_runbooks.as_rules(files.runbooks())), encoding="utf-8")
        runs = [["check", "rules", *map(str, rules)], *([["test", "rules", *map(str, tests)]] if with_tests else [])]
        done = [subprocess.run([path, *each], capture_output=True, text=True, check=False) for each in runs]
    return [each.stdout + each.stderr for each in done if each.returncode]


if __name__ == "__main__":
    app()
