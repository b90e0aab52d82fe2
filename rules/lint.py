"""Check the rule files on meaning: owner, severity, words, pages, known metrics; promtool checks syntax and tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from rules import files
from rules.filling import GRAFANA, RECORD, RUNBOOK, THRESHOLD
from rules.lint_promql import Expression, read
from settings.thresholds import defaults
from settings.vocabulary import Severity

OWNER = frozenset({"tenant", "region", "cluster", "environment"})
"""What every aggregation keeps, so that an alert never loses whom it belongs to."""
ANNOTATIONS = frozenset({"summary", "description", "runbook_url", "dashboard_url"})
TARGET = frozenset({"job", "instance", "namespace", "pod", "container", "service", "endpoint"})
"""Labels that every scrape adds."""
GENERATED = (RECORD, "tenant_limit", "slo:", "sloth_slo_info")
"""Names, or beginnings of names, of what settings make: thresholds, limits, objectives."""
_DASHBOARD = re.compile(rf"^{GRAFANA}/(?:d/(?P<uid>[a-z0-9-]+)(?:\?.*)?|alerting/.+)$", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a rule."""

    area: str
    rule: str
    what: str
    fix: str

    def __str__(self) -> str:
        """Return the sentence as `make lint` prints it."""
        return f"rules/{self.area}{files.SUFFIX}: {self.rule} {self.what}; fix: {self.fix}"


@dataclass(frozen=True)
class Known:
    """What a rule may refer to."""

    metrics: Mapping[str, frozenset[str] | None]
    """Labels of each metric besides the owner's and the target's; None where any may be there (recordings)."""
    dashboards: Collection[str]
    """Uids of the dashboards that ship."""
    runbooks: Collection[str]
    """Alerts that have a page."""
    ordered: Collection[str] = ()
    """Areas whose tests say in which order the groups are evaluated; elsewhere it is left to chance."""


