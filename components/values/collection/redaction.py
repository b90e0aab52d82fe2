"""Secrets that must not reach a store, and attributes that must not become labels.

What is looked at record by record is looked at where the records are fewest: metrics and log lines, which are all
stored, by the collectors that they enter (the agents, one per node), spans behind the sampler. Nothing else writes to
the gateways (`access.gateway_network_policy`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from components.values.collection import log_files, secret_patterns
from components.values.collection.identity import spelled_like
from components.values.collection.pieces import Config, attribute, ottl
from components.values.context import Context

_BRACE = r'\{"'
_LONGEST_LEVEL = 16
"""Longer texts are no level: INFORMATIONAL has 13 characters."""
_MARK = 'metric.metadata["dropped"]'
"""On metrics of which several series may have become one."""
_MASKED = "redaction.masked.count"
"""The attribute by which the redaction processor says that it has masked others beside it."""

OF_SPANS = ["transform/texts", "redaction"]
"""Processors of every span that is kept."""
OF_SPAN_METRICS = ["transform/span_names"]
"""Processors of metrics that are made of spans before these are looked at: their names are labels."""
OF_LOGS = ["transform/level", "transform/texts", "redaction"]
"""Processors of every log record, by the collector that it enters."""
OF_OTLP_LOGS = ["transform/structured", *OF_LOGS]
"""The same for records whose attributes may be maps and which may be events, as no line of a file is."""
OF_METRICS = ["redaction/metrics", "transform/dropped"]
"""Processors of every metric, by the collector that it enters. Masking makes one series of several, as
dropping does."""


def of_spans() -> Config:
    """Return the processors named in OF_SPANS."""
    return {"transform/texts": _span_texts(), "redaction": redacted()}


def of_span_metrics() -> Config:
    """Return the processors named in OF_SPAN_METRICS."""
    name = attribute("span.name", "datapoint")
    masked = _without_secrets(name, f"{name} != nil")
    masked["statements"].append(f"set({_MARK}, true) where IsMatch({name}, {ottl(re.escape(secret_patterns.HIDDEN))})")
    return {"transform/span_names": {"error_mode": "ignore", "metric_statements": [masked, _added_up()]}}


def of_logs() -> Config:
    """Return the processors named in OF_LOGS."""
    return {"transform/level": log_files.levelled(), "transform/texts": _log_texts(), "redaction": redacted()}


def of_otlp_logs() -> Config:
    """Return the processors named in OF_OTLP_LOGS."""
    blocks = [
        _opened("resource"),
        _opened("log"),
        _without_secrets("log.event_name", 'log.event_name != ""'),
    ]
    return {"transform/structured": {"error_mode": "ignore", "log_statements": blocks}, **of_logs()}


def of_metrics(context: Context) -> Config:
    """Return the processors named in OF_METRICS."""
    dropped = without_attributes([*context.platform.collection.dropped_metric_attributes, _MASKED])
    return {"redaction/metrics": redacted(), "transform/dropped": dropped}


def _opened(owner: str) -> Config:
    """Return the statements that mask by the names within maps, where one of them is a secret's.

    Of attributes the redaction processor looks at the outermost names only. Here all that are no texts become JSON.
    Before that, values in JSON have a brace before a quote where one of them is, or has, a map; a quote in a text has a
    backslash before it. That is looked for first, for it costs little, and by names, which costs much, last.
    """
    attributes = f"{owner}.attributes"
    values = f"String(Values({attributes}))"
    masked = [
        f'replace_all_patterns({attributes}, "value", {ottl(pattern)}, {ottl(secret_patterns.HIDDEN_OF_MAP)})'
        for pattern in secret_patterns.OF_MAP
    ]
    conditions = (
        _matches(values, [_BRACE]),
        _matches(values, secret_patterns.PARTS),
        _matches(values, [secret_patterns.IN_MAP]),
    )
    return {
        "context": owner,
        "conditions": [" and ".join(conditions)],
        "statements": [f"stringify_all({attributes})", *masked],
    }


def _matches(value: str, patterns: Sequence[str]) -> str:
    return f"({' or '.join(f'IsMatch({value}, {ottl(pattern)})' for pattern in patterns)})"


def _without_secrets(path: str, condition: str | None = None, texts: bool = False) -> Config:
    """Return the statements that mask secrets in a text, where records that meet the condition have one.

    Args:
        path: the text.
        condition: which records are looked at; all without one.
        texts: also values that stand behind a secret's name.
    """
    by_name = [(pattern, secret_patterns.HIDDEN_TEXT) for pattern in secret_patterns.TEXTS] if texts else []
    every = [*by_name, *((pattern, secret_patterns.HIDDEN) for pattern in secret_patterns.VALUES)]
    statements = [f"replace_pattern({path}, {ottl(pattern)}, {ottl(hidden)})" for pattern, hidden in every]
    return {
        "context": path.split(".")[0],
        "statements": statements,
        **({"conditions": [condition]} if condition is not None else {}),
    }


def _span_texts() -> Config:
    """Return the transform of what the redaction processor does not look at: names, messages, maps' own names."""
    blocks = [
        *(_opened(owner) for owner in ("resource", "span", "spanevent")),
        _without_secrets("span.name"),
        _without_secrets("span.status.message", 'span.status.message != ""', texts=True),
        _without_secrets("span.trace_state", 'span.trace_state != ""'),
        # Exceptions are the events that there are many of.
        _without_secrets("spanevent.name", 'spanevent.name != "exception"'),
    ]
    return {"error_mode": "ignore", "trace_statements": blocks}


