"""Ready queries: what counts as a request, and as a bad one, for each source of an SLO.

Where the names come from: span metrics are made by the gateways (components/values/collection/span_metrics.py);
OpenTelemetry's semantic conventions 1.40 name http.server.request.duration and rpc.server.call.duration, which
Prometheus' OTLP receiver writes as below; promhttp of client_golang counts http_requests_total by code, other clients
by status or status_code; grpc_server_* are go-grpc-middleware's and java-grpc-prometheus'; istio_* are Istio's standard
metrics, counted by the proxy of the pod that serves.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    service: str = "service_name"
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
    """The two numbers of an SLO, as PromQL that gives one series each."""

    total: str
    """All requests per second."""
    errors: str
    """Bad requests per second; without a series where it cannot be told."""


def queries(slo: Slo, owner: str, total_series: str, window: str = "5m") -> Queries:
    """Return the queries of an SLO.

    Args:
        slo: the spec; `settings.slo_consistency` has found it whole.
        owner: matchers that keep it to the tenant's own series.
        total_series: the recorded total as a selector, which is there when the errors are evaluated.
        window: what rates are taken over.
    """
    if slo.source is SliSource.QUERY:
        total, errors = (f"sum by ({KEPT}) ({_given(query, owner, window)})" for query in (slo.total, slo.errors))
        return Queries(total, _or_none(errors, total_series))
    source = SOURCES[slo.source]
    own = slo.matchers or {source.service: slo.service}
    common = ", ".join(each for each in (owner, *(f'{k}="{v}"' for k, v in sorted(own.items())), source.kind) if each)
    if slo.latency is None:
        failed = " or ".join(f"rate({source.requests}{{{common}, {each}}}[{window}])" for each in source.failed)
        total = f"sum by ({KEPT}) (rate({source.requests}{{{common}}}[{window}]))"
        return Queries(total, _or_none(f"sum by ({KEPT}) ({failed})", total_series))
    bound = f'le=~"{bounds(slo.latency, source.per_second)}"'
    total = f"sum by ({KEPT}) (rate({source.histogram}_count{{{common}}}[{window}]))"
    good = f"sum by ({KEPT}) (rate({source.histogram}_bucket{{{common}, {bound}}}[{window}]))"
    # Without a bucket of this bound there is no number, since "all are slow" would page.
    return Queries(total, f"clamp_min({total_series} - on () {good}, 0)")


def bounds(latency: Duration, per_second: int) -> str:
    """Return a regular expression of the label `le` of a bound: scrapes write 1.0, the OTLP receiver writes 1."""
    value = f"{latency.milliseconds * per_second / 1000:.9f}".rstrip("0").rstrip(".")
    return rf"{value}(\\.0)?" if "." not in value else value.replace(".", r"\\.")


def _or_none(errors: str, total_series: str) -> str:
    """Return errors, and 0 where there are requests and no series of failed ones yet."""
    return f"{errors} or on () 0 * {total_series}"


def _given(query: str | None, owner: str, window: str) -> str:
    return (query or "").strip().replace(OWNER, owner).replace(WINDOW, window)
