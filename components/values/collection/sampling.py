"""Which traces are kept: all with an error, all that are slow, and a share of the rest; and which have no root.

Nothing in the collector says of one span whether its parent came; of a trace one can say whether it has a span without
a parent. The one sampler says both: it also lets traces without a root through, each with the name of the policy that
did, and what stands behind it tells those that are only to be counted from those to be kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from components.values.collection.pieces import Config, attribute, ottl
from components.values.context import Context
from components.values.tenants import limits
from settings import names
from settings.sizing import BYTES_PER_SPAN, SPAN_IN_MEMORY, WAITING_SHARE
from settings.vocabulary import Workload

ARGUMENTS = {"feature-gates": "processor.tailsamplingprocessor.recordpolicy"}
"""Arguments of the collector that make the sampler write POLICY. Alpha since 0.120, the same in 0.158; without it no
orphan is counted and every trace without a root is kept, which tests of the chain would see."""
_WRITTEN = ("tailsampling.policy", "tailsampling.cached_decision")
POLICY = attribute(_WRITTEN[0], "scope")
"""The name of the first policy that let a trace through; late spans have it too, from the cache of decisions."""
ROOTLESS = "rootless"
"""The policy that lets through what no other does, for counting only; those of ROOTLESS_KEPT are kept as well."""
ROOTLESS_KEPT = f"{ROOTLESS}-"
"""How the policies begin that let through traces without a root which are kept anyway."""
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
    collection = context.platform.collection
    return {
        # In milliseconds: Go's durations know no days.
        "decision_wait": f"{collection.decision_wait.milliseconds}ms",
        # A request that is longer than this would be decided on, and dropped, before its end says that it is slow.
        "decision_wait_after_root_received": f"{collection.decision_wait_after_root.milliseconds}ms",
        "num_traces": held,
        "decision_cache": {
            "sampled_cache_size": held * CACHE_FACTOR,
            "non_sampled_cache_size": held * CACHE_FACTOR,
        },
        # The largest that anybody may store: what Tempo would cut need not be held.
        "maximum_trace_size_bytes": max(each.max_trace_mb for each in limits(context).values()) * 2**20,
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


def _all(name: str, parts: Iterable[Config]) -> Config:
    return {"name": name, "type": "and", "and": {"and_sub_policy": list(parts)}}


def _without_root(name: str) -> Config:
    root = {
        "name": "root",
        "type": "ottl_condition",
        "ottl_condition": {"error_mode": "ignore", "span": ["IsRootSpan()"]},
    }
    return {"name": name, "type": "not", "not": {"not_sub_policy": root}}


def kept(context: Context) -> list[Config]:
    """Return the policies that keep a trace, each alone.

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
        _all("slow", [usual, _owned_by(others, negated=True)]) if others else {**usual, "name": "slow"},
        *(_all(f"slow-{limit}ms", [_latency(limit), _owned_by(tenants)]) for limit, tenants in sorted(own.items())),
        {"name": "background", "type": "probabilistic", "probabilistic": {"sampling_percentage": share}},
    ]


def policies(context: Context) -> list[Config]:
    """Return all policies of the sampler. The first that lets a trace through names it, so the order counts.

    That a trace has no root is looked at last: it is the costliest question, and only few come to it.
    """
    keeping = kept(context)
    return [
        *(_all(f"{ROOTLESS_KEPT}{each['name']}", [*_parts(each), _without_root("no-root")]) for each in keeping),
        *keeping,
        _without_root(ROOTLESS),
    ]


def _parts(policy: Config) -> list[Config]:
    """Return what a policy is made of, since an `and` cannot hold another."""
    return list(policy["and"]["and_sub_policy"]) if policy["type"] == "and" else [policy]


def sampled(context: Context) -> Config:
    """Return the tail_sampling processor: every span of a trace must reach the same instance of it."""
    return {**_bounds(context, traces_held(context)), "policies": policies(context)}


def routed(counted: str, stored: str) -> Config:
    """Return the routing connector behind the sampler, which moves each span and copies few.

    Args:
        counted: pipeline of traces without a root.
        stored: pipeline of what is to be kept.
    """
    named = f"{POLICY} != nil and HasPrefix({POLICY}, {ottl(ROOTLESS_KEPT)})"
    return {
        "error_mode": "ignore",
        "default_pipelines": [stored],
        "table": [
            {"context": "span", "condition": named, "action": "copy", "pipelines": [counted]},
            {"context": "span", "condition": f"{POLICY} == {ottl(ROOTLESS)}", "pipelines": [counted]},
        ],
    }


def unnamed() -> Config:
    """Return the transform that takes off what the sampler wrote: spans of many traces share a scope from here on."""
    statements = [f"delete_key(scope.attributes, {ottl(key)})" for key in _WRITTEN]
    return {"error_mode": "ignore", "trace_statements": [{"context": "scope", "statements": statements}]}


def orphans() -> Config:
    """Return the filter that leaves orphans: of traces without a root, the spans that another service asked for.

    The root of such a trace may still come.
    """
    entry = "span.kind == SPAN_KIND_SERVER or span.kind == SPAN_KIND_CONSUMER"
    return {"error_mode": "ignore", "traces": {"span": [f"not ({entry})", "IsRootSpan()"]}}
