"""PromQL and selectors with which shop tries to get around the added matcher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.lab.telemetry.access_paths import SERIES, WINDOW
from tests.lab.telemetry.access_requests import FORM, Request, get, post
from tests.lab.telemetry.access_signals import mark

OWN, NOTHING, NO_OTHER = "own", "nothing", "no other"
"""How an attack that is not refused may end: as if nothing had been tried; without any tenant's mark; or with
whatever holds nothing of the other's."""
Ends = str | int
"""One of those, or the status that it is refused with."""
PROMETHEUS = "/prometheus/api/v1"
HIS = mark("payments")


@dataclass(frozen=True)
class Attack:
    """One case of the table."""

    name: str
    request: Request
    ends: Ends


def attacks() -> Iterator[Attack]:
    """Give every case."""
    yield from _queries()
    yield from _matchers()


def _queries() -> Iterator[Attack]:
    """Write PromQL that gets around the added matcher."""
    own, his, labelled = "shop_mark_count", f"{HIS}_count", f'{HIS}_count{{tenant="payments"}}'
    queries: dict[str, tuple[str, Ends]] = {
        "another's label": (labelled, 400),
        "not one's own label": ('{__name__=~".+",tenant!="shop"}', 400),
        "no name but a label": ('{tenant="payments"}', 400),
        "another's quoted label": ('{"tenant"="payments"}', 400),
        "every tenant": ('{__name__=~".+",tenant=~".*"}', OWN),
        "two tenants": ('{__name__=~".+",tenant=~"shop|payments"}', OWN),
        "everything else": ('{__name__=~".+",tenant!~"nobody"}', OWN),
        "no tenant at all": ('{__name__=~".+",tenant=""}', 400),
        "another's metric": (his, NOTHING),
        "another's metric by regex": (f'{{__name__=~"{HIS[:-4]}.+"}}', NOTHING),
        "or": (f"{own} or {his}", OWN),
        "or with a label": (f"{own} or {labelled}", 400),
        "unless": (f"{his} unless {own}", NOTHING),
        "aggregation by tenant": ('count by (tenant, service) ({__name__=~".+"})', OWN),
        "sum without": (f"sum without (tenant) ({his})", NOTHING),
        "subquery": (f"max_over_time({his}[1h:1m])", NOTHING),
        "subquery with a label": (f"max_over_time({labelled}[1h:1m])", 400),
        "at": (f"{his} @ end()", NOTHING),
        "offset": (f"{his} offset 1s", NOTHING),
        "label_replace": (f'label_replace({his}, "tenant", "shop", "", "")', NOTHING),
        "label_join": (f'label_join({his}, "x", ",", "service")', NOTHING),
        "absent": (f"absent({his})", NO_OTHER),
        "scalar": (f"vector(scalar({his}))", NOTHING),
        "count_values": (f'count_values("service", {his})', NOTHING),
        "topk": ('topk by (tenant) (9, {__name__=~".+"})', OWN),
        "info": (f"info({own})", 400),
        "comment": (f'{{__name__=~".+"}} # }} or {his}', OWN),
        "a second query in on()": (f'{own} or on ("service) {his} or on (service") {own}', OWN),
        "a second query in ignoring()": (f'{own} or ignoring ("x) {his} or ignoring (x") {own}', OWN),
        "a second query in group_left()": (
            f'{own} * on (tenant) group_left ("x) {own} or {his} or {own} * on (tenant) group_left (x") {own}',
            OWN,
        ),
        "a second query in by()": (f'sum by ("service) ({his}) or sum by (service") ({own})', NOTHING),
        "a second query in without()": (
            f'sum without ("x) ({his}) or sum without (x") ({own})',
            OWN,
        ),
        "a second query in a name": (f'{{"{his} or {own}"}}', NOTHING),
        "a second query in a value": (f'{own}{{x!="\\"}} or {his}"}}', OWN),
        "broken": (f"{own}}} or {his}", 400),
    }
    for how, (query, ends) in queries.items():
        yield Attack(f"query: {how}", get(f"{PROMETHEUS}/query", ("query", query)), ends)
    for how in ("another's label", "every tenant", "or", "a second query in on()"):
        query, ends = queries[how]
        yield Attack(f"form query: {how}", post(f"{PROMETHEUS}/query", ("query", query)), ends)
        yield Attack(f"range: {how}", get(f"{PROMETHEUS}/query_range", ("query", query), *WINDOW, ("step", "60")), ends)
        exemplars = get(f"{PROMETHEUS}/query_exemplars", ("query", query), *WINDOW)
        # Exemplars are those of the selectors in a query, whatever stands between them.
        yield Attack(f"exemplars: {how}", exemplars, ends if isinstance(ends, int) else NO_OTHER)