def _log_texts() -> Config:
    """Return the transform of bodies that are texts, and of what programs wrote in a level's place."""
    held = f"IsString(log.body) and {_matches('log.body', secret_patterns.PARTS)}"
    bodies = [
        f"replace_pattern(log.body, {ottl(pattern)}, {ottl(secret_patterns.HIDDEN_TEXT)})"
        for pattern in secret_patterns.TEXTS
    ]
    severity = f"set(log.severity_text, {ottl(secret_patterns.HIDDEN)}) where Len(log.severity_text) > {_LONGEST_LEVEL}"
    blocks = [
        {"context": "log", "conditions": [held], "statements": bodies},
        {"context": "log", "statements": [severity]},
    ]
    return {"error_mode": "ignore", "log_statements": blocks}


def redacted() -> Config:
    """Return the redaction processor: every attribute stays, secrets are masked, and how many there were is added."""
    return {
        "allow_all_keys": True,
        "blocked_key_patterns": list(secret_patterns.KEYS),
        "blocked_values": list(secret_patterns.VALUES),
        # Lists and maps are looked at as JSON, and become that text where something in them is masked.
        "redact_all_types": True,
        "summary": "info",
    }


def without_attributes(dropped: Sequence[str]) -> Config:
    """Return the transform that removes attributes from metrics and adds up the series that become one by it.

    Without the adding up, two users' counters would be two samples of one series at one time, of which Prometheus
    keeps one. Sums and histograms are added; of gauges the largest stays, since adding them means nothing.

    Args:
        dropped: label names; every spelling that Prometheus would write as such a label is meant.
    """
    names = "|".join(spelled_like(label) for label in dropped)
    pattern = ottl(f"^({names})$")
    # Keys reads as a JSON list of strings.
    among_keys = ottl(f'"({names})"')
    return {
        "error_mode": "ignore",
        "metric_statements": [
            # A resource's attributes are labels of target_info.
            {"context": "resource", "statements": [f"delete_matching_keys(resource.attributes, {pattern})"]},
            {"context": "scope", "statements": [f"delete_matching_keys(scope.attributes, {pattern})"]},
            # What a view takes off a series SDKs write here, identifiers above all. The trace's id is not among it.
            {"context": "exemplar", "statements": [f"keep_keys(exemplar.filtered_attributes, {ottl([])})"]},
            {
                "context": "datapoint",
                "statements": [
                    f"set({_MARK}, true) where IsMatch(String(Keys(datapoint.attributes)), {among_keys})",
                    f"delete_matching_keys(datapoint.attributes, {pattern})",
                ],
            },
            _added_up(),
        ],
    }


def _added_up() -> Config:
    """Return the statements that make one series of those that have become one, in metrics that have the mark."""
    marked = f"{_MARK} == true"
    return {
        "context": "metric",
        "statements": [
            f'aggregate_on_attributes("sum") where {marked} and metric.type != METRIC_DATA_TYPE_GAUGE'
            " and metric.type != METRIC_DATA_TYPE_SUMMARY",
            f'aggregate_on_attributes("max") where {marked} and metric.type == METRIC_DATA_TYPE_GAUGE',
            f"delete_key(metric.metadata, {ottl('dropped')})",
        ],
    }
