"""Record previews of the shipped program for the golden comments: python -m tests.automation.record [FOLDER].

Brings labs of all regions of prod up, and previews each case as `make review` does: a quarter of an hour on two cores.
What the previews said goes to `recorded/`, from which the tests make the comments again. With a folder the labs are
made there and stay, so that the next run finds them; without one they go at the end. With names of cases behind the
folder only those are recorded.
"""

from __future__ import annotations

import copy
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from automation.fleet import Fleet
from automation.preview import previews
from automation.report import risks
from automation.runner import Runner
from automation.site import HOME
from bench import fleet as many
from lab import fleet
from lab.lifecycle import Lab
from lab.reporter import Reporter
from lab.roots import linked
from settings import names
from settings.load import config_file, environment_from_file
from tests.automation.recordings import write

ENVIRONMENT: Final = "prod"
OLD_LOKI: Final = "18.10.1"
"""The pinned version before the default: what stands has it, so that the bump is one to the default."""
TENANTS: Final = 400
GROWN: Final = [risks.LIMIT]
"""What the coming of the other tenants may weaken."""
Edit = Callable[[dict[str, Any]], None]


def _old_chart(platform: dict[str, Any]) -> None:
    for region in platform["regions"].values():
        region["charts"] = {"loki": OLD_LOKI}


def _chart_bump(platform: dict[str, Any]) -> None:
    for region in platform["regions"].values():
        del region["charts"]


def _retention_cut(platform: dict[str, Any]) -> None:
    platform["retention"]["logs"] = "29d"


def _tenant_added(platform: dict[str, Any]) -> None:
    model = platform["tenants"]["storefront"]
    channels = {"slack": "#zoo-alerts"}
    platform["tenants"]["zoo"] = {
        **model, "namespaces": ["zoo"], "owners": ["team-zoo"], "channels": channels, "slos": {}
    }  # fmt: skip


def _storage_class(platform: dict[str, Any]) -> None:
    platform["regions"]["eu-west"]["cluster"]["storage_class"] = "gp3"


def _limits_changed(platform: dict[str, Any]) -> None:
    for tenant in platform["tenants"].values():
        tenant["limits"] = {**tenant["limits"], "log_mb_per_second": tenant["limits"]["log_mb_per_second"] * 2}


SHIPPED: Final[Mapping[str, Edit]] = {
    "no-change": lambda _: None,
    "retention-cut": _retention_cut,
    "chart-bump": _chart_bump,
    "tenant-added": _tenant_added,
    "statefulset-replaced": _storage_class,
}
"""Cases that start from the tenants that ship."""
CROWDED: Final[Mapping[str, Edit]] = {"400-tenants-changed": _limits_changed}
"""Cases that start from 400 tenants."""


def _on_labs(
    root: Path, document: dict[str, Any], cases: Mapping[str, Edit], only: Collection[str], say: Callable[[str], None]
) -> None:
    """Bring the fleet up as the document says, then preview each case's change of it."""
    chosen = {case: edit for case, edit in cases.items() if not only or case in only}
    if not chosen:
        return
    linked(root, ENVIRONMENT, document)
    journal = Fleet(ENVIRONMENT, root, say=say).up(rollout_status="applied", allowed=GROWN)
    if not journal.finished:
        sys.exit("\n".join(region.error for region in journal.regions.values()))
    for case, edit in chosen.items():
        changed = copy.deepcopy(document)
        edit(_platform(changed))
        linked(root, ENVIRONMENT, changed)
        made = Fleet(ENVIRONMENT, root)
        with Runner(made.site) as runner:
            found = previews(runner, made.settings, made.plan().regions)
        if errors := [error for preview in found for error in preview.errors]:
            sys.exit("\n".join(errors))
        say(f"{case}: {[result.counts for preview in found for result in preview.results]}")
        write(case, found)


def _platform(document: Mapping[str, Any]) -> dict[str, Any]:
    platform: dict[str, Any] = document["config"][f"{names.PROJECT}:{names.CONFIG_KEY}"]
    return platform


def record(root: Path, only: Collection[str], reporter: Reporter) -> None:
    """Record the cases on labs below a folder; labs that stand there already are taken as they are."""
    document = yaml.safe_load(config_file(ENVIRONMENT).read_text())
    crowd = many.document(TENANTS - len(_platform(document)["tenants"]), ENVIRONMENT)
    # Those that ship stay, since what protects their tokens would keep them from going.
    _platform(crowd)["tenants"] |= _platform(document)["tenants"]
    for each in (document, crowd):
        _old_chart(_platform(each))
    linked(root, ENVIRONMENT, document)
    before = dict(os.environ)
    try:
        with fleet.standing(ENVIRONMENT, reporter, root) as variables:
            os.environ.update({**variables, HOME: str(root / ".fleet")})
            _on_labs(root, document, SHIPPED, only, reporter.say)
            _on_labs(root, crowd, CROWDED, only, reporter.say)
    finally:
        os.environ.clear()
        os.environ.update(before)


def main(arguments: list[str]) -> None:
    """Record in the folder that is named, or in one that goes at the end, with its labs."""
    reporter = Reporter()
    if arguments:
        record(Path(arguments[0]).resolve(), arguments[1:], reporter)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        try:
            record(root, (), reporter)
        finally:
            for region in environment_from_file(ENVIRONMENT).regions:
                Lab(names.stack(ENVIRONMENT, region), reporter, root=root).down()


if __name__ == "__main__":
    main(sys.argv[1:])
