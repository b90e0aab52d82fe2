"""Which traces are kept: all with an error, all that are slow, and a share of the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable

from components.values.collection.pieces import Config, attribute, ottl
from components.values.context import Context
from settings import names
from settings.sizing import BYTES_PER_SPAN, SPAN_IN_MEMORY, WAITING_SHARE
from settings.vocabulary import Workload

SPANS_PER_TRACE = 10
"""Mean spans of a trace, a request through a handful of services."""
CACHE_FACTOR = 10
"""Decisions are remembered ten times longer than traces: an entry is 24 bytes. A late span then follows its trace."""


def traces_held(context: Context) -> int:
    """Return how many traces a gateway holds at most, from its memory.

    40 % of the memory, at 10 spans of 500 bytes, four times as large in memory: 20 kB a trace. The oldest trace goes
    undecided when there are more (otelcol_processor_tail_sampling_sampling_trace_dropped_too_early).
    """
    memory = context.sizing[Workload.COLLECTOR_GATEWAY].memory.mebibytes * 2**20
    return math.floor(memory * WAITING_SHARE / (SPANS_PER_TRACE * BYTES_PER_SPAN * SPAN_IN_MEMORY))


def _bounds(context: Context, held: int) -> Config:
    tenants = context.tenants.values()
    return {
        # In milliseconds: Go's durations know no days.
        "decision_wait": f"{context.platform.collection.decision_wait.milliseconds}ms",
        "num_traces": held,
        "decision_cache": {
            "sampled_cache_size": held * CACHE_FACTOR,
            "non_sampled_cache_size": held * CACHE_FACTOR,
        },
        # The largest that a tenant may store: what Tempo would cut need not be held.
        "maximum_trace_size_bytes": max(entry.limits.max_trace_mb for entry in tenants) * 2**20,
    }


def _owned_by(tenants: Iterable[str], negated: bool = False) -> Config:
    """Return the policy that a trace has a span of one of these tenants, or of any but these."""
    test = f"ContainsValue({ottl(list(tenants))}, {attribute(names.TENANT_LABEL)})"
    condition = f"not {test}" if negated else test
    return {
        "name": "owner",
        "type": "ottl_condition",
        "ottl_condition": {"error_mode": "ignore", "span": [condition]},
    }


def _latency(milliseconds: int) -> Config:
    return {"name": "duration", "type": "latency", "latency": {"threshold_ms": milliseconds}}


def _both(name: str, first: Config, second: Config) -> Config:
    return {"name": name, "type": "and", "and": {"and_sub_policy": [first, second]}}


def policies(context: Context) -> list[Config]:
    """Return the sampling policies; a trace is kept when any of them keeps it.

    Tenants with a limit of their own are grouped by it, since each policy costs time per trace. A trace that several
    tenants have spans in is kept when it is too slow for any of them. The duration is the trace's: from its first
    start to its last end.
    """
    default = context.platform.collection.slow_trace
    own: dict[int, list[str]] = {}
    for name, entry in context.tenants.items():
        if entry.slow_trace is not None and entry.slow_trace.milliseconds != default.milliseconds:
            own.setdefault(entry.slow_trace.milliseconds, []).append(name)
    others = sorted(name for group in own.values() for name in group)
    usual = _latency(default.milliseconds)
    share = context.platform.collection.background_sample_percent
    return [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        _both("slow", usual, _owned_by(others, negated=True)) if others else {**usual, "name": "slow"},
        *(_both(f"slow-{limit}ms", _latency(limit), _owned_by(tenants)) for limit, tenants in sorted(own.items())),
        {"name": "background", "type": "probabilistic", "probabilistic": {"sampling_percentage": share}},
    ]


def sampled(context: Context) -> Config:
    """Return the tail_sampling processor: every span of a trace must reach the same instance of it."""
    return {**_bounds(context, traces_held(context)), "policies": policies(context)}


def rootless(context: Context) -> Config:
    """Return a tail_sampling processor that lets through only traces whose root span has not come.

    Nothing in the collector says of one span whether its parent came; of a trace one can say whether it has a span
    without a parent. It remembers decisions too: without that, late spans would look like a trace without a root.
    """
    root = {
        "name": "root",
        "type": "ottl_condition",
        "ottl_condition": {"error_mode": "ignore", "span": ["IsRootSpan()"]},
    }
    return {
        **_bounds(context, traces_held(context)),
        "policies": [{"name": "no-root", "type": "not", "not": {"not_sub_policy": root}}],
    }
