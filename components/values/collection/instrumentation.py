"""Auto-instrumentation: one Instrumentation resource for Go, Java, Python and Node.

A pod asks for it by annotation, `instrumentation.opentelemetry.io/inject-java: observability/platform`. Images are
left to the operator, whose release was tested with one version of each and names it.
"""

from __future__ import annotations

from typing import Any

from components.values import addresses
from settings import names

API_VERSION = "opentelemetry.io/v1alpha1"
KIND = "Instrumentation"
NAME = "platform"
LANGUAGES = ("go", "java", "nodejs", "python")
REFERENCE = f"{names.NAMESPACE}/{NAME}"
"""What a pod's annotation names."""


def spec() -> dict[str, Any]:
    """Return the spec.

    Signals go to the agent of the pod's node over OTLP/HTTP, which all four languages speak. Every span is sent:
    sampling is the gateways', which see whole traces. Logs are not sent, since the agent reads what the program
    prints and would have each line twice.
    """
    common = [
        {"name": "OTEL_EXPORTER_OTLP_PROTOCOL", "value": "http/protobuf"},
        {"name": "OTEL_LOGS_EXPORTER", "value": "none"},
    ]
    return {
        "exporter": {"endpoint": f"http://{addresses.agent_endpoint()}:{addresses.OTLP_HTTP}"},
        "propagators": ["tracecontext", "baggage"],
        "sampler": {"type": "parentbased_always_on"},
        "resource": {"addK8sUIDAttributes": False},
        **{language: {"env": common} for language in LANGUAGES},
    }
