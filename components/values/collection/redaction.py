"""Secrets that must not reach a store, and attributes that must not become labels."""

from __future__ import annotations

from collections.abc import Sequence

from components.values.collection.identity import spelled_like
from components.values.collection.pieces import Config, ottl

SECRET_KEYS = (
    r"(?i)pass(word|wd|phrase)",
    r"(?i)(^|[._-])pwd($|[._-])",
    r"(?i)secret",
    r"(?i)credential",
    # Not `tokens`: counts of a model's tokens are no secret.
    r"(?i)token$",
    r"(?i)api[._-]?key",
    r"(?i)(access|private|signing|encryption)[._-]?key",
    r"(?i)authorization$",
    r"(?i)(^|[._-])(set-)?cookie$",
)
"""Attributes whose whole value is masked, by name."""
SECRET_VALUES = (
    r"AKIA[0-9A-Z]{16}",
    r"ASIA[0-9A-Z]{16}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
    r"gh[opsur]_[A-Za-z0-9]{36,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/(services|workflows)/[A-Za-z0-9/]+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"Bearer [A-Za-z0-9._~+/-]{16,}=*",
    r"://[^/\s:@]+:[^/\s@]+@",
)
"""What is masked wherever it stands, log bodies included. Each begins with fixed characters, which is what keeps Go's
regular expressions fast on tens of megabytes of logs per second."""


def redacted(summary: str) -> Config:
    """Return the redaction processor: every attribute stays, secrets are masked.

    Args:
        summary: `info` adds the number of masked attributes, `silent` adds nothing (an attribute would be a label
            on a metric).
    """
    return {
        "allow_all_keys": True,
        "blocked_key_patterns": list(SECRET_KEYS),
        "blocked_values": list(SECRET_VALUES),
        "summary": summary,
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
    mark = 'metric.metadata["dropped"]'
    reduced = f"{mark} == true"
    return {
        "error_mode": "ignore",
        "metric_statements": [
            # A resource's attributes are labels of target_info.
            {"context": "resource", "statements": [f"delete_matching_keys(resource.attributes, {pattern})"]},
            {
                "context": "datapoint",
                "statements": [
                    f"set({mark}, true) where IsMatch(String(Keys(datapoint.attributes)), {among_keys})",
                    f"delete_matching_keys(datapoint.attributes, {pattern})",
                ],
            },
            {
                "context": "metric",
                "statements": [
                    f'aggregate_on_attributes("sum") where {reduced} and metric.type != METRIC_DATA_TYPE_GAUGE'
                    " and metric.type != METRIC_DATA_TYPE_SUMMARY",
                    f'aggregate_on_attributes("max") where {reduced} and metric.type == METRIC_DATA_TYPE_GAUGE',
                    f"delete_key(metric.metadata, {ottl('dropped')})",
                ],
            },
        ],
    }
