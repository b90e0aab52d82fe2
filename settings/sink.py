"""A further destination of signals besides the region's own stores."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import DnsLabel, HttpUrl, Model, SecretName, Words
from settings.vocabulary import Signal, SinkKind

HeaderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$"),
    Words("the name of an HTTP header"),
]


class Sink(Model):
    """An OTLP endpoint (Jaeger, Uptrace, a vendor) or an Elasticsearch that gets a copy of signals.

    Copies leave after sampling and redaction. A sink that is down has a queue on disk of its own and delays nothing.
    """

    kind: SinkKind
    """`otlp` is OTLP over HTTP; `elasticsearch` takes logs and traces."""
    endpoint: HttpUrl
    """Base URL; for OTLP /v1/traces, /v1/metrics and /v1/logs are below it. Data leaves the region if it does."""
    signals: Annotated[list[Signal], Field(min_length=1)]
    """Which signals are copied; each costs traffic and, at the gateways, CPU."""
    tenants: Annotated[list[DnsLabel], Field(min_length=1)] | None = None
    """Tenants whose signals are copied; unset means all of them and the platform's own."""
    header: HeaderName = "Authorization"
    """HTTP header that carries the credential."""
    secret: SecretName | None = None
    """Secret in the store whose value is the whole header (`Bearer ...`, `ApiKey ...`); unset sends none."""
