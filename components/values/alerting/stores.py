"""What Loki knows of log lines and of the platform's own pods, for the lint of the runbooks' queries."""

from __future__ import annotations

from components.values import addresses
from components.values.collection import cluster, identity
from components.values.collection.log_files import LEVEL
from components.values.logs_limits import INDEX_RESOURCE_ATTRIBUTES
from rules.lint_runbooks import Stores
from settings import names

CERT_MANAGER = "cert-manager"
"""The release that clusters have cert-manager from, by its own instructions; it is no part of the platform."""
_OF_RECORDS = ("trace_id", "span_id", "query_id", "k8s.event.reason", "k8s.object.kind", "k8s.object.name")
"""What a record has besides its resource: trace context, PostgreSQL's query id, and what is said of an event."""


def stores() -> Stores:
    """Return labels and services as the agents, the cluster collector and Loki make them.

    A pod's service.name is its label app.kubernetes.io/instance (https://opentelemetry.io/docs/specs/semconv/
    non-normative/k8s-attributes): of a chart's pods the release, of an operator's what it calls the resource.
    """
    return Stores(
        index_labels=frozenset(_label(each) for each in (*INDEX_RESOURCE_ATTRIBUTES, LEVEL)),
        metadata=frozenset(_label(each) for each in (*identity.METADATA, *_OF_RECORDS)),
        services=frozenset(
            {
                f"{names.NAMESPACE}.{addresses.GATEWAY}",
                f"{names.NAMESPACE}.{addresses.CLUSTER}",
                f"{names.NODE_NAMESPACE}.{addresses.AGENT}",
                addresses.METRICS_RELEASE,
                addresses.LOGS_RELEASE,
                addresses.TRACES_RELEASE,
                addresses.OPERATOR_RELEASE,
                addresses.PROMETHEUS,
                addresses.ALERTMANAGER,
                cluster.EVENTS_SERVICE,
                CERT_MANAGER,
            }
        ),
    )


def _label(attribute: str) -> str:
    """Return an attribute's name as Loki writes it."""
    return attribute.replace(".", "_")
