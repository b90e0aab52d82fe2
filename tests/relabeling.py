"""Evaluate relabelings as Prometheus does, as the operator's resources and as Prometheus' own file write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def relabel(rules: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, str] | None:
    """Return the labels after keep, drop and replace; None when the target or sample is dropped.

    Raises:
        AssertionError: a rule has another action, which this does not know.
    """
    done = dict(labels)
    for rule in rules:
        sources = rule.get("sourceLabels") or rule.get("source_labels") or []
        value = rule.get("separator", ";").join(done.get(source, "") for source in sources)
        match = re.fullmatch(str(rule.get("regex", "(.*)")), value, re.DOTALL)
        action = rule.get("action", "replace")
        assert action in {"keep", "drop", "replace"}, f"{action} is not known here"
        if (action == "keep" and not match) or (action == "drop" and match):
            return None
        if action == "replace" and match:
            target = rule.get("targetLabel") or rule["target_label"]
            done[target] = match.expand(re.sub(r"\$\{?(\d)\}?", r"\\\1", str(rule.get("replacement", "$1"))))
    return {label: value for label, value in done.items() if value}
