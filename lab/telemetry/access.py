"""The access proxy's configuration as local processes read it: Caddy, and the enforcers beside it in its pod."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.config import Config

from components.values.access import caddy, workload
from components.values.access.identities import access_token
from components.values.context import Context
from lab import cloud
from lab.lifecycle import Lab
from lab.telemetry.container import LOOPBACK
from settings import names

CONFIG: Final = f"{workload.CONFIG_MOUNT}/{workload.CONFIG_FILE}"
ENFORCERS: Final = {
    "access-prometheus": ("enforcer-prometheus", caddy.PROMETHEUS_ENFORCER),
    "access-alertmanager": ("enforcer-alertmanager", caddy.ALERTMANAGER_ENFORCER),
}
"""Container and rendered address of each enforcer, by the name of its process."""


def token(lab: Lab, context: Context, reader: str) -> str:
    """Return the bearer token of a tenant, or of the platform team, as the lab's secret store has it."""
    aws = cloud.running(lab.processes, context.region.aws_region)
    store = aws.session().client("secretsmanager", endpoint_url=aws.url, config=Config(proxies={}))
    name = names.secret(context.platform, context.name, access_token(reader))
    return str(store.get_secret_value(SecretId=name)["SecretString"])


def port_of(enforcer: str) -> int:
    """Return the port that an enforcer has in its pod."""
    return int(ENFORCERS[enforcer][1].rpartition(":")[2])


def proxy(text: str, ports: Mapping[str, int], enforcers: Mapping[str, str]) -> dict[str, Any]:
    """Return Caddy's configuration on loopback.

    Args:
        text: with paths and the Services' addresses swapped already.
        ports: http for callers, internal for health and metrics.
        enforcers: local host:port of each enforcer, by the name of its process.
    """
    for name, (_, rendered) in ENFORCERS.items():
        text = text.replace(rendered, enforcers[name])
    config: dict[str, Any] = json.loads(text)
    http = config["apps"]["http"]
    # Nobody has to be told that this one goes.
    http["shutdown_delay"] = http["grace_period"] = "0s"
    http["servers"]["access"]["listen"] = [f"{LOOPBACK}:{ports['http']}"]
    http["servers"]["internal"]["listen"] = [f"{LOOPBACK}:{ports['internal']}"]
    return config
