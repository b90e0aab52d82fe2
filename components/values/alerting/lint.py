"""What is wrong with a tree though Alertmanager accepts it: unreachable routes, mixed owners, open credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from components.values.alerting import matching
from components.values.alerting.matching import Matcher
from settings import names
from settings.vocabulary import Severity

Tree = Mapping[str, Any]
OTHER = "any-other"
"""Stands for a value that no matcher names."""
OWNER = {names.TENANT_LABEL, names.REGION_LABEL}
ONE_IN_A_REGION = {names.CLUSTER_LABEL, names.ENVIRONMENT_LABEL}
"""Labels that the region decides."""
_IN_THE_OPEN = {"url", "api_url", "routing_key", "service_key", "auth_password", "bot_token", "credentials", "password"}
"""Fields that hold a credential where the same with _file, or a file's own name, would do."""


def problems(tree: Tree) -> list[str]:
    """Return every problem of a tree as a sentence."""
    return [
        *_unreachable(tree["route"], []),
        *_names(tree),
        *_groups(tree["route"], tree["route"]["group_by"]),
        *_inhibitions(tree["inhibit_rules"]),
        *(f"{path} holds a credential in the open; fix: name a mounted file" for path in _open(tree, "")),
    ]


def inhibition_problems(tree: Tree, alerts: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what is wrong with the inhibition graph, given the labels of alerts as they fire.

    Args:
        tree: the tree.
        alerts: labels of each alert, `alertname` and `severity` among them, of one service or object each.
    """
    pages = [each for each in alerts if each["severity"] == Severity.PAGE]
    warns = [each for each in alerts if each["severity"] == Severity.WARN]
    rules = tree["inhibit_rules"]
    found = [
        f"inhibit_rules[{number}] keeps no warn quiet; fix: correct its matchers, or remove it"
        for number, rule in enumerate(rules)
        if not any(matching.inhibits(rule, page, warn) for page, warn in product(pages, warns))
    ]
    found += [
        f"inhibit_rules[{number}] lets page {page['alertname']} keep its warn of another {label} quiet; "
        "fix: name it in equal"
        for number, rule in enumerate(rules)
        for page, warn in product(pages, warns)
        if page["alertname"] == warn["alertname"] and matching.inhibits(rule, page, warn)
        for label in sorted((page.keys() & warn.keys()) - {"severity", *ONE_IN_A_REGION, *rule["equal"]})
    ]
    served = [[each for each in some if each.get("service_name")] for some in (pages, warns)]
    return found + [
        f"page {page['alertname']} leaves warn {warn['alertname']} of its service to be heard"
        for page, warn in product(*served)
        if all(page.get(label) == warn.get(label) for label in (*OWNER, "service_name"))
        and not any(matching.inhibits(rule, page, warn) for rule in rules)
    ]


def _unreachable(route: Tree, above: list[Matcher]) -> Iterator[str]:
    """Yield the routes that no alert can come to, since earlier ones that do not go on take all that they would."""
    earlier: list[Tree] = []
    for child in route.get("routes", []):
        own = [*above, *matching.matchers(child)]
        where = f"route to {child['receiver']} ({', '.join(map(str, matching.matchers(child))) or 'everything'})"
        if not _possible(own, earlier):
            taken = ", ".join(each["receiver"] for each in earlier)
            yield f"{where} is never reached; taken before by: {taken or 'nobody, its matchers contradict each other'}"
        else:
            yield from _unreachable(child, own)
        if not child.get("continue", False):
            earlier.append(child)


def _possible(own: Sequence[Matcher], earlier: Sequence[Tree]) -> bool:
    """Tell whether some alert meets all matchers and none of the earlier routes takes it.

    It is enough to try, for each label that is named anywhere, the values that are named for it by the route itself,
    one that nobody names, and none at all: to an earlier route every other value is one of these.
    """
    exact = {each.label: each.value for each in own if each.operator == "="}
    rivals = [route for route in earlier if not _excluded(route, exact)]
    labels = {each.label for each in own}
    for route in rivals:
        labels |= {each.label for each in matching.matchers(route)}
    choices = {label: list(_values(label, own)) for label in sorted(labels)}
    for values in product(*choices.values()):
        alert = dict(zip(choices, values, strict=True))
        if all(each.holds(alert) for each in own) and not any(matching.takes(route, alert) for route in rivals):
            return True
    return False


def _excluded(route: Tree, exact: Mapping[str, str]) -> bool:
    """Tell whether a route asks for another value of a label whose value is settled, as of another tenant."""
    return any(
        each.operator == "=" and exact.get(each.label, each.value) != each.value for each in matching.matchers(route)
    )


def _values(label: str, own: Sequence[Matcher]) -> Iterator[str]:
    yield OTHER
    yield ""
    for each in own:
        if each.label == label:
            # Of a regular expression its words are tried, and its groups' words before anything: `(Postgres|DB).*`.
            texts = each.value.replace(".*", OTHER).replace(".+", OTHER)
            yield from _words(texts) if "~" in each.operator else [each.value]


def _words(pattern: str) -> Iterator[str]:
    before, opened, rest = pattern.partition("(")
    if not opened:
        yield from pattern.split("|")
        return
    inside, _, after = rest.partition(")")
    for word in inside.split("|"):
        yield f"{before}{word}{after}"


def _names(tree: Tree) -> Iterator[str]:
    defined = [each["name"] for each in tree["receivers"]]
    used = {route["receiver"] for route in _routes(tree["route"])}
    yield from (f"receiver {name} is defined twice" for name in sorted({n for n in defined if defined.count(n) > 1}))
    yield from (f"receiver {name} is in no route" for name in sorted(set(defined) - used))
    yield from (f"receiver {name} is in a route but not defined" for name in sorted(used - set(defined)))
    intervals = {each["name"] for each in tree.get("time_intervals", [])}
    muted = {name for route in _routes(tree["route"]) for name in route.get("mute_time_intervals", [])}
    yield from (f"mute interval {name} is in a route but not defined" for name in sorted(muted - intervals))


def _groups(route: Tree, inherited: Sequence[str]) -> Iterator[str]:
    """Yield routes whose groups mix owners: one notification would speak of two tenants, or of two regions."""
    group_by = route.get("group_by", inherited)
    whole = any(each.operator == "=" and each.label == "alertname" for each in matching.matchers(route))
    if not set(group_by) >= OWNER and not whole:
        yield f"route to {route['receiver']} groups by {', '.join(group_by)}; fix: group by tenant and region as well"
    for child in route.get("routes", []):
        yield from _groups(child, group_by)


def _inhibitions(rules: Sequence[Tree]) -> Iterator[str]:
    for number, rule in enumerate(rules):
        if missing := OWNER - set(rule["equal"]):
            yield f"inhibit_rules[{number}] reaches over {', '.join(sorted(missing))}; fix: name it in equal"
        targets = [matching.parsed(text) for text in rule["target_matchers"]]
        page = {"severity": str(Severity.PAGE), names.TENANT_LABEL: OTHER, "service_name": OTHER}
        if all(each.holds(page) for each in targets):
            yield f"inhibit_rules[{number}] keeps pages quiet; fix: name severity in target_matchers"


def _routes(route: Tree) -> Iterator[Tree]:
    yield route
    for child in route.get("routes", []):
        yield from _routes(child)


def _open(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            place = f"{path}.{key}" if path else str(key)
            # A button's address is a template, not a credential.
            if key in _IN_THE_OPEN and isinstance(inner, str) and "{{" not in inner:
                yield place
            yield from _open(inner, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _open(inner, f"{path}[{index}]")
