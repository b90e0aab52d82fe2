"""The tree as a picture, in Mermaid's words: what an operator sees is what Alertmanager searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.values.alerting import matching

Route = Mapping[str, Any]


def mermaid(tree: Mapping[str, Any]) -> str:
    """Return the tree as a flowchart: routes in the order in which they are tried, and where each ends.

    A dotted arrow goes on to the next route though this one took the alert.
    """
    lines = ["flowchart LR", '  alert(["alert"])']
    before, arrow = "alert", "-->"
    for number, route in enumerate(tree["route"]["routes"]):
        node = f"r{number}"
        lines.append(f'  {node}{{{{"{_question(route)}"}}}}')
        lines.append(f"  {before} {arrow} {node}")
        lines.append(f'  {node} -- takes --> {node}to["{_ends(route)}"]')
        before, arrow = node, "-. goes on .->" if route.get("continue") else "-- else -->"
    lines += [f"  {line}" for line in _inhibitions(tree)]
    return "\n".join(lines) + "\n"


def table(tree: Mapping[str, Any]) -> str:
    """Return how each route groups and waits, as a Markdown table."""
    root = tree["route"]
    head = "| receiver | takes | goes on | groups by | first after | then every | again after |\n"
    rows = ["|---|---|---|---|---|---|---|\n"]
    for route in root["routes"]:
        own = {**root, **route}
        cells = [
            f"`{route['receiver']}`",
            _question(route).replace("<br>", ", "),
            "yes" if route.get("continue") else "no",
            ", ".join(own["group_by"]),
            own["group_wait"],
            own["group_interval"],
            own["repeat_interval"],
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return head + "".join(rows)


def _question(route: Route) -> str:
    asked = [f"{each.label} {each.operator} {each.value}" for each in matching.matchers(route)]
    return "<br>".join(asked) or "anything else"


def _ends(route: Route) -> str:
    ends = [f"{route['receiver']}"]
    for child in route.get("routes", []):
        quiet = child.get("mute_time_intervals")
        note = f"not in {', '.join(quiet)}" if quiet else f"every {child['repeat_interval']}"
        ends.append(f"{_question(child)}: {note}")
    return "<br>".join(ends)


def _inhibitions(tree: Mapping[str, Any]) -> Iterator[str]:
    for number, rule in enumerate(tree["inhibit_rules"]):
        source, target = (
            "<br>".join(f"{each.label} {each.operator} {each.value}" for each in map(matching.parsed, rule[key]))
            for key in ("source_matchers", "target_matchers")
        )
        same = ", ".join(rule["equal"])
        yield f'i{number}["{source}"] -- "keeps quiet, of the same {same}" --> i{number}to["{target}"]'
