"""Two tenants in the real stores behind the rendered access proxy: no request returns anything of the other tenant."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from automation.waiting import until
from tests.backends import HTTP
from tests.lab.telemetry import access_flood
from tests.lab.telemetry import access_signals as signals
from tests.lab.telemetry.access_attacks import table
from tests.lab.telemetry.access_paths import LOGS, paths
from tests.lab.telemetry.access_promql import NOTHING, OWN, Attack
from tests.lab.telemetry.access_requests import Answer, Request, ask, get, posted, tail
from tests.lab.telemetry.access_signals import TENANTS, TRACES, mark
from tests.lab.telemetry.access_stand import Stand, standing

ATTACKS = table()
TAIL_SECONDS = 20.0


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("access")) as made:
        yield made


def _holds(answer: Answer, tenant: str) -> bool:
    """Return whether an answer has anything that only this tenant's signals have."""
    text = answer.text.lower()
    return mark(tenant) in text or TRACES[tenant] in text


@pytest.mark.parametrize("tenant", TENANTS)
@pytest.mark.parametrize("asked", list(paths("shop")))
def test_a_tenant_reads_its_own_on_every_path_and_nothing_of_the_others(stand: Stand, asked: str, tenant: str) -> None:
    request, wanted = paths(tenant)[asked]
    (other,) = set(TENANTS) - {tenant}
    answer = ask(stand, tenant, request)
    assert answer.status == 200, answer
    assert wanted in answer.text, answer
    assert not _holds(answer, other), answer


def test_there_are_many_attacks_and_no_two_alike() -> None:
    assert len({each.name for each in ATTACKS}) == len(ATTACKS) == len({each.request for each in ATTACKS}) >= 60


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_or_returns_nothing_of_the_others(stand: Stand, attack: Attack) -> None:
    answer = ask(stand, "shop", attack.request)
    assert not _holds(answer, "payments"), answer
    if isinstance(attack.ends, int):
        assert answer.status == attack.ends, answer
        return
    assert answer.status < 500, answer
    assert not (attack.ends == OWN and not _holds(answer, "shop")), answer
    assert not (attack.ends == NOTHING and _holds(answer, "shop")), answer


def test_every_attack_that_may_be_answered_hits_something_that_is_there(stand: Stand) -> None:
    """The platform team, asking the same, gets the other's: so that an empty store would not pass for isolation."""
    asked = [each for each in ATTACKS if each.name.split(":")[0] in {"loki", "tempo", "federate", "series"}]
    found = [each.name for each in asked if _holds(ask(stand, "platform", each.request), "payments")]
    assert len(found) > len(asked) / 2


@pytest.mark.parametrize("asked", list(paths("shop")))
def test_the_platform_team_reads_both(stand: Stand, asked: str) -> None:
    for tenant in TENANTS:
        request, wanted = paths(tenant)[asked]
        answer = ask(stand, "platform", request)
        assert answer.status == 200, answer
        assert asked == "loki index stats" or wanted in answer.text, answer


@pytest.mark.parametrize("claim", [(), (("X-Scope-OrgID", "payments"),), (("X-Scope-OrgID", "shop|payments"),)])
def test_a_tail_shows_the_callers_own_lines_only(stand: Stand, claim: tuple[tuple[str, str], ...]) -> None:
    opened = tail(stand, "shop", LOGS, *claim)
    with opened:
        seen = ""
        opened.settimeout(1)

        def shown() -> bool:
            nonlocal seen
            # Again and again, since a tail shows what comes after its ingesters have heard of it.
            for tenant in ("payments", "shop"):
                signals.line(stand.loki, tenant, f"tailed {mark(tenant)} {time.time_ns()}")
            try:
                seen += opened.recv(65536).decode(errors="replace")
            except TimeoutError:
                return False
            return "tailed shop_mark" in seen

        assert until(shown, TAIL_SECONDS), seen
    assert "payments" not in seen


def test_a_tail_without_a_token_is_not_opened(stand: Stand) -> None:
    opening = get("/loki/loki/api/v1/tail", ("query", LOGS))
    refused = ask(stand, "shop", Request(opening.target, authorization=()))
    assert refused.status == 401, refused


def test_a_silence_for_another_is_made_for_the_caller(stand: Stand) -> None:
    matchers = [
        {"name": "tenant", "value": "payments", "isRegex": False, "isEqual": True},
        {"name": "tenant", "value": ".*", "isRegex": True, "isEqual": True},
        {"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True},
    ]
    answer = ask(stand, "shop", posted("/alertmanager/api/v2/silences", signals.silence_body("shop", matchers)))
    assert answer.status == 200, answer
    made = json.loads(answer.text)["silenceID"]
    kept = HTTP.get(f"{stand.alertmanager}/api/v2/silence/{made}", timeout=10).json()
    assert {each["name"]: each["value"] for each in kept["matchers"]} == {"alertname": ".+", "tenant": "shop"}
    assert len(kept["matchers"]) == 2
    suppressed = HTTP.get(f"{stand.alertmanager}/api/v2/alerts", timeout=10).json()
    states = {each["labels"]["tenant"]: each["status"]["state"] for each in suppressed}
    assert states["payments"] == "active"
    ended = ask(stand, "shop", Request(f"/alertmanager/api/v2/silence/{made}", "DELETE"))
    assert ended.status == 200, ended


def test_the_others_silence_has_outlived_every_attack(stand: Stand) -> None:
    kept = HTTP.get(f"{stand.alertmanager}/api/v2/silence/{stand.silences['payments']}", timeout=10).json()
    assert kept["status"]["state"] == "active"
    assert {each["name"]: each["value"] for each in kept["matchers"]} == {
        "alertname": "payments_mark",
        "tenant": "payments",
    }


def test_a_tenant_above_its_log_rate_is_throttled_and_the_other_loses_no_line(stand: Stand) -> None:
    sent = access_flood.logs(stand)
    loud, quiet = sent["shop"], sent["payments"]
    assert set(loud.refused) == {429}
    assert "ingestion rate limit exceeded for user shop" in loud.reason
    assert (len(quiet.accepted), quiet.refused) == (10, {})
    for tenant, lines in (("shop", access_flood.LINES), ("payments", 2)):
        pushes = sent[tenant].accepted
        found = access_flood.lines_found(stand, tenant, lines * len(pushes))
        assert found == dict.fromkeys(pushes, lines)
    discarded = access_flood.discarded(stand.loki, "loki_discarded_samples_total")
    assert discarded == {("shop", "rate_limited"): loud.refused[429] * access_flood.LINES}


def test_a_tenant_above_its_span_rate_is_throttled_and_the_other_loses_no_span(stand: Stand) -> None:
    sent = access_flood.spans(stand)
    loud, quiet = sent["shop"], sent["payments"]
    assert set(loud.refused) == {429}
    assert "RATE_LIMITED" in loud.reason
    assert (len(quiet.accepted), quiet.refused) == (10, {})
    assert {access_flood.spans_found(stand, "payments", trace) for trace in quiet.accepted} == {5}
    assert {access_flood.spans_found(stand, "shop", trace) for trace in loud.accepted} == {access_flood.SPANS}
    discarded = access_flood.discarded(stand.tempo, "tempo_discarded_spans_total")
    assert discarded == {("shop", "rate_limited"): loud.refused[429] * access_flood.SPANS}
