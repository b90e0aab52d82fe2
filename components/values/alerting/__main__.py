"""Show, check or write down the tree: python -m components.values.alerting tree|lint|docs [STACK ...]."""

from __future__ import annotations

import argparse
import sys

import yaml

from components.values.alert_routing import alertmanager_config
from components.values.alerting import fired, lint, page, picture
from components.values.context import Context
from settings import load, names
from settings.problem import SettingsError


def main() -> int:
    """Run one command; 0 when all is well, 1 when something is refused."""
    parser = argparse.ArgumentParser(prog="python -m components.values.alerting", description=__doc__)
    parser.add_argument("command", choices=["tree", "yaml", "lint", "docs"])
    parser.add_argument("stack", nargs="*", help="<env>.<region>; lint takes all regions of all environments")
    given = parser.parse_args()
    try:
        if given.command == "docs":
            (load.ROOT / page.FILE).write_text(page.page(), encoding="utf-8")
            print(f"{page.FILE}: the tree of {page.STACK}. Next: review the change.")
            return 0
        stacks = given.stack or (every_stack() if given.command == "lint" else [page.STACK])
        trees = {stack: alertmanager_config(Context(*load.from_file(stack))) for stack in stacks}
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    if given.command == "lint":
        alerts = [*fired.alerts(), *fired.of_chart()]
        found = [
            f"{stack}: {problem}"
            for stack, tree in trees.items()
            for problem in [*lint.problems(tree), *lint.inhibition_problems(tree, alerts)]
        ]
        print("\n".join(found) or f"routes: {len(trees)} trees, nothing is wrong.", file=sys.stderr if found else None)
        return 1 if found else 0
    for tree in trees.values():
        print(picture.mermaid(tree) if given.command == "tree" else yaml.safe_dump(tree, width=1000), end="")
    return 0


def every_stack() -> list[str]:
    """Return every region of every environment that has settings."""
    environments = sorted(path.name.split(".")[1] for path in load.ROOT.glob("Pulumi.*.yaml"))
    return [
        names.stack(environment, region)
        for environment in environments
        for region in sorted(load.environment_from_file(environment).regions)
    ]


if __name__ == "__main__":
    sys.exit(main())