def _matchers() -> Iterator[Attack]:
    """Give several queries or selectors, in the address and in the form."""
    his, all_ = f"{HIS}_count", SERIES
    two = (("query", "shop_mark_count"), ("query", his))
    yield Attack("two queries", get(f"{PROMETHEUS}/query", *two), OWN)
    yield Attack("two queries, the other's first", get(f"{PROMETHEUS}/query", *two[::-1]), NOTHING)
    yield Attack("an empty query first", get(f"{PROMETHEUS}/query", ("query", ""), ("query", his)), NOTHING)
    mixed = replace(post(f"{PROMETHEUS}/query", ("query", his)), target=f"{PROMETHEUS}/query?query=shop_mark_count")
    yield Attack("a query in address and form", mixed, NOTHING)
    empty = replace(mixed, target=f"{PROMETHEUS}/query?query=&query={his}", body=f"query=&query={his}")
    yield Attack("empty queries first, in address and form", empty, NOTHING)
    untyped = replace(mixed, headers=())
    yield Attack("a form without its type", untyped, OWN)
    parts = f'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n{his}\r\n--b--\r\n'
    multipart = Request(f"{PROMETHEUS}/query", "POST", (("Content-Type", "multipart/form-data; boundary=b"),), parts)
    yield Attack("a form in parts", multipart, NOTHING)
    yield Attack("semicolons between", Request(f"{PROMETHEUS}/query?query=shop_mark_count;query={his}"), NOTHING)
    for what in ("series", "labels", "label/service/values", "label/tenant/values"):
        path = f"{PROMETHEUS}/{what}"
        yield Attack(f"{what}: another's selector", get(path, ("match[]", '{tenant="payments"}')), NOTHING)
        yield Attack(
            f"{what}: several selectors", get(path, ("match[]", his), ("match[]", '{tenant="payments"}')), NOTHING
        )
        yield Attack(f"{what}: all", get(path, ("match[]", '{tenant=~".+"}')), NO_OTHER)
    federate = "/prometheus/federate"
    yield Attack("federate: another's selector", get(federate, ("match[]", '{tenant="payments"}')), NOTHING)
    yield Attack("federate: all", get(federate, ("match[]", all_), ("match[]", '{tenant=~".+"}')), OWN)
    yield Attack("federate: another's name", get(federate, ("match[]", his)), NOTHING)
    yield Attack("federate: no selector", get(federate), OWN)
    yield Attack("federate: a selector of another spelling", get(federate, ("match[0]", all_), ("match", his)), OWN)
    yield Attack("federate: a broken selector", get(federate, ("match[]", f"{{}} or {his}")), 400)
    body = replace(get(f"{PROMETHEUS}/series"), body=f"match[]={his}", headers=(("Content-Type", FORM),))
    yield Attack("series: a form in a GET", body, NO_OTHER)
    mixed = replace(post(f"{PROMETHEUS}/series", ("match[]", his)), target=f"{PROMETHEUS}/series?match[]={his}")
    yield Attack("series: in address and form", mixed, NOTHING)
    yield Attack("rules: by name", get(f"{PROMETHEUS}/rules", ("rule_name[]", f"{HIS}_alert")), NOTHING)
    yield Attack("rules: all selected", get(f"{PROMETHEUS}/rules", ("match[]", '{tenant="payments"}')), NOTHING)
    yield Attack(
        "rules: compressed", get(f"{PROMETHEUS}/rules").with_headers(("Accept-Encoding", "deflate, zstd")), OWN
    )
    yield Attack("alerts: filtered", get(f"{PROMETHEUS}/alerts", ("filter", 'tenant="payments"')), NO_OTHER)
