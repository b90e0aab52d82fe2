"""The way of one request: browser, gateway, storefront, catalog, orders, outbox, Kafka, payments, webhook, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

Attributes = Mapping[str, str | int]
NONE: Final[Attributes] = MappingProxyType({})
SERVES: Final = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER)


@dataclass(frozen=True)
class Hop:
    """One span of the path."""

    service: str
    name: str
    kind: Span.SpanKind.ValueType
    parent: int | None
    """Index of the parent; None for the root. W3C trace context carries it over HTTP, gRPC and Kafka alike."""
    start: float
    """Share of the trace's duration at which it starts; the root starts at 0."""
    end: float
    """Share of the trace's duration at which it ends; the root ends at 1."""
    link: int | None = None
    """Index of a span that it is linked to: a message's consumer to its producer."""
    attributes: Attributes = field(default_factory=lambda: NONE)
    message: str | None = None
    """What it logs, if it does."""
    stdout: bool = False
    """Whether it logs to its container's output, which the kubelet keeps in a file, rather than by OTLP."""

    @property
    def serves(self) -> bool:
        """Whether this is a request that somebody else made."""
        return self.kind in SERVES


@dataclass(frozen=True)
class Route:
    """The spans of a request; the first is the root, and parents stand before their children."""

    hops: tuple[Hop, ...]
    fails: int
    """Index of the span that an error happens in."""
    services: tuple[str, ...] = field(init=False)
    """Each service once, in the order of the path."""
    edges: tuple[tuple[int, int], ...] = field(init=False)
    """Calls from one service to another, as indices of the two spans that report them."""

    def __post_init__(self) -> None:
        """Read services and edges off the spans."""
        calls = (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER)
        object.__setattr__(self, "services", tuple(dict.fromkeys(hop.service for hop in self.hops)))
        object.__setattr__(
            self,
            "edges",
            tuple(
                (hop.parent, index)
                for index, hop in enumerate(self.hops)
                if hop.parent is not None and hop.serves and self.hops[hop.parent].kind in calls
            ),
        )

    def named(self, prefix: str) -> Route:
        """Return the same path through services of other names, so that two runs' counts stay apart."""
        return replace(self, hops=tuple(replace(hop, service=f"{prefix}{hop.service}") for hop in self.hops))


_CLIENT, _SERVER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER
_PRODUCER, _CONSUMER = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
_KAFKA: Final[Attributes] = MappingProxyType({"messaging.system": "kafka", "messaging.destination.name": "orders"})
_GRPC: Final[Attributes] = MappingProxyType({"rpc.system.name": "grpc"})


def _http(method: str, route: str) -> Attributes:
    return MappingProxyType({"http.request.method": method, "http.route": route})


CHECKOUT: Final = Route(
    fails=9,
    hops=(
        Hop("browser", "POST", _CLIENT, None, 0.0, 1.0, attributes=_http("POST", "/checkout")),
        Hop(
            "gateway",
            "POST /checkout",
            _SERVER,
            0,
            0.02,
            0.98,
            attributes=_http("POST", "/checkout"),
            message="request taken",
            stdout=True,
        ),
        Hop("gateway", "POST", _CLIENT, 1, 0.03, 0.97, attributes=_http("POST", "/cart")),
        Hop("storefront", "POST /cart", _SERVER, 2, 0.04, 0.96, attributes=_http("POST", "/cart"), message="cart read"),
        Hop("storefront", "catalog.Catalog/Get", _CLIENT, 3, 0.05, 0.20, attributes=_GRPC),
        Hop("catalog", "catalog.Catalog/Get", _SERVER, 4, 0.06, 0.19, attributes=_GRPC, message="price", stdout=True),
        Hop("storefront", "orders.Orders/Place", _CLIENT, 3, 0.21, 0.50, attributes=_GRPC),
        Hop("orders", "orders.Orders/Place", _SERVER, 6, 0.22, 0.49, attributes=_GRPC, message="order placed"),
        Hop("outbox", "send orders", _PRODUCER, 7, 0.40, 0.45, attributes=_KAFKA, message="relayed", stdout=True),
        Hop("payments", "process orders", _CONSUMER, 8, 0.50, 0.90, 8, _KAFKA, message="payment taken", stdout=True),
        Hop("payments", "POST", _CLIENT, 9, 0.60, 0.89, attributes=_http("POST", "/events")),
        Hop("webhook", "POST /events", _SERVER, 10, 0.61, 0.88, attributes=_http("POST", "/events"), message="told"),
        Hop("webhook", "GET", _CLIENT, 11, 0.70, 0.80, attributes=_http("GET", "/similar")),
        Hop("recommendations", "GET /similar", _SERVER, 12, 0.71, 0.79, attributes=_http("GET", "/similar")),
    ),
)
"""The whole path: 14 spans of 9 services, 7 lines. Payments is a child of the outbox' message, and linked to it."""
SHORT: Final = Route(
    fails=2,
    hops=(
        Hop("storefront", "POST /cart", _SERVER, None, 0.0, 1.0, attributes=_http("POST", "/cart")),
        Hop("storefront", "orders.Orders/Place", _CLIENT, 0, 0.1, 0.9, attributes=_GRPC),
        Hop("orders", "orders.Orders/Place", _SERVER, 1, 0.2, 0.8, attributes=_GRPC, message="order placed"),
    ),
)
"""Two services and one call: for tens of thousands of traces."""
