"""What instrumentations say of a span by the semantic conventions (1.45): what these require and recommend.

The lab's signals carry of it what checks ask for. A collector's time goes with every attribute, and a region is sized
for spans that have them (`settings.sizing.BYTES_PER_SPAN`). Sources: open-telemetry/semantic-conventions v1.45.0,
docs/http/http-spans.md, docs/rpc/rpc-spans.md, docs/messaging/kafka.md; nothing that is opt-in, nothing of errors.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from automation.verify import otlp
from lab.signals.path import Attributes, Hop

_SERVER: Final[Attributes] = {"server.address": "api.shop.svc.cluster.local", "server.port": 8443}
_HTTP: Final[Attributes] = {"http.response.status_code": 200, "network.protocol.version": "1.1", **_SERVER}
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_FIRST_PORT, _PORTS = 32768, 28232
"""Those that Linux gives to connections."""


def varying(hop: Hop, number: int) -> list[KeyValue]:
    """Return what differs from request to request, by the request's number."""
    said: dict[str, str | int] = {}
    if "messaging.system" in hop.attributes:
        said |= {"messaging.kafka.offset": number, "messaging.kafka.message.key": f"order-{number}"}
    else:
        peer = f"10.{number % 4}.{number // 256 % 256}.{number % 256}"
        said |= {"network.peer.address": peer, "network.peer.port": _FIRST_PORT + number % _PORTS}
        if hop.serves and "http.route" in hop.attributes:
            said["client.address"] = peer
    return otlp.attributes(said)


def constant(hop: Hop) -> list[KeyValue]:
    """Return what every span of a hop has besides the hop's own."""
    own = hop.attributes
    if "messaging.system" in own:
        operation = "process" if hop.serves else "send"
        said: Attributes = {
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.client.id": f"{hop.service}-7d4b9c6f5d-x2x7k",
            "messaging.destination.partition.id": "3",
            **({"messaging.consumer.group.name": hop.service} if hop.serves else {}),
            "server.address": "kafka-0.kafka.streaming.svc",
            "server.port": 9092,
        }
    elif "rpc.system.name" in own:
        said = {"rpc.method": hop.name, "rpc.response.status_code": "OK", **_SERVER}
    elif hop.serves:
        said = {"url.scheme": "https", "url.path": own["http.route"], "user_agent.original": _AGENT, **_HTTP}
    else:
        url = f"https://{_SERVER['server.address']}:{_SERVER['server.port']}{own['http.route']}"
        said = {"url.full": url, **_HTTP}
    return otlp.attributes(said)
