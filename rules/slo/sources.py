"""Ready queries: what counts as a request, and as a bad one, for each source of an SLO.

Where the names come from: span metrics are made by the gateways (components/values/collection/span_metrics.py);
OpenTelemetry's semantic conventions 1.40 name http.server.request.duration and rpc.server.call.duration, which
Prometheus' OTLP receiver writes as below; promhttp of client_golang counts http_requests_total by code, other clients
by status or status_code; grpc_server_* are go-grpc-middleware's and java-grpc-prometheus'; istio_* are Istio's standard
metrics, counted by the proxy of the pod that serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.slo.conventions import SERVICE_NAME_LABEL as SERVICE
from settings.slo import OWNER, WINDOW, Slo
from settings.units import Duration
from settings.vocabulary import SliSource

KEPT = "tenant, region, cluster, environment"
"""What every sum keeps, so that no series of another owner can be summed in unseen."""
_SERVER_FAULTS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
"""gRPC codes that are the server's fault by the semantic conventions; the others are the caller's."""
_SERVER_FAULT_NUMBERS = "2|4|12|13|14|15"


@dataclass(frozen=True)
class Source:
    """One usual shape of metrics."""

    requests: str
    """Counter of all requests."""
    failed: tuple[str, ...]
    """Matchers of failed requests; what any of them matches has failed, once."""
    histogram: str
    """Histogram of durations, without `_bucket` and `_count`."""
    per_second: int = 1
    """Units of the histogram's bounds in a second: 1000 where they are milliseconds."""
    service: str = SERVICE
    """Label that names the service."""
    kind: str = ""
    """Matchers of the requests that the service answers, where the metrics hold others too."""


_SPANS = (
    "traces_span_metrics_calls_total",
    ('status_code="STATUS_CODE_ERROR"',),
    "traces_span_metrics_duration_seconds",
)
SOURCES = {
    SliSource.SPAN_METRICS: Source(*_SPANS, kind='span_kind="SPAN_KIND_SERVER"'),
    SliSource.KAFKA_CONSUMER: Source(*_SPANS, kind='span_kind="SPAN_KIND_CONSUMER"'),
    SliSource.HTTP_SERVER: Source(
        requests="http_server_request_duration_seconds_count",
        failed=('http_response_status_code=~"5.."',),
        histogram="http_server_request_duration_seconds",
    ),
    SliSource.HTTP_REQUESTS: Source(
        requests="http_requests_total",
        failed=('code=~"5.."', 'status=~"5.."', 'status_code=~"5.."'),
        histogram="http_request_duration_seconds",
    ),
    SliSource.RPC_SERVER: Source(
        requests="rpc_server_call_duration_seconds_count",
        failed=(f'rpc_response_status_code=~"{"|".join(_SERVER_FAULTS)}"',),
        histogram="rpc_server_call_duration_seconds",
    ),
    SliSource.GRPC_SERVER: Source(
        requests="grpc_server_handled_total",
        failed=(f'grpc_code=~"{"|".join(code.title().replace("_", "") for code in _SERVER_FAULTS)}"',),
        histogram="grpc_server_handling_seconds",
    ),
    SliSource.ISTIO: Source(
        requests="istio_requests_total",
        failed=('response_code=~"5.."', f'grpc_response_status=~"{_SERVER_FAULT_NUMBERS}"'),
        histogram="istio_request_duration_milliseconds",
        per_second=1000,
        service="destination_service_name",
        kind='reporter="destination"',
    ),
}


@dataclass(frozen=True)
class Queries:
    """The two numbers of SLOs, as PromQL that gives one series for each SLO."""

    total: str
    """All requests per second."""
    errors: str
    """Bad requests per second; without a series where it cannot be told."""


def alike(slo: Slo) -> tuple[str, ...] | None:
    """Return what SLOs have in common that one pair of queries measures; None where its queries are its own."""
    return None if slo.source is SliSource.QUERY or slo.matchers else (slo.source, str(slo.latency))


def queries(slos: Sequence[Slo], owner: str, specified: str, measured: str, window: str = "5m") -> Queries:
    """Return the queries of SLOs of one tenant, which are alike, or of one.

    Args:
        slos: the specs; `settings.slo_consistency` has found them whole.
        owner: matchers that keep them to the tenant's own series.
        specified: a selector of one series of each, with the labels of its recordings, whatever the values.
        measured: a selector of their recorded totals, which are there when the errors are evaluated.
        window: what rates are taken over.
    """
    slo = slos[0]
    none = f"0 * {measured}"
    if slo.source is SliSource.QUERY:
        # Met without labels, of which a query of one's own may keep none: $owner is in each of its selectors.
        total, errors = (f"sum ({_given(query, owner, window)})" for query in (slo.total, slo.errors))
        meets = "+ on () group_left ()"
        return Queries(f"0 * {specified} {meets} {total}", f"{none} {meets} {errors} or {none}")
    source = SOURCES[slo.source]
    own = [f'{label}="{value}"' for label, value in sorted(slo.matchers.items())]
    kept = KEPT if own else f"{KEPT}, {SERVICE}"
    services = own or [either(source.service, {each.service for each in slos})]
    common = ", ".join(each for each in (owner, *services, source.kind) if each)

    def rate(counter: str, *matchers: str) -> str:
        return f"rate({counter}{{{', '.join((common, *matchers))}}}[{window}])"

    def summed(rates: str) -> str:
        if own or source.service == SERVICE:
            return f"sum by ({kept}) ({rates})"
        named = f"sum by ({KEPT}, {source.service}) ({rates})"
        return f'label_replace({named}, "{SERVICE}", "$1", "{source.service}", "(.*)")'

    # The spec's side is the one with many: services have several SLOs, and its labels are those of the result.
    meets = f"on ({kept}) group_left ()"
    if slo.latency is None:
        failed = " or ".join(rate(source.requests, each) for each in source.failed)
        return Queries(
            f"0 * {specified} + {meets} {summed(rate(source.requests))}",
            # A service without a series of failed requests yet has none of them.
            f"{none} + {meets} {summed(failed)} or {none}",
        )
    bound = f'le=~"{bounds(slo.latency, source.per_second)}"'
    # Without a bucket of this bound there is no number, since "all are slow" would page.
    return Queries(
        f"0 * {specified} + {meets} {summed(rate(f'{source.histogram}_count'))}",
        f"clamp_min({measured} - {meets} {summed(rate(f'{source.histogram}_bucket', bound))}, 0)",
    )


def either(label: str, values: Iterable[str]) -> str:
    """Return the matcher of a label that has one of some values."""
    several = sorted(values)
    if len(several) == 1:
        return f'{label}="{several[0]}"'
    escaped = (each.replace(".", r"\\.") for each in several)
    return f'{label}=~"{"|".join(escaped)}"'


def bounds(latency: Duration, per_second: int) -> str:
    """Return a regular expression of the label `le` of a bound: scrapes write 1.0, the OTLP receiver writes 1."""
    value = f"{latency.milliseconds * per_second / 1000:.9f}".rstrip("0").rstrip(".")
    return rf"{value}(\\.0)?" if "." not in value else value.replace(".", r"\\.")


def _given(query: str | None, owner: str, window: str) -> str:
    return (query or "").strip().replace(OWNER, owner).replace(WINDOW, window)
