"""Labels of alerts as they fire: ours as the rules' own tests say them in full, the chart's as far as its words do."""

from __future__ import annotations

import yaml

from charts.pull import resolve
from components.values.metrics import UNUSED_RULE_GROUPS
from components.values.prometheus import FOREIGN_SEVERITIES
from rules import files, lint_chart
from settings import names

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def alerts() -> list[dict[str, str]]:
    """Return the labels of each alert and severity, `alertname` among them, all moved to one service of one tenant.

    So any two that could be of one service are, and the inhibition between them can be asked.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for area in files.sources():
        for test in yaml.load(files.tests(area), _LOADER)["tests"]:  # noqa: S506 - a safe one, in C
            for each in test.get("alert_rule_test", []):
                for alert in each["exp_alerts"] or []:
                    labels = {**alert["exp_labels"], "alertname": each["alertname"]}
                    labels |= {names.TENANT_LABEL: "t", names.REGION_LABEL: "r"}
                    labels |= {"service_name": "s"} if "service_name" in labels else {}
                    found[each["alertname"], labels["severity"]] = labels
    return list(found.values())


def of_chart() -> list[dict[str, str]]:
    """Return the alerts of kube-prometheus-stack, with the severities that ours have and the labels that they name."""
    shipped = lint_chart.shipped(resolve({})[lint_chart.CHART].path, UNUSED_RULE_GROUPS)
    return [
        {
            **{word.removeprefix(lint_chart.LABEL): "x" for word in words if word.startswith(lint_chart.LABEL)},
            "alertname": name,
            "severity": str(own),
            names.TENANT_LABEL: names.PLATFORM_TENANT,
            names.REGION_LABEL: "r",
        }
        for name, words in shipped.items()
        for theirs, own in FOREIGN_SEVERITIES.items()
        if theirs in words
    ]
