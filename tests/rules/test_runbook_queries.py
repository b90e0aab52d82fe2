"""Queries of runbooks can be pasted: metrics, labels and services are those that collectors, Loki and charts make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import tools
from components.values.alerting.stores import stores
from rules import files, lint, lint_runbooks
from rules.lint_runbooks import Stores
from tests.contexts import context
from tests.rendering import loki_files
from tests.running import run

PAGES = files.runbooks()
HAVE = lint.Known({"m": frozenset({"code"})}, (), ())
KNOWN = Stores({"tenant", "service_name"}, {"k8s_pod_name"}, {"loki"})
PAGE = """# Broken

**Look**
1. Metric: how much `{metric}`, as `ms` and `idle in transaction` say
2. Trace: which
   ```
   {{ status = error }}
   ```
3. Log: `{log}` before it

**Likely**
- Log: `{{nothing="x"}}`
"""


def said(metric: str = "rate(m[5m])", log: str = '{tenant="<t>"}') -> list[str]:
    return list(lint_runbooks.problems({"Broken": PAGE.format(metric=metric, log=log)}, HAVE, KNOWN))


def test_every_page_asks_metrics_traces_and_logs_that_there_are() -> None:
    areas = lint.documents()
    assert list(lint_runbooks.problems(PAGES, lint.known(areas, ()), stores())) == []
    assert len(lint_runbooks.queries(PAGES)) >= 3 * len(PAGES)


def test_promtool_reads_every_metric_query(tmp_path: Path) -> None:
    file = tmp_path / "runbooks.rules.yaml"
    document = lint_runbooks.as_rules(PAGES)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = run(tools.ensure("promtool")["promtool"], "check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    document["groups"][0]["rules"][0]["expr"] += ")"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert run(tools.ensure("promtool")["promtool"], "check", "rules", str(file)).returncode == 1


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"metric": "sum(other_total)"}, "Metric query asks for other_total, which no exporter and no recording gives"),
        ({"metric": 'm{path="/"} > 1'}, "Metric query asks m for path, which it has not; fix: correct the label"),
        ({"metric": "ms"}, "has no Metric query; fix: write `1. Metric: ...` under Look"),
        ({"log": '{pod="a"}'}, "Log query selects streams by pod, which is no index label; fix: one of service_name"),
        (
            {"log": '{service_name="lokj"}'},
            "Log query asks for service lokj, and nobody is called so; fix: one of loki",
        ),
        ({"log": '{service_name=~"loki|tempo.*"}'}, "Log query asks for service tempo.*, and nobody is called so"),
        ({"log": '{tenant="t"} | pod="a"'}, "Log query asks lines for pod, which none has; fix: one of k8s_pod_name"),
        ({"log": 'sum by (pod) (rate({tenant="t"}[5m]))'}, "Log query asks lines for pod, which none has"),
        ({"log": "tenant"}, "has no Log query; fix: write `3. Log: ...` under Look"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(query: dict[str, str], sentence: str) -> None:
    assert said() == []
    (found,) = said(**query)
    assert found.startswith(f"runbooks/Broken.md: {sentence}")


@pytest.mark.parametrize(
    "log",
    [
        '{tenant="t"} | json | anything="x"',
        '{service_name=~"lo.*"} |~ "pod=|x" | k8s_pod_name="a"',
        '{service_name="<s>"}',
    ],
)
def test_what_is_right_is_not_said(log: str) -> None:
    assert said(log=log) == []


def test_index_labels_are_those_of_the_rendered_loki() -> None:
    otlp: dict[str, Any] = loki_files(context())[0]["limits_config"]["otlp_config"]
    (resource,) = otlp["resource_attributes"]["attributes_config"]
    (log,) = otlp["log_attributes"]
    assert resource["action"] == log["action"] == "index_label"
    indexed = {each.replace(".", "_") for each in (*resource["attributes"], *log["attributes"])}
    assert stores().index_labels == indexed
    assert not set(stores().metadata) & indexed - {"k8s_namespace_name", "service_name"}
