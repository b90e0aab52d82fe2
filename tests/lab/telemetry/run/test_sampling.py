"""Tail sampling of 20,000 traces from two agents into two gateways: what must be kept is whole, the rest a sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.signals import send
from lab.signals.path import SHORT
from lab.signals.plan import Kind, Plan
from lab.signals.sent import Sent
from tests.lab.telemetry.asking import Stores, becomes
from tests.lab.telemetry.standing import Standing

PREFIX = "sampled-"
PLAN = Plan(
    traces=20_000,
    error_share=0.01,
    slow_share=0.01,
    namespaces=("shop", "payments"),
    path=SHORT.named(PREFIX),
    logs=False,
    metrics=False,
)
SPANS = len(SHORT.hops)
DECISIONS = "otelcol_processor_tail_sampling_new_trace_id_received"
CHANCE = 1e-6
"""That a sampler which does what it should falls outside of the bounds."""


def bounds(count: int, share: float, chance: float) -> tuple[int, int]:
    """Return the least and the most of a binomial count, each exceeded with at most half the chance."""

    def mass(k: int) -> float:
        chosen = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        return math.exp(chosen + k * math.log(share) + (count - k) * math.log1p(-share))

    def outermost(numbers: Iterator[int]) -> int:
        tail = 0.0
        for k in numbers:
            tail += mass(k)
            if tail > chance / 2:
                return k
        raise AssertionError("a distribution has more mass than that")

    return outermost(iter(range(count + 1))), outermost(iter(range(count, -1, -1)))


@dataclass(frozen=True)
class Sampled:
    """The run after everything has been sent."""

    stores: Stores
    sent: Sent
    share: float
    before: list[int]
    """Traces that the samplers of each gateway had met before."""

    def found(self) -> dict[str, int]:
        """Return the traces that Tempo holds of this run, with how many of their spans."""
        return self.stores.searched(f'{{ resource.service.name =~ "{PREFIX}.+" }}')


@pytest.fixture(scope="module")
def sampled(standing: Standing) -> Sampled:
    before = standing.of_gateways(DECISIONS)
    assert len(standing.telemetry.endpoints.agents) == len(before) == 2
    sent = send.run(PLAN, standing.pods(PLAN))
    assert {str(kind): len(ids) for kind, ids in sent.traces.items() if ids} == {
        "error": 200,
        "slow": 200,
        "background": 19_600,
    }
    share = standing.context.platform.collection.background_sample_percent / 100
    return Sampled(standing.stores, sent, share, before)


def test_every_trace_with_an_error_and_every_slow_one_is_kept_whole(sampled: Sampled) -> None:
    wanted = [*sampled.sent.traces[Kind.ERROR], *sampled.sent.traces[Kind.SLOW]]

    def kept() -> dict[str, int]:
        found = sampled.found()
        return {trace: found.get(trace, 0) for trace in wanted}

    becomes(dict.fromkeys(wanted, SPANS), kept)


def test_of_the_rest_a_sample_is_kept_within_the_bounds_of_chance(sampled: Sampled) -> None:
    background = sampled.sent.traces[Kind.BACKGROUND]
    least, most = bounds(len(background), sampled.share, CHANCE)
    assert (least, most) == (132, 268)
    kept = sampled.found().keys() & set(background)
    assert least <= len(kept) <= most


def test_what_is_kept_of_the_rest_is_whole_and_nothing_else_is_there(sampled: Sampled) -> None:
    found = sampled.found()
    assert set(found.values()) == {SPANS}
    assert found.keys() <= set(sampled.sent.spans)


def test_no_trace_is_split_between_gateways(sampled: Sampled, standing: Standing) -> None:
    # A sampler meets each of its traces once: one that came to both gateways would be met twice.
    becomes(sum(sampled.before) + PLAN.traces, lambda: sum(standing.of_gateways(DECISIONS)))
    met = [now - before for now, before in zip(standing.of_gateways(DECISIONS), sampled.before, strict=True)]
    assert max(met) < 0.75 * PLAN.traces


def test_span_metrics_count_all_of_them(sampled: Sampled) -> None:
    expected: Counter[tuple[str, ...]] = Counter(
        {
            (call.namespace, call.service, call.kind, "STATUS_CODE_ERROR" if call.failed else "STATUS_CODE_UNSET"): n
            for call, n in sampled.sent.calls.items()
        }
    )
    by = ("tenant", "service_name", "span_kind", "status_code")
    asked = f'sum by ({", ".join(by)}) (traces_span_metrics_calls_total{{service_name=~"{PREFIX}.+"}})'
    becomes(expected, lambda: sampled.stores.counts(asked, *by))


def test_the_bounds_of_a_sample_are_those_of_the_binomial_distribution() -> None:
    # By hand: of 10 coins 0 and 10 heads have a chance of 1/1024 each, up to one head or from nine on of 11/1024.
    assert bounds(10, 0.5, 2 * 0.9 / 1024) == (0, 10)
    assert bounds(10, 0.5, 2 * 1.1 / 1024) == (1, 9)
    assert bounds(10, 0.5, 2 * 11.1 / 1024) == (2, 8)