def documents(sources: Mapping[str, str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the groups of every rule file by area, as written."""
    return {area: yaml.safe_load(text)["groups"] for area, text in (sources or files.sources()).items()}


def exported() -> dict[str, frozenset[str]]:
    """Return every metric of exporters/*.yaml with its labels."""
    found: dict[str, frozenset[str]] = {}
    for path in sorted((files.RULES / "exporters").glob("*.yaml")):
        exporter = yaml.safe_load(path.read_text(encoding="utf-8"))
        for metric, labels in exporter["metrics"].items():
            found[metric] = found.get(metric, frozenset()) | {*exporter.get("labels", []), *labels}
    return found


def known(areas: Mapping[str, list[dict[str, Any]]], dashboards: Collection[str]) -> Known:
    """Return what the tree's rules may refer to."""
    recorded = {
        rule["record"] for groups in areas.values() for group in groups for rule in group["rules"] if "record" in rule
    }
    ordered = [area for area in areas if "group_eval_order:" in files.tests(area)]
    return Known({**exported(), **dict.fromkeys(recorded)}, dashboards, files.runbooks().keys(), ordered)


def findings(areas: Mapping[str, list[dict[str, Any]]], have: Known) -> list[Finding]:
    """Return everything that is wrong, in the order of the files."""
    alerts = [
        rule["alert"] for groups in areas.values() for group in groups for rule in group["rules"] if "alert" in rule
    ]
    found = [each for area, groups in areas.items() for each in _of_area(area, groups, have)]
    doubles = sorted({name for name in alerts if alerts.count(name) > 1})
    pages, unused = sorted(set(have.runbooks) - set(alerts)), sorted(defaults().keys() - set(alerts))
    found += [Finding("*", name, "stands in two places", "rename one") for name in doubles]
    found += [Finding("*", name, "has a runbook and no rule", f"remove runbooks/{name}.md") for name in pages]
    found += [Finding("*", name, "has a threshold and no rule", "remove it from the thresholds") for name in unused]
    return found


def _of_area(area: str, groups: list[dict[str, Any]], have: Known) -> Iterator[Finding]:
    ordered = area in have.ordered
    home = (
        {}
        if ordered
        else {rule["record"]: group["name"] for group in groups for rule in group["rules"] if "record" in rule}
    )
    for group in groups:
        for rule in group["rules"]:
            name = rule.get("alert") or rule["record"]
            expression = read(rule["expr"].replace(THRESHOLD, "1"))
            problems = [*_owner(expression), *metrics(expression, have)]
            if "alert" in rule:
                problems += [*_alert(rule, have), *_threshold(rule)]
                elsewhere = {
                    each.metric
                    for each in expression.selectors
                    if home.get(each.metric, group["name"]) != group["name"]
                }
                for metric in sorted(elsewhere):
                    problems.append(
                        (
                            f"reads {metric} of another group",
                            "move both into one group, or give the tests a group_eval_order",
                        )
                    )
            yield from (Finding(area, name, what, fix) for what, fix in problems)


def _owner(expression: Expression) -> Iterator[tuple[str, str]]:
    for each in expression.groupings:
        missing = ", ".join(sorted(OWNER - each.labels))
        if each.word not in {"on", "ignoring"}:
            if each.how != "by" or missing:
                yield (
                    f"aggregates with {each.word} and drops {missing}",
                    "write by (tenant, region, cluster, environment, ...)",
                )
        elif each.word == "on" and "tenant" not in each.labels and each.labels:
            yield "matches on labels without tenant", "add tenant, or one tenant's series decides about another's"
        elif each.word == "on" and missing and not each.keeps:
            yield (
                f"matches one to one and drops {missing}",
                "name them in on (...), or keep one side with group_left ()",
            )


def metrics(expression: Expression, have: Known, made: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield which metrics and labels of a rule or a runbook's query nobody gives, each with its correction.

    Args:
        expression: what asks.
        have: what may be asked for.
        made: names, or beginnings of names, that are there besides.
    """
    for each in expression.selectors:
        if not each.metric or each.metric.startswith((*GENERATED, *made)):
            continue
        if each.metric not in have.metrics:
            yield f"asks for {each.metric}, which no exporter and no recording gives", "add it to rules/exporters/"
            continue
        labels = have.metrics[each.metric]
        if labels is not None and (unknown := each.labels - labels - OWNER - TARGET):
            yield (
                f"asks {each.metric} for {', '.join(sorted(unknown))}, which it has not",
                "correct the label, or its exporter's file",
            )


def _alert(rule: dict[str, Any], have: Known) -> Iterator[tuple[str, str]]:
    severity, words = rule.get("labels", {}).get("severity"), rule.get("annotations", {})
    if severity not in set(Severity):
        yield f"has the severity {severity!r}", f"one of {', '.join(Severity)}"
    if set(words) != ANNOTATIONS or not all(str(text).strip() for text in words.values()):
        yield f"has the annotations {', '.join(sorted(words))}", f"exactly {', '.join(sorted(ANNOTATIONS))}"
        return
    if words["runbook_url"] != RUNBOOK or rule["alert"] not in have.runbooks:
        yield "has no runbook", f"write runbooks/{rule['alert']}.md, and runbook_url: '{RUNBOOK}'"
    link = _DASHBOARD.match(words["dashboard_url"])
    if link is None or (link["uid"] is not None and link["uid"] not in have.dashboards):
        yield f"leads to {words['dashboard_url']}", f"{GRAFANA}/d/<uid of dashboards/catalogue.py>?var-tenant=..."


def _threshold(rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    uses = THRESHOLD in rule["expr"]
    if uses and rule["alert"] not in defaults():
        yield f"writes {THRESHOLD} and has no default", "add it to the area's thresholds file"
    if not uses and rule["alert"] in defaults():
        yield "has a default that it does not compare with", f"write {THRESHOLD}, or remove the default"
