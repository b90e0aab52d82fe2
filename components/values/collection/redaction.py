"""Secrets that must not reach a store, and attributes that must not become labels.

What is looked at record by record is looked at where the records are fewest: metrics and log lines, which are all
stored, by the collectors that they enter (the agents, one per node), spans behind the sampler. Nothing else writes to
the gateways (`access.gateway_network_policy`).
"""

from __future__ import annotations

from collections.abc import Sequence

from components.values.collection import log_files
from components.values.collection.identity import spelled_like
from components.values.collection.pieces import Config, ottl
from components.values.context import Context

SECRET_KEYS = (
    r"ass([wW]ord|[wW]d|[pP]hrase)",
    r"ASS(WORD|WD|PHRASE)",
    r"pwd($|[._-])",
    r"Pwd($|[._-])",
    r"PWD($|[._-])",
    r"ecret",
    r"ECRET",
    r"redential",
    r"REDENTIAL",
    # Not `tokens`: counts of a model's tokens are no secret.
    r"oken$",
    r"OKEN$",
    r"pi[._-]?[kK]ey",
    r"PI[._-]?K(ey|EY)",
    r"ccess[._-]?[kK]ey",
    r"CCESS[._-]?K(ey|EY)",
    r"rivate[._-]?[kK]ey",
    r"RIVATE[._-]?K(ey|EY)",
    r"igning[._-]?[kK]ey",
    r"IGNING[._-]?K(ey|EY)",
    r"ncryption[._-]?[kK]ey",
    r"NCRYPTION[._-]?K(ey|EY)",
    r"uthorization$",
    r"UTHORIZATION$",
    r"cookie$",
    r"Cookie$",
    r"COOKIE$",
)
"""Attributes whose whole value is masked, by name: password, secret, credential, token, api, access, private, signing
or encryption key, authorization, cookie, as programs write them (db_password, dbPassword, DB_PASSWORD, X-API-Key).

Each begins with fixed characters: Go looks for those with a plain search and runs the expression only where they
stand. `(?i)` has no fixed beginning and costs five times as much, for every name of every attribute. Where the first
letter is left out, both its cases are meant.
"""
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


OF_LOGS = ["transform/level", "redaction"]
"""Processors of every log record, by the collector that it enters."""
OF_METRICS = ["transform/dropped", "redaction/metrics"]
"""Processors of every metric, by the collector that it enters."""


def of_logs() -> Config:
    """Return the processors named in OF_LOGS."""
    return {"transform/level": log_files.levelled(), "redaction": redacted("info")}


def of_metrics(context: Context) -> Config:
    """Return the processors named in OF_METRICS."""
    dropped = without_attributes(context.platform.collection.dropped_metric_attributes)
    return {"transform/dropped": dropped, "redaction/metrics": redacted("silent")}


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
