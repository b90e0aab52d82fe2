"""Container logs: from the kubelet's files to records with level, trace context and query id."""

from __future__ import annotations

from components.values.collection.pieces import STORAGE, Config, attribute, ottl
from settings import names

PODS = "/var/log/pods"
"""Where the kubelet keeps the logs: <namespace>_<pod>_<uid>/<container>/<restarts>.log."""
_MAX_RECORD = "1MiB"
"""Longer records are cut; Loki's own limit is far lower (256 KB by default)."""
_FIRST_LINE = r'body not matches "^(\\s+\\S|Caused by:|\\s*\\.\\.\\. [0-9]+ more)"'
"""Stack traces indent their frames; everything else begins a record."""

LEVEL = "level"
"""The log attribute that Loki makes an index label. Its values are LEVELS and nothing else."""
LEVELS = {
    "trace": ("1", "4", "^(trace|finest|10)$"),
    "debug": ("5", "8", "^(debug|fine|finer|verbose|20)$"),
    "info": ("9", "12", "^(info|information|informational|notice|log|normal|30)$"),
    "warn": ("13", "16", "^(warn|warning|40)$"),
    "error": ("17", "20", "^(err|error|severe|alert|50)$"),
    "fatal": ("21", "24", "^(fatal|crit|critical|panic|emerg|emergency|60)$"),
}
"""Level by OpenTelemetry's severity numbers (least, most) and by what programs write, pino's numbers among it."""
UNKNOWN_LEVEL = "unknown"

_LEVEL_KEYS = ("severity", "lvl", "levelname", "log.level", "level")
_TRACE_KEYS = ("traceid", "traceID", "traceId", "trace.id", "trace_id")
_SPAN_KEYS = ("spanid", "spanID", "spanId", "span.id", "span_id")
_LOGFMT_LEVEL = r'(?:^|\s)level="?(?P<level>[A-Za-z]+)'
_PLAN_ID = r'Query Identifier\\?"?: ?(?P<query_id>-?[0-9]+)'


def receiver(agent: str) -> Config:
    """Return the receiver of all containers' logs on a node.

    Positions are kept on disk and a refused batch is read again, so neither a restart nor a full queue loses a line
    that the kubelet has not rotated away.

    Args:
        agent: name of the agent's pods, whose own log would feed itself.
    """
    return {
        "include": [f"{PODS}/*/*/*.log"],
        "exclude": [f"{PODS}/{names.NODE_NAMESPACE}_{agent}-collector-*/*/*.log"],
        "start_at": "beginning",
        "include_file_path": True,
        "include_file_name": False,
        "storage": STORAGE,
        "max_log_size": _MAX_RECORD,
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
        "operators": [
            {"type": "container", "id": "container", "max_log_size": _MAX_RECORD},
            {
                "type": "recombine",
                "id": "stack-traces",
                "combine_field": "body",
                "is_first_entry": _FIRST_LINE,
                "source_identifier": 'attributes["log.file.path"]',
                "max_sources": 10_000,
                "max_log_size": _MAX_RECORD,
                # What a line waits for its continuation when nothing follows.
                "force_flush_period": "1s",
            },
        ],
    }


def parsed() -> Config:
    """Return the transform that reads a record's body, which itself stays what the program wrote.

    A JSON body is read for level, trace and span id and query id only: Loki reads the other fields at query time,
    and copying them would make each a piece of structured metadata (64 KB, 128 entries per record).
    """
    json_body = r"^\s*\{"
    cache = "log.cache"
    lines = [f"set({cache}, ParseJSON(log.body)) where IsString(log.body) and IsMatch(log.body, {ottl(json_body)})"]
    lines.append(
        f"merge_maps({cache}, ExtractPatterns(log.body, {ottl(_LOGFMT_LEVEL)}), {ottl('insert')})"
        f" where IsString(log.body) and not IsMatch(log.body, {ottl(json_body)})"
    )
    # The last key that is there wins, so the commonest spelling stands last.
    for key in _LEVEL_KEYS:
        found = f"{cache}[{ottl(key)}]"
        lines.append(f"set(log.severity_text, String({found})) where {found} != nil")
    for field, keys, digits in (("trace_id", _TRACE_KEYS, 32), ("span_id", _SPAN_KEYS, 16)):
        for key in keys:
            found = f"{cache}[{ottl(key)}]"
            valid = f"IsString({found}) and IsMatch({found}, {ottl(f'^[0-9a-fA-F]{{{digits}}}$')})"
            lines.append(f"set(log.{field}.string, ToLowerCase({found})) where {valid}")
    lines += _query_id(cache)
    # The kubelet's own: what they say is in the resource by now.
    lines += [f"delete_key(log.attributes, {ottl(key)})" for key in ("log.file.path", "logtag")]
    return {
        # Bodies are the programs' own affair: one that begins like JSON and is not would be a line here each time.
        "error_mode": "silent",
        "log_statements": [{"context": "log", "statements": lines}],
    }


def _query_id(cache: str) -> list[str]:
    """Return the statements that make a PostgreSQL plan findable by its query id.

    jsonlog and CloudNativePG write query_id (the latter below `record`), and auto_explain in verbose JSON puts
    "Query Identifier" into the plan. 0 means that PostgreSQL computed none.
    """
    target = attribute("query_id", "log")
    lines = [
        f"set({target}, String({path})) where {path} != nil and String({path}) != {ottl('0')}"
        for path in (f'{cache}["query_id"]', f'{cache}["record"]["query_id"]')
    ]
    plan = f"ExtractPatterns(log.body, {ottl(_PLAN_ID)})"
    condition = f"IsString(log.body) and IsMatch(log.body, {ottl(_PLAN_ID)})"
    lines.append(f"merge_maps(log.attributes, {plan}, {ottl('upsert')}) where {condition}")
    return lines


def levelled() -> Config:
    """Return the transform that gives each record its level, whoever wrote the record.

    The level is made from the severity number alone, so that no program can make a stream per value.
    """
    number, level = "log.severity_number", attribute(LEVEL, "log")
    lines = [
        f"set({number}, {least}) where {number} == 0 and IsMatch(log.severity_text, {ottl('(?i)' + written)})"
        for least, _, written in LEVELS.values()
    ]
    lines.append(f"set({level}, {ottl(UNKNOWN_LEVEL)})")
    lines += [
        f"set({level}, {ottl(name)}) where {number} >= {least} and {number} <= {most}"
        for name, (least, most, _) in LEVELS.items()
    ]
    return {"error_mode": "ignore", "log_statements": [{"context": "log", "statements": lines}]}
