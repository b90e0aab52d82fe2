"""The comments that recorded previews of the shipped program give (`record.py`): golden files, and what each must say.

After a change of the report: WRITE_GOLDEN=1, and read what differs. After one of the program nothing need be done: the
recordings stay what a program once said.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from automation.problem import Exit
from automation.report import Report, make
from automation.report.markdown import LIMIT, markdown
from settings import load
from settings.load import ROOT
from tests.automation import recordings

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    "no-change",
    "retention-cut",
    "chart-bump",
    "tenant-added",
    "statefulset-replaced",
    "400-tenants-changed",
]
REGIONS = ("ap-southeast", "eu-west", "us-east")


@cache
def report(case: str) -> Report:
    return make(recordings.read(case), load.environment_from_file("prod"))


@pytest.mark.parametrize("case", CASES)
def test_the_comment_is_the_golden_one_fits_and_names_every_risk(case: str) -> None:
    comment = markdown(report(case))
    assert len(comment) < LIMIT
    for risk in report(case).risks:
        assert f"`{risk.subject}`" in comment
    golden = GOLDEN / f"{case}.md"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(comment)
    assert comment == golden.read_text()


def test_the_page_quotes_a_comment_as_it_is_and_says_nothing_twice() -> None:
    page = (ROOT / "docs" / "pipelines.md").read_text()
    quoted = [line.removeprefix(">").removeprefix(" ") for line in page.splitlines() if line.startswith(">")]
    assert "\n".join(quoted) in (GOLDEN / "retention-cut.md").read_text()
    assert "#### Risks" in quoted
    blocks = Counter(block for block in re.split(r"\n(?:>? *\n)+", page) if len(block) > 80)
    assert [block for block, times in blocks.items() if times > 1] == []


@pytest.mark.parametrize("case", CASES)
def test_a_recording_holds_no_secret_and_nothing_of_the_machine(case: str) -> None:
    text = recordings.text(case)
    assert re.findall(r"/(?:tmp|work|home|root)/[^\"\s]*|BEGIN [A-Z ]*PRIVATE KEY|ciphertext|plaintext", text) == []
    assert '"seconds": 0.0' in text


def test_all_recordings_are_small() -> None:
    assert sum(file.stat().st_size for file in recordings.FOLDER.iterdir()) < 400_000


def test_no_change_ends_well() -> None:
    assert report("no-change").exit is Exit.OK
    assert markdown(report("no-change")).splitlines()[1] == "### Preview of prod: no change in 3 regions"


def test_a_retention_cut_is_a_risk_wherever_something_is_deleted_sooner() -> None:
    found = report("retention-cut")
    assert found.exit is Exit.RISKS
    assert {risk.regions for risk in found.risks} == {REGIONS}
    assert [(risk.kind, risk.subject, risk.what.partition(":")[0]) for risk in found.risks] == [
        (
            "retention-cut",
            "loki:observability/loki",
            'data["config.yaml"] limits_config.retention_period 720h -> 696h',
        ),
        *(
            (
                "retention-cut",
                "loki:observability/loki-runtime",
                f'data["runtime-config.yaml"] overrides.{tenant}.retention_period 720h -> 696h',
            )
            for tenant in ("payments", "platform", "storefront")
        ),
        ("retention-cut", "store-logs-lifecycle", "rules[0].expiration.days 33 -> 32"),
    ]


def test_pods_that_restart_for_a_new_configuration_stand_once() -> None:
    comment = markdown(report("retention-cut"))
    assert "update 7 resources in all regions: 1 value each" in comment
    assert comment.count("checksum/config") == 1


def test_a_chart_bump_is_no_risk_and_says_the_same_of_many_objects_once() -> None:
    found = report("chart-bump")
    assert (found.exit, found.risks) == (Exit.CHANGES, ())
    assert {group.regions for group in found.groups} == {REGIONS}
    comment = markdown(found)
    assert comment.count("<summary>") == 2
    assert (
        '- metadata.labels["helm.sh/chart"]: loki-18.10.1\n+ metadata.labels["helm.sh/chart"]: loki-18.11.0' in comment
    )
    assert all(f"{group.kind} `{group.label}`" in comment for group in found.groups)


def test_one_tenant_more_is_no_risk_and_what_it_gets() -> None:
    found = report("tenant-added")
    assert (found.exit, found.risks) == (Exit.CHANGES, ())
    comment = markdown(found)
    assert '+ data["runtime-config.yaml"] overrides.zoo: {' in comment
    assert '+ alertmanagerConfig.receivers["tenant-zoo"]: {' in comment
    assert '! data["alertmanager.yaml"]: [secret], another one' in comment
    assert [group.label for group in found.groups if group.op == "create" and group.regions == REGIONS] == [
        "secrets-access-token-zoo-secret",
        "secrets-access-token-zoo-version",
        "secrets-access-token-zoo",
    ]


def test_replaced_stateful_things_name_their_region_their_reason_and_what_it_costs() -> None:
    found = report("statefulset-replaced")
    assert found.exit is Exit.RISKS
    assert {(risk.kind, risk.regions) for risk in found.risks} == {("replace-stateful", ("eu-west",))}
    said = {risk.subject: risk.what for risk in found.risks}
    assert said["loki:observability/loki-ingester"] == (
        "StatefulSet is replaced because of spec.volumeClaimTemplates[0].spec.storageClassName: "
        "its pods stop until it is there again"
    )
    assert said["metrics:observability/grafana"].endswith("its data is gone")
    comment = markdown(found)
    assert comment.index("replace-stateful") < comment.index("#### Changes")


def test_400_tenants_changed_are_all_named_and_the_diffs_give_way() -> None:
    found = report("400-tenants-changed")
    assert found.exit is Exit.RISKS
    weakened = [risk for risk in found.risks if risk.kind == "limit-weakened"]
    tenants = {match[1] for risk in weakened if (match := re.search(r"(overrides(?:\.\w+|\[[^]]+\]))", risk.what))}
    assert len(tenants) == 400
    comment = markdown(found)
    assert all(f"{tenant}.ingestion_rate_mb" in comment for tenant in tenants)
    assert set(found.regions) == set(REGIONS)
